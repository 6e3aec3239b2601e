//! No tenant waits for another tenant's backfill, however large it is.

use std::time::Duration;

use model::message::RawDocument;
use queue::Outgoing;
use queue::topology::NORMALIZE_BACKFILL;
use simulator::{Change, DocumentSize, Shares, WorkspaceSpec};
use stories::{Role, Stand, compare_with_truth};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What is outstanding while the small tenant syncs, at the beginning.
const PAGES: i64 = 50_000;
const DOCUMENTS: usize = 100_000;

/// The big tenant's history: a slice a day, each of 52 pages. The vendor makes up a page when it is asked for.
const DAYS: u32 = 1000;
const CALLS_A_DAY: u64 = 2500;

/// What a live sync of the small tenant asks for, call by call.
const CALLS: u64 = 100;

/// Syncs with the backfill, and as many without; their medians are compared.
const ROUNDS: usize = 3;

fn spec(name: &str, conversations: u64, days: u32) -> WorkspaceSpec {
    let (shares, document_size) = (Shares::NONE, DocumentSize::Tiny);
    WorkspaceSpec { conversations, days, shares, document_size, ..WorkspaceSpec::named(name) }
}

/// What is left of the big tenant's backfill, and how far it has come.
#[derive(Debug)]
struct Backfill {
    pages_left: i64,
    documents_left: usize,
    requests_sent: u64,
    documents_stored: i64,
}

impl Backfill {
    async fn of(stand: &Stand) -> Self {
        let pages = format!(
            "SELECT coalesce(sum(floor(extract(epoch FROM window_to - window_from) / 86400 * {CALLS_A_DAY} / 50)
                                 - (page - 1)), 0)::bigint
             FROM sync_runs WHERE tenant_id = 'big' AND kind = 'bootstrap' AND state IN ('planned', 'listing')"
        );
        Self {
            pages_left: stand.number(&pages).await,
            documents_left: documents_left(stand).await,
            requests_sent: stand.world().stats("big").expect("stats").requests,
            documents_stored: stand
                .number("SELECT count(*) FROM conversations WHERE tenant_id = 'big'")
                .await,
        }
    }

    fn goes_on_since(&self, before: &Self) -> bool {
        self.requests_sent > before.requests_sent && self.documents_stored > before.documents_stored
    }
}

/// RabbitMQ calls a quorum queue empty whose leader is too busy to say in time how full it is.
async fn documents_left(stand: &Stand) -> usize {
    for _ in 0..5 {
        let left = stand.waiting_in(&NORMALIZE_BACKFILL).await;
        if left > 0 {
            return left;
        }
    }
    0
}

/// Gives the small tenant's calls new titles, and says how long the sync takes that brings them in.
async fn timed_sync(stand: &Stand, round: usize) -> Duration {
    let calls: Vec<String> = stand.world().truth("small").expect("a truth").map(|one| one.id).collect();
    for id in calls {
        let title = format!("{id} in round {round}");
        stand.world().change("small", Change::SetTitle { id, title }).expect("a title");
    }
    let sql = "SELECT count(*) FROM sync_runs
               WHERE tenant_id = 'small' AND stream = 'conversations' AND kind = 'periodic' AND state = 'settled'";
    let settled = stand.number(sql).await;
    let began = Instant::now();
    stand.ok(&["sync", "small/attention"]).await;
    stand.until("the live sync ends", async || stand.number(sql).await > settled).await;
    let took = began.elapsed();
    let new = format!(
        "SELECT count(*) FROM conversations WHERE tenant_id = 'small' AND title LIKE '% in round {round}'"
    );
    assert_eq!(stand.number(&new).await, CALLS.cast_signed());
    took
}

/// Publishes what a fetcher far ahead of the normalizers would have: one of its documents under many ids.
async fn pile_up(stand: &Stand, documents: usize) {
    stand.until("a document is there", async || stand.waiting_in(&NORMALIZE_BACKFILL).await > 0).await;
    let one = stand.vhost.take(NORMALIZE_BACKFILL.name).await.body;
    let key = RawDocument::decode(&one).expect("a document").vendor_key.to_string();
    let body = String::from_utf8(one).expect("JSON is text");
    let broker = stand.vhost.broker();
    let mut publishing = JoinSet::new();
    for share in 0..4 {
        let (publisher, body, key) = (broker.publisher(), body.clone(), key.clone());
        publishing.spawn(async move {
            for first in (share * documents / 4..(share + 1) * documents / 4).step_by(1000) {
                let copies = (first..first + 1000)
                    .map(|number| body.replace(&key, &format!("{number:08}")))
                    .map(|copy| Outgoing::to_work(&NORMALIZE_BACKFILL, copy.into_bytes()));
                publisher.publish_all(copies.collect()).await.expect("published");
            }
        });
    }
    publishing.join_all().await;
    // that one too is waited for
    broker
        .publisher()
        .publish(Outgoing::to_work(&NORMALIZE_BACKFILL, body.into_bytes()))
        .await
        .expect("published");
    broker.close().await;
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

/// A stand with the small tenant, every role, and nothing to do. The tenant's rate limit decides how long its syncs take, as in
/// production, where it is a tenth of this one.
async fn with_small_tenant() -> (Stand, Vec<Role>) {
    let pace = [("SWITCHBOARD_LOST_AFTER_S", "3600"), ("SWITCHBOARD_SLICE_DAYS", "1")];
    let mut stand = Stand::paced(pace.map(|(name, value)| (name, value.to_owned())).to_vec()).await;
    let slow = ["--backfill-days", "0", "--requests-per-second", "20", "--in-flight", "4"];
    stand.connected(spec("small", CALLS, 1), &slow).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    (stand, roles)
}

/// The undisturbed syncs run beside the disturbed ones, on a stand with queues, tables and processes of its own. So both share
/// the machine with the backfill and with whatever else is on it, only one shares the system, and the ratio tells of nothing but
/// waiting in line.
#[tokio::test]
async fn a_live_sync_takes_at_most_twice_its_time_beside_a_huge_backfill() {
    let (mut stand, mut roles) = with_small_tenant().await;
    roles.remove(2).stop().await;
    let large = ["--backfill-days", "1000", "--requests-per-second", "25", "--in-flight", "4"];
    stand.connected(spec("big", u64::from(DAYS) * CALLS_A_DAY, DAYS), &large).await;
    pile_up(&stand, DOCUMENTS + 5000).await;
    let (calm, calm_roles) = with_small_tenant().await;
    roles.push(stand.start("normalizer").await);
    let mut before = Backfill::of(&stand).await;
    stand
        .until("the backfill is worked on", async || Backfill::of(&stand).await.goes_on_since(&before))
        .await;
    before = Backfill::of(&stand).await;
    assert!(before.documents_left >= DOCUMENTS, "{before:?}");

    let (mut disturbed, mut undisturbed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        assert!(before.pages_left >= PAGES && before.documents_left > DOCUMENTS / 2, "{before:?}");
        let (beside, alone) = tokio::join!(timed_sync(&stand, round), timed_sync(&calm, round));
        disturbed.push(beside);
        undisturbed.push(alone);
        let now = Backfill::of(&stand).await;
        assert!(now.goes_on_since(&before), "{now:?} after {before:?}");
        before = now;
    }
    assert!(before.pages_left >= PAGES && before.documents_left > DOCUMENTS / 2, "{before:?}");
    let ratio = median(&disturbed).div_duration_f64(median(&undisturbed));
    println!("{ratio:.2} times: {disturbed:?} instead of {undisturbed:?}, {before:?}");
    assert!(ratio <= 2.0, "{ratio:.2} times its undisturbed time: {disturbed:?} instead of {undisturbed:?}");
    for each in [&stand, &calm] {
        compare_with_truth(&each.world(), "small", &each.export("small").await);
    }
    calm.finish(calm_roles).await;
    // the point is made: the rest of the backfill need not be waited for
    stand.abandon(roles).await;
}
