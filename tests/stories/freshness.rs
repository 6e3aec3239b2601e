//! How soon calls are there after they ended: only those count that ended while the connection was live.

use jiff::SignedDuration;
use serde_json::Value;
use simulator::{AddedKind, Change, DocumentSize, Shares, WorkspaceSpec};
use stories::Stand;

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec {
        conversations: 10,
        days: 5,
        shares: Shares::NONE,
        document_size,
        ..WorkspaceSpec::named("acme")
    }
}

async fn told(stand: &Stand) -> Value {
    let mut told = stand.json(&["freshness", "--tenant", "acme"]).await;
    assert_eq!(told.len(), 1, "one connection");
    told.remove(0)
}

fn seconds(told: &Value, of: &str, percentile: &str) -> f64 {
    told[of][percentile].as_f64().expect("seconds")
}

#[tokio::test]
async fn what_a_call_waited_for_is_told_in_parts_and_so_is_what_another_lookback_would_miss() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "6"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert!(stand.json(&["freshness"]).await.is_empty(), "history tells nothing");
    let nothing = stand.ok(&["freshness", "--tenant", "acme"]).await;
    assert!(nothing.contains("no call has ended"), "{nothing}");

    // as if it had been live for two days: one call shows thirty hours after its end, another at once
    stand.database.execute("UPDATE streams SET live_from = now() - interval '31 hours'").await;
    stand.database.execute("DELETE FROM conversations").await;
    let now = stand.world().now();
    for finished_at in [now - SignedDuration::from_hours(30), now] {
        let add = Change::Add { count: 1, finished_at: Some(finished_at), kind: AddedKind::Ordinary };
        stand.world().change("acme", add).expect("a call");
    }
    stand.sync("acme").await;
    stand.idle().await;
    let told = told(&stand).await;
    assert_eq!(told["calls"], 2);
    let late = 30.0 * 3600.0;
    assert!(
        seconds(&told, "total", "p99_s") > late * 0.98 && seconds(&told, "vendor_lag", "p99_s") > late * 0.98
    );
    for part in ["fetch_lag", "store_lag"] {
        assert!((0.0..600.0).contains(&seconds(&told, part, "p99_s")), "{told}");
    }
    assert!(seconds(&told, "fetch_lag", "p50_s") + seconds(&told, "store_lag", "p50_s") > 0.0, "{told}");
    let missed: Vec<i64> = told["lookbacks"]
        .as_array()
        .expect("lookbacks")
        .iter()
        .map(|one| one["missed"].as_i64().expect("a count"))
        .collect();
    assert_eq!(missed, [1, 1, 1, 0, 0], "{told}");
    let words = stand.ok(&["freshness"]).await;
    assert!(words.contains("1 with 24 h"), "{words}");
    stand.finish(roles).await;
}
