//! A sync that finds nothing where there should be something says so.

use std::time::Duration;

use simulator::{AddedKind, Change, Shares, WorkspaceSpec};
use store::{Speaker, stream};
use stories::{Stand, compare_with_gong};

use crate::gong::{events_of, resync, set_key, spec, tenant};

#[tokio::test]
async fn a_key_that_sees_nothing_is_said_to_be_suspicious_and_never_a_plain_green() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(30, 5)).await;
    set_key(&stand, |key| key.blind = true);
    let output = stand.try_connect_gong("acme", &[]).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && error.contains("sees no call of the last 90 days"), "{error}");
    let roles = stand.start_all().await;
    stand
        .until("the silence is suspicious", async || {
            let status = stand.json(&["status"]).await;
            status[0]["suspicious_silence"].as_array().is_some_and(|all| all.len() == 1)
        })
        .await;
    stand.until("it is told", async || events_of(&stand, "sync.suspicious_silence").await == 1).await;
    let told = stand.ok(&["status"]).await;
    assert!(told.contains("its credential saw no call of the last 90 days"), "{told}");
    assert!(stand.export("acme").await.is_empty());
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_day_without_calls_is_suspicious_where_every_week_had_some_on_that_day() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, WorkspaceSpec { shares: Shares::NONE, ..spec(350, 35) }).await;
    stand.connect_gong("acme", &["--backfill-days", "40"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    for mut role in roles {
        role.stop().await;
    }
    let database = &stand.database;
    let judged = async || {
        let tx = database.store().begin(Speaker::Everybody).await.expect("a transaction");
        let suspicious = stream::judge_silence(&tx, Duration::from_hours(7 * 24)).await.expect("a judgement");
        tx.commit().await.expect("a commit");
        suspicious
    };
    assert_eq!(judged().await, 0, "calls came in just now");
    database.execute("UPDATE streams SET last_call_at = now() - interval '30 hours'").await;
    let two_weeks_ago = "CREATE TABLE moved AS SELECT conversation_id FROM conversations
        WHERE started_at > now() - interval '15 days' AND started_at <= now() - interval '14 days'";
    database.execute(two_weeks_ago).await;
    let shift = |days: i32| {
        format!(
            "UPDATE conversations SET started_at = started_at + interval '{days} days'
             WHERE conversation_id IN (SELECT conversation_id FROM moved)"
        )
    };
    database.execute(&shift(3)).await;
    assert_eq!(judged().await, 0, "two weeks ago there were none either");
    database.execute(&shift(-3)).await;
    assert_eq!(judged().await, 1, "every week had some");
    let status = stand.json(&["status"]).await;
    let reason = status[0]["suspicious_silence"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("each of the last four weeks"), "{reason}");
    stand.finish(Vec::new()).await;
}

/// Calls of so many days ago.
fn old_calls(stand: &Stand, count: u64, days: i64) {
    let finished_at = Some(stand.world().now() - jiff::SignedDuration::from_hours(24 * days));
    let old = Change::Add { count, finished_at, kind: AddedKind::Ordinary };
    stand.world().change("acme", old).expect("old calls");
}

#[tokio::test]
async fn a_first_sync_of_two_days_that_finds_nothing_is_suspicious_where_there_were_calls_before() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(0, 1)).await;
    old_calls(&stand, 5, 10);
    stand.connect_gong("acme", &[]).await;
    let roles = stand.start_all().await;
    let silences = "SELECT count(*) FROM streams WHERE silent_since IS NOT NULL";
    let silent = async || stand.number(silences).await == 1;
    stand.until("the silence is suspicious", silent).await;
    let told = stand.ok(&["status"]).await;
    assert!(told.contains("although its credential saw calls of the last 90 days"), "{told}");
    stand.idle().await;
    assert!(stand.export("acme").await.is_empty(), "they are older than what the first sync covers");
    resync(&stand, 12).await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.until("what speaks is cleared", async || !silent().await).await;

    // a week later nothing new has come, and older history that is fetched now is nothing new
    for (table, time) in [("connections", "created_at"), ("streams", "last_call_at")] {
        stand.database.execute(&format!("UPDATE {table} SET {time} = {time} - interval '8 days'")).await;
    }
    stand.until("a week of silence is suspicious", silent).await;
    old_calls(&stand, 4, 20);
    resync(&stand, 25).await;
    assert_eq!(stand.export("acme").await.len(), 9);
    let since = "SELECT count(*) FROM streams WHERE stream = 'conversations' AND last_call_at < now() - interval '7 days'";
    assert_eq!(stand.number(since).await, 1, "it is not taken for a sign of life");
    assert!(silent().await);
    stand.finish(roles).await;
}
