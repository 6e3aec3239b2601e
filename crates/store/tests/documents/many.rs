//! However many conversations there are, a question reads what it answers and little more.

use std::collections::BTreeSet;
use std::time::Duration;

use model::message::ResolveBatch;
use model::{ConversationId, TenantId};
use store::account::{self, AccountFilter};
use store::directory::{self, Wanted};
use store::invariant::{self, Width};
use store::meeting::{self, Placement, Reach};
use store::resolve::{self, Relink};
use store::testing::TestDatabase;
use store::timeline::{self, TimelineFilter};
use store::{Speaker, Tx, report, unmatched};
use uuid::Uuid;

use crate::support::{no_link, tenant_id};

/// Enough that reading all of anything is far beyond what any question here may read.
const CONVERSATIONS: u64 = 10_000;

/// Conversations that are linked and matched at once.
const BATCH: i64 = 100;

const REACH: Reach = Reach { by_key: Duration::from_mins(15), by_people: Duration::from_mins(5) };

/// A large tenant.
struct Many {
    db: TestDatabase,
    tenant: TenantId,
    ids: Vec<ConversationId>,
}

impl Many {
    async fn new() -> Self {
        let db = TestDatabase::fresh().await;
        db.fill(CONVERSATIONS).await;
        let mut ids = Vec::new();
        for number in 0..BATCH {
            ids.push(ConversationId(uuid(&db, &format!("conversation {}", number * 97)).await));
        }
        Self { db, tenant: tenant_id(TestDatabase::MANY), ids }
    }

    /// Fails if more rows than these are read.
    async fn ask(&self, what: &str, rows_max: i64, question: impl AsyncFnOnce(&Tx)) {
        let read = self.db.rows_read_by(Speaker::Tenant(&self.tenant), question).await;
        println!("{what}: {read} rows");
        assert!(read > 0 && read <= rows_max, "{what}: {read} rows are read instead of at most {rows_max}");
    }

    fn keyed(&self, texts: impl Iterator<Item = String>) -> BTreeSet<(TenantId, String)> {
        texts.map(|text| (self.tenant.clone(), text)).collect()
    }
}

async fn uuid(db: &TestDatabase, text: &str) -> Uuid {
    db.text(&format!("SELECT md5('{text}')::uuid::text")).await.parse().unwrap()
}

#[tokio::test]
async fn linking_reads_nothing_but_what_it_links() {
    let many = Many::new().await;
    let wanted = Wanted {
        tenants: [many.tenant.clone()].into(),
        email_keys: many.keyed((0..BATCH).map(|n| format!("contact-{}@customer-{n}.com", n % 10))),
        domains: many.keyed((0..BATCH).map(|n| format!("customer-{n}.com"))),
        external_ids: many.keyed((0..BATCH).map(|n| format!("account-{n}"))),
        deal_ids: many.keyed((0..BATCH).map(|n| format!("deal-{n}"))),
        user_ids: many.keyed((0..BATCH).map(|n| format!("user-{n}"))),
        contact_ids: many.keyed((0..BATCH).map(|n| format!("contact-{n}-{}", n % 10))),
    };
    many.ask("what is known of people and accounts", BATCH * 15, async |tx| {
        let found = directory::look_up(tx, &wanted).await.unwrap();
        assert_eq!(
            (found.contacts.len(), found.by_domain.len(), found.by_external_id.len()),
            (100, 100, 100)
        );
    })
    .await;
    many.ask("conversations to link", BATCH * 10, async |tx| {
        let loaded = resolve::load_for_resolve(tx, &many.ids).await.unwrap();
        assert_eq!(loaded.iter().map(|one| one.attendees.len()).sum::<usize>(), 400);
    })
    .await;
    let relinks = many.ids.iter().map(|id| Relink {
        id: *id,
        version: 1,
        link: no_link(),
        internal: true,
        participants: Vec::new(),
    });
    let relinks: Vec<Relink<'_>> = relinks.collect();
    many.ask("links written", BATCH * 10, async |tx| {
        assert_eq!(resolve::relink(tx, &relinks).await.unwrap(), 100);
    })
    .await;
    many.db.finish().await;
}

#[tokio::test]
async fn matching_reads_nothing_but_what_it_matches() {
    let many = Many::new().await;
    many.ask("copies to match", BATCH * 15, async |tx| {
        assert_eq!(meeting::load(tx, &many.ids).await.unwrap().len(), 100);
    })
    .await;
    many.ask("what could be a copy", BATCH * 20, async |tx| {
        let near = meeting::near(tx, &many.tenant, &many.ids, REACH).await.unwrap();
        assert!(near.iter().any(|near| near.is_together));
    })
    .await;
    let placement = |id: &ConversationId| Placement {
        id: *id,
        meeting: model::MeetingId::named_after(*id),
        evidence: serde_json::json!([{ "rule": "people" }]),
    };
    let placements: Vec<Placement> = many.ids.iter().map(placement).collect();
    many.ask("meetings written", BATCH * 5, async |tx| {
        meeting::splits(tx, &many.ids).await.unwrap();
        assert!(meeting::place(tx, &many.tenant, &placements).await.unwrap() > 0);
    })
    .await;
    many.db.finish().await;
}

#[tokio::test]
async fn handing_out_a_change_reads_nothing_but_what_it_touches() {
    let many = Many::new().await;
    let noted = "INSERT INTO account_changes (tenant_id, email_keys, domains, external_ids, account_ids, horizon)
                 VALUES ('many', '{contact-1@customer-7.com}', '{customer-7.com}', '{account-7}', ARRAY[md5('account 7')::uuid], '1')";
    many.db.execute(noted).await;
    let mut handed_out = 0;
    many.ask("a change of an account", 400, async |tx| {
        handed_out = resolve::take_ripe(tx, 1_000_000).await.unwrap().expect("a change").ids.len();
    })
    .await;
    assert!((20..500).contains(&handed_out), "{handed_out}");
    let sent = many.db.number("SELECT count(*) FROM resolve_batches").await;
    assert_eq!(sent, i64::try_from(handed_out.div_ceil(ResolveBatch::CONVERSATIONS_MAX)).unwrap());
    many.db.finish().await;
}

#[tokio::test]
async fn what_people_ask_reads_nothing_but_what_it_shows() {
    let many = Many::new().await;
    let newest = TimelineFilter { limit: 20, ..TimelineFilter::default() };
    many.ask("the newest meetings", 1000, async |tx| {
        assert_eq!(timeline::timeline(tx, &many.tenant, &newest).await.unwrap().len(), 20);
    })
    .await;
    let of_account = TimelineFilter { account: Some("account-7".to_owned()), ..newest.clone() };
    many.ask("the newest meetings of an account", 1000, async |tx| {
        assert_eq!(timeline::timeline(tx, &many.tenant, &of_account).await.unwrap().len(), 20);
    })
    .await;
    // of which each has a domain, ten contacts and some fifty conversations
    let some = AccountFilter { named: None, limit: 10 };
    many.ask("ten accounts", 3500, async |tx| {
        let listed = account::list(tx, &many.tenant, &some).await.unwrap();
        assert_eq!(listed.len(), 10);
        assert!(listed.iter().all(|one| one.contacts == 10 && one.conversations > 10), "{listed:?}");
    })
    .await;
    for name in ["call-4242", "https://localhost/calls/4242"] {
        many.ask(name, 100, async |tx| assert_eq!(report::find(tx, name).await.unwrap().len(), 1)).await;
    }
    many.ask("a page of the export", 2500, async |tx| {
        let (page, _) = timeline::export_page(tx, &many.tenant, None, 100).await.unwrap();
        assert_eq!(page.len(), 100);
    })
    .await;
    many.ask("a conversation", 200, async |tx| {
        assert!(timeline::conversation(tx, many.ids[1]).await.unwrap().is_some());
    })
    .await;
    many.db.execute("UPDATE conversations SET account_id = NULL, link_rule = 'none' WHERE account_id = md5('account 7')::uuid").await;
    many.ask("what has no account", 5000, async |tx| {
        assert_eq!(unmatched::unmatched(tx, &many.tenant, 5).await.unwrap().len(), 1);
    })
    .await;
    many.db.finish().await;
}

#[tokio::test]
async fn a_look_at_the_invariants_reads_its_stretch_and_what_is_wrong() {
    let many = Many::new().await;
    let made = format!(
        "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, listed, stored)
         SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', now() - interval '1 day', now(),
                CASE n WHEN 7 THEN 'failed' ELSE 'settled' END, 5, CASE n WHEN 7 THEN 4 ELSE 5 END
         FROM (SELECT * FROM connections LIMIT 1) AS c, generate_series(1, {CONVERSATIONS}) AS n"
    );
    many.db.execute(&made).await;
    many.db.execute("VACUUM (FREEZE, ANALYZE)").await;
    let before = many.db.rows_read().await;
    let store = many.db.another_store();
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let width = Width { records: BATCH, ..Width::default() };
    let looked = invariant::look(&tx, Duration::ZERO, width).await.unwrap().expect("it is always time");
    tx.commit().await.unwrap();
    drop(store);
    assert_eq!(looked.broken.len(), 1, "{looked:?}");
    let read = many.db.rows_read().await - before;
    assert!(read <= BATCH * 10, "{read} rows are read");
    many.db.finish().await;
}
