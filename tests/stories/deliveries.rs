//! Every message twice and in any order, with one effect; the newest version wins.

use queue::topology::{FETCH_BACKFILL, FETCH_LIVE, NORMALIZE_BACKFILL, NORMALIZE_LIVE};
use queue::{Outgoing, WorkQueue};
use simulator::{Change, DocumentSize, WorkspaceSpec};
use stories::{Stand, compare_with_truth, twice_and_shuffled};

const DOCUMENTS: [&WorkQueue; 2] = [&NORMALIZE_LIVE, &NORMALIZE_BACKFILL];
const NUDGES: [&WorkQueue; 2] = [&FETCH_LIVE, &FETCH_BACKFILL];
/// A little longer than the calls go back: fewer slices, less to do.
const HISTORY: [&str; 2] = ["--backfill-days", "25"];
const CALLS: u64 = 80;

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: CALLS, days: 20, document_size, ..WorkspaceSpec::named("acme") }
}

/// Nothing is taken for lost while the test holds it.
async fn patient_stand() -> Stand {
    Stand::paced(vec![("SWITCHBOARD_LOST_AFTER_S", "3600".to_owned())]).await
}

async fn listed(stand: &Stand, runs_at_least: i64) {
    stand
        .until("every run is listed", async || {
            let all = stand.number("SELECT count(*) FROM sync_runs").await;
            let listed = "SELECT count(*) FROM sync_runs WHERE state IN ('listed', 'settled')";
            all >= runs_at_least && all == stand.number(listed).await
        })
        .await;
}

/// Gives every call a new title, and lists the whole history again.
async fn rename_and_list_again(stand: &Stand, name: &str) {
    let ids: Vec<String> = stand.world().truth("acme").expect("a truth").map(|one| one.id).collect();
    for id in ids {
        let title = format!("{name} {id}");
        stand.world().change("acme", Change::SetTitle { id, title }).expect("a title");
    }
    let before = stand.number("SELECT count(*) FROM sync_runs").await;
    stand.sync_days("acme", 25).await;
    listed(stand, before + 1).await;
}

async fn drain_all(stand: &Stand, queues: [&'static WorkQueue; 2]) -> Vec<Outgoing> {
    let [live, backfill] = queues;
    [stand.drain(live).await, stand.drain(backfill).await].concat()
}

#[tokio::test]
async fn documents_delivered_twice_and_in_any_order_have_one_effect() {
    let mut stand = patient_stand().await;
    stand.connected(spec(), &HISTORY).await;
    let mut roles = vec![stand.start("scheduler").await, stand.start("fetcher").await];
    listed(&stand, 2).await;
    rename_and_list_again(&stand, "Second").await;
    rename_and_list_again(&stand, "Third").await;
    let documents = drain_all(&stand, DOCUMENTS).await;
    assert!(documents.len() as u64 > 2 * CALLS, "several versions of a call, not {}", documents.len());

    stand.publish(twice_and_shuffled(&documents, 1)).await;
    roles.extend([stand.start("normalizer").await, stand.start("steward").await]);
    stand.idle().await;
    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    stand.assert_sums().await;

    stand.publish(twice_and_shuffled(&documents, 2)).await;
    stand.idle().await;
    assert_eq!(stand.export("acme").await, exported, "once more changes nothing, not even a time");
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn nudges_delivered_twice_and_in_any_order_fetch_everything_once() {
    let mut stand = patient_stand().await;
    stand.connected(spec(), &HISTORY).await;
    let mut scheduler = stand.start("scheduler").await;
    stand
        .until("there are nudges of both lanes", async || {
            stand.waiting_in(&FETCH_LIVE).await > 0 && stand.waiting_in(&FETCH_BACKFILL).await > 0
        })
        .await;
    scheduler.stop().await;
    let nudges = drain_all(&stand, NUDGES).await;
    stand.publish(twice_and_shuffled(&nudges, 3)).await;

    let mut roles = stand.start_all().await;
    roles.push(stand.start("fetcher").await);
    stand.idle().await;
    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    stand.assert_sums().await;

    stand.publish(twice_and_shuffled(&nudges, 4)).await;
    let requests = stand.world().requests("acme").expect("a log").len();
    stand.idle().await;
    assert_eq!(stand.export("acme").await, exported);
    assert_eq!(stand.world().requests("acme").expect("a log").len(), requests, "an old nudge asks nothing");
    stand.finish(roles).await;
}
