//! No tenant waits for another tenant's backfill.

use queue::topology::{NORMALIZE_BACKFILL, WORK_QUEUES};
use simulator::{AddedKind, Change, DocumentSize, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

/// Documents of the big tenant that are queued before anybody reads them.
const QUEUED: usize = 2000;

fn spec(name: &str, conversations: u64, days: u32) -> WorkspaceSpec {
    WorkspaceSpec { conversations, days, document_size: DocumentSize::Tiny, ..WorkspaceSpec::named(name) }
}

async fn open_runs_of(stand: &Stand, tenant: &str) -> (usize, usize) {
    let runs = stand.json(&["runs", "--limit", "100000"]).await;
    let own: Vec<_> = runs.iter().filter(|run| run["tenant"] == tenant).collect();
    (own.iter().filter(|run| run["state"] != "settled").count(), own.len())
}

#[tokio::test]
async fn a_live_sync_is_done_while_another_tenants_backfill_is_far_from_it() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_LOST_AFTER_S", "3600".to_owned())]).await;
    stand.connected(spec("small", 20, 5), &["--backfill-days", "7"]).await;
    let mut roles = stand.start_all().await;
    stand.idle().await;
    roles.remove(2).stop().await;

    // the big tenant has a backlog in both places: slices that are not fetched yet, and documents that nobody reads
    let slow = ["--backfill-days", "350", "--requests-per-second", "25", "--in-flight", "4"];
    stand.connected(spec("big", 3000, 350), &slow).await;
    stand.until("documents are queued", async || stand.waiting_in(&NORMALIZE_BACKFILL).await > 0).await;
    let body = stand.vhost.take(NORMALIZE_BACKFILL.name).await;
    let body = queue::Outgoing::to_work(&NORMALIZE_BACKFILL, body.body).with_headers(body.headers);
    stand.publish(vec![body; QUEUED]).await;

    let add = Change::Add { count: 8, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("small", add).expect("new calls");
    stand.ok(&["sync", "small/attention"]).await;
    let normalizer = stand.start_with("normalizer", &[("SWITCHBOARD_NORMALIZE_BATCH", "1")]).await;
    roles.push(normalizer);
    let wanted = stand.world().truth("small").expect("a truth").filter(|one| one.skip.is_none()).count();
    stand.until("the new calls are there", async || stand.export("small").await.len() == wanted).await;

    let (open, all) = open_runs_of(&stand, "big").await;
    let queued = stand.waiting_in(&NORMALIZE_BACKFILL).await;
    assert!(all > 40 && open * 2 > all, "{open} of {all} runs of the big one are open");
    assert!(queued * 2 > QUEUED, "{queued} of its documents are queued");
    compare_with_truth(&stand.world(), "small", &stand.export("small").await);
    for mut role in roles {
        role.stop().await;
    }
    // the point is made: the rest of the backfill need not be waited for
    for queue in WORK_QUEUES {
        stand.drain(queue).await;
    }
    stand.finish(Vec::new()).await;
}
