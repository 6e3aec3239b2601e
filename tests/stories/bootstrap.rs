//! The main job: a history is fetched, later calls follow by themselves.

use serde_json::Value;
use simulator::{AddedKind, Change, DocumentSize, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

fn spec(name: &str, conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec { conversations, days: 40, document_size: DocumentSize::Tiny, ..WorkspaceSpec::named(name) }
}

#[tokio::test]
async fn a_history_is_fetched_and_later_calls_follow_each_on_the_right_account() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 300), &[]).await;
    stand.connected(spec("globex", 120), &["--backfill-days", "60"]).await;
    let roles = stand.start_all().await;
    let waited = stand.ok(&["wait", "--idle", "--timeout", "100"]).await;
    assert!(waited.starts_with("idle"), "{waited}");
    for id in ["acme", "globex"] {
        compare_with_truth(&stand.world(), id, &stand.export(id).await);
    }
    stand.assert_sums().await;
    let before = stand.export("acme").await.len();

    let world = stand.world();
    world
        .change("acme", Change::Add { count: 30, finished_at: None, kind: AddedKind::Mixed })
        .expect("new calls");
    world.change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    let recent: Vec<String> =
        world.truth("acme").expect("a truth").skip(30).take(8).map(|one| one.id).collect();
    for (index, id) in recent.into_iter().enumerate() {
        let change = if index % 2 == 0 {
            Change::SetTitle { id, title: format!("Renamed {index}") }
        } else {
            Change::ChangeInsight { id }
        };
        world.change("acme", change).expect("a change");
    }
    stand.resync("acme").await;
    stand.sync("acme").await;
    let after = stand.export("acme").await;
    compare_with_truth(&world, "acme", &after);
    assert!(after.len() > before);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_unchanged_history_costs_no_details() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 100), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    world.change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    stand.resync("acme").await;
    stand.idle().await;
    let exported = stand.export("acme").await;
    world.reset_log("acme").expect("a fresh log");
    stand.resync("acme").await;
    stand.idle().await;
    let details = world.requests("acme").expect("a log");
    let details = details.iter().filter(|request| request.endpoint == simulator::Endpoint::Detail).count();
    assert_eq!(details, 0, "every row had the hash that is stored");
    assert_eq!(stand.export("acme").await, exported, "not even a time has changed");
    stand.finish(roles).await;
}

#[tokio::test]
async fn two_of_every_role_do_the_work_once() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 200), &[]).await;
    let mut roles = stand.start_all().await;
    roles.extend(stand.start_all().await);
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    let periodic = runs.iter().filter(|run| run["kind"] == "periodic");
    let mut streams: Vec<_> = periodic.map(|run| run["stream"].as_str().expect("a stream")).collect();
    streams.sort_unstable();
    assert_eq!(streams, ["conversations", "users"], "no double run");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_bootstrap_that_finds_nothing_and_a_stream_that_goes_quiet_are_suspicious_once() {
    let mut stand = Stand::fresh().await;
    let tiny = WorkspaceSpec { conversations: 0, ..spec("void", 0) };
    stand.connected(tiny, &["--backfill-days", "14"]).await;
    stand.connected(spec("acme", 20), &["--backfill-days", "14"]).await;
    let roles = stand.start_all().await;
    let suspicious = async |id: &str| {
        let sql = "SELECT count(*) FROM streams WHERE silent_since IS NOT NULL AND tenant_id";
        stand.number(&format!("{sql} = '{id}'")).await > 0
    };
    stand.idle().await;
    stand.until("nothing at all is suspicious", async || suspicious("void").await).await;
    assert!(!suspicious("acme").await, "it has only just spoken");
    for (table, time) in [("connections", "created_at"), ("streams", "last_call_at")] {
        let week = format!("UPDATE {table} SET {time} = {time} - interval '8 days' WHERE tenant_id = 'acme'");
        stand.database.execute(&week).await;
    }
    stand.until("a week of silence is suspicious", async || suspicious("acme").await).await;
    let change = Change::Add { count: 3, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("void", change).expect("calls at last");
    stand.sync("void").await;
    stand.until("the one that speaks again is cleared", async || !suspicious("void").await).await;
    let status = stand.json(&["status"]).await;
    assert_eq!(status[0]["suspicious_silence"].as_array().expect("a list").len(), 1, "{status:?}");
    let events = stand.json(&["events", "tail", "-n", "1000"]).await;
    let told = |id: &str| {
        let mine = |event: &&Value| event["type"] == "sync.suspicious_silence" && event["tenant"] == id;
        events.iter().filter(mine).count()
    };
    assert_eq!((told("void"), told("acme")), (1, 1), "one event for one silence");
    stand.finish(roles).await;
}
