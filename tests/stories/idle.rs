//! Waiting until nothing is left to do: whatever is in whoever's hand is not done.

use queue::topology::{NORMALIZE_BACKFILL, RESOLVE_QUEUE};
use queue::{Outgoing, Source, WorkQueue};
use simulator::{DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

const HISTORY: [&str; 2] = ["--backfill-days", "12"];

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 40, days: 10, document_size, ..WorkspaceSpec::named("acme") }
}

/// Neither the whole nor the tenant is idle, what is left is named, and its queue is dated although no message is ready.
async fn assert_left(stand: &Stand, what: &str, queue: &str) {
    for tenant in [&[][..], &["--tenant", "acme"]] {
        let args = [&["wait", "--idle", "--timeout", "1", "--json"], tenant].concat();
        let output = stand.run(&args).await;
        let left: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(1), "{left}");
        assert!(left[what].as_i64().is_some_and(|count| count > 0), "{left}");
    }
    let status = &stand.json(&["status"]).await[0];
    let dated = status["queues"].as_array().expect("queues").iter().find(|one| one["queue"] == queue);
    assert!(dated.expect("the queue")["oldest_s"].as_i64().is_some_and(|age| age >= 0), "{status}");
    let told = stand.ok(&["status"]).await;
    assert!(told.lines().any(|line| line.trim().starts_with(queue) && line.trim().ends_with(" s")), "{told}");
}

fn ordinary(stand: &Stand) -> String {
    let mut truth = stand.world().truth("acme").expect("a truth");
    truth.find(|one| one.skip.is_none() && one.segments > 0).expect("a call").id
}

#[tokio::test]
async fn calls_to_be_linked_again_are_waited_for_in_hand_and_when_their_message_is_lost() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let first = stand.path("first.csv");
    std::fs::write(&first, "external_id,name,domains\nOTHER,Somebody else,elsewhere.example.org\n")
        .expect("a file");
    stand.ok(&["accounts", "import", "--tenant", "acme", &first.display().to_string()]).await;
    stand.connect("acme", "acme-key", &HISTORY).await;
    let mut roles = stand.start_all().await;
    stand.idle().await;
    roles.remove(2).stop().await;

    stand.accounts("acme").await;
    let held = stand.hold(&RESOLVE_QUEUE).await;
    assert_left(&stand, "batches_to_link", RESOLVE_QUEUE.name).await;
    held.lose().await;
    assert_left(&stand, "batches_to_link", RESOLVE_QUEUE.name).await;
    roles.push(stand.start("normalizer").await);
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_replayed_document_is_waited_for_until_it_is_worked_off_or_dead_again() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_LOST_AFTER_S", "3600".to_owned())]).await;
    stand.connected(spec(), &HISTORY).await;
    let mut roles = vec![stand.start("scheduler").await, stand.start("fetcher").await];
    stand.until("documents are there", async || stand.waiting_in(&NORMALIZE_BACKFILL).await > 0).await;
    let (document, garbage) = (stand.vhost.take(NORMALIZE_BACKFILL.name).await, b"no document".to_vec());
    let dead = [document.body, garbage].map(|body| Outgoing::to_queue(NORMALIZE_BACKFILL.dead(), body));
    stand.publish(dead.to_vec()).await;
    roles.push(stand.start("steward").await);
    let mut normalizer = stand.start("normalizer").await;
    stand.idle().await;
    assert_eq!(stand.json(&["dead", "list"]).await.len(), 2);
    normalizer.stop().await;

    stand.ok(&["dead", "replay", "--all", "--detach", "--failures-max", "1"]).await;
    stand.until("the first is sent", async || stand.waiting_in(&NORMALIZE_BACKFILL).await > 0).await;
    let held = stand.hold(&NORMALIZE_BACKFILL).await;
    assert_left(&stand, "replays_under_way", NORMALIZE_BACKFILL.name).await;
    held.give_back().await;
    roles.push(stand.start("normalizer").await);
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    let left = stand.json(&["dead", "list"]).await;
    assert_eq!(
        (left.len(), left[0]["deaths"].as_i64()),
        (1, Some(2)),
        "what cannot be read dies again: {left:?}"
    );
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_dead_letter_is_waited_for_until_it_is_filed() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &HISTORY).await;
    let broken = ordinary(&stand);
    let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
    stand.world().add_fault("acme", fault).expect("a fault");
    let mut roles = Vec::new();
    for role in ["scheduler", "fetcher", "normalizer"] {
        roles.push(stand.start(role).await);
    }
    stand
        .until("a letter was left", async || {
            stand.database.number("SELECT count(*) FROM expected_letters").await == 1
        })
        .await;
    let queue = stand.database.text("SELECT origin_queue FROM expected_letters").await;
    let queue = WorkQueue::named(&queue).expect("a work queue");
    let held = stand.hold(Source::dead(queue)).await;
    stand
        .until("all but the letter is done", async || {
            stand.json(&["runs", "--limit", "1000"]).await.iter().all(|run| run["state"] == "settled")
        })
        .await;
    assert_left(&stand, "letters_unfiled", &queue.dead()).await;
    held.give_back().await;
    roles.push(stand.start("steward").await);
    stand.idle().await;
    assert_eq!(stand.json(&["dead", "list"]).await[0]["record"], broken.as_str());
    stand.world().clear_faults("acme").expect("mended");
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_record_whose_details_are_asked_for_again_is_waited_for_until_it_is_dead() {
    let pace = [("SWITCHBOARD_RETRY_FIRST_MS", "4000"), ("SWITCHBOARD_DETAIL_ATTEMPTS", "2")];
    let mut stand = Stand::paced(pace.map(|(name, value)| (name, value.to_owned())).into()).await;
    stand.connected(spec(), &HISTORY).await;
    let broken = ordinary(&stand);
    let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
    stand.world().add_fault("acme", fault).expect("a fault");
    let roles = stand.start_all().await;
    let retried = "SELECT count(*) FROM intake WHERE look_reason = 'detail-failed' AND look_at > now()";
    stand.until("the record is to be asked for again", async || stand.count(retried).await == 1).await;
    let settled = "SELECT count(*) FROM sync_runs WHERE state <> 'settled'";
    stand.until("nothing else is left", async || stand.count(settled).await == 0).await;
    let output = stand.run(&["wait", "--idle", "--timeout", "0", "--json"]).await;
    let left: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(1), "{left}");
    assert_eq!((&left["records_retrying"], &left["idle"]), (&1.into(), &false.into()), "{left}");
    stand.ok(&["wait", "--idle"]).await;
    assert_eq!(stand.dead().await, 1);
    stand.finish(roles).await;
}
