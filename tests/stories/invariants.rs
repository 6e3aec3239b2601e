//! What must always hold is looked at: broken on purpose, it is raised everywhere where somebody looks, and so is that it holds again.

use serde_json::Value;
use simulator::{DocumentSize, Shares, WorkspaceSpec};
use stories::{Role, Stand};

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 10, shares: Shares::NONE, document_size, ..WorkspaceSpec::named("acme") }
}

/// How often each is counted as broken.
async fn counted(steward: &Role) -> Vec<String> {
    let numbers = steward.get("/metrics").await;
    let ours = numbers.lines().filter(|line| line.starts_with("switchboard_broken_invariants{"));
    ours.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

async fn events(stand: &Stand, kind: &str) -> Vec<Value> {
    let all = stand.json(&["events", "tail", "-n", "1000"]).await;
    all.into_iter().filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn what_does_not_hold_is_raised_and_what_holds_again_is_told() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let mut roles =
        vec![stand.start("scheduler").await, stand.start("fetcher").await, stand.start("normalizer").await];
    let settings = [("SWITCHBOARD_WATCH_S", "1"), ("SWITCHBOARD_COUNT_S", "1")];
    let steward = stand.start_with("steward", &settings).await;
    stand.idle().await;
    assert!(!stand.ok(&["status"]).await.contains("BROKEN"));

    stand
        .database
        .execute(
            "UPDATE intake SET stored_version = NULL, stored_hash = NULL, content_hash = NULL, listed_at = now() - interval '2 hours'
             WHERE vendor_key = (SELECT min(vendor_key) FROM intake);
             UPDATE sync_runs SET state = 'failed', listed = listed + 1
             WHERE run_id = (SELECT run_id FROM sync_runs WHERE state = 'settled' LIMIT 1)",
        )
        .await;
    stand.until("both are counted", async || counted(&steward).await.len() == 2).await;
    let words = stand.ok(&["status"]).await;
    for what in ["sums of tenant acme (1): run ", "outcomes of tenant acme (1): record "] {
        assert!(words.contains("BROKEN since ") && words.contains(what), "{words}");
    }
    let told = stand.json(&["status"]).await[0]["broken_invariants"].as_array().map(Vec::len);
    assert_eq!(told, Some(2));
    assert_eq!(events(&stand, "invariant.broken").await.len(), 2, "once each, however often it is looked at");

    stand
        .database
        .execute(
            "UPDATE sync_runs SET listed = listed - 1 WHERE listed <> stored + unchanged + skipped + pending + dead;
             UPDATE intake SET look_at = now(), look_reason = 'changed' WHERE stored_version IS NULL",
        )
        .await;
    stand.until("nothing is counted", async || counted(&steward).await.is_empty()).await;
    assert_eq!(events(&stand, "invariant.mended").await.len(), 2);
    assert!(!stand.ok(&["status"]).await.contains("BROKEN"));
    stand.idle().await;
    roles.push(steward);
    stand.finish(roles).await;
}
