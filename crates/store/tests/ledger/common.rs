//! A tenant with one connection, as the tests of the ledger need it.

use std::time::Duration;

use model::{ConnectionId, ContentHash, ItemDecision, TenantId, Vendor, VendorAccount, VendorKey, Version};
use store::credential::{Kept, StoredCredential};
use store::run_checkpoint::Listed;
use store::run_claim::{self, ClaimedRun};
use store::testing::{TestDatabase, connected};
use store::{Speaker, Store, budget, credential, run_plan, tenant};

/// A tenant whose connection runs: gate open, credential valid, limits set.
pub(crate) struct Connected {
    pub(crate) database: TestDatabase,
    pub(crate) tenant: TenantId,
    pub(crate) id: ConnectionId,
}

impl Connected {
    pub(crate) async fn fresh() -> Self {
        let database = TestDatabase::fresh().await;
        let tenant = TenantId::parse("acme").unwrap();
        let id = connect(database.store(), &tenant).await;
        Self { database, tenant, id }
    }

    pub(crate) fn store(&self) -> &Store {
        self.database.store()
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.database.number(sql).await
    }

    /// Starts what is planned and claims the only nudge that comes of it.
    pub(crate) async fn start_and_claim(&self) -> ClaimedRun {
        let tx = self.store().begin(Speaker::Everybody).await.unwrap();
        run_plan::start_planned(&tx, 100).await.unwrap();
        let nudges = run_plan::take_nudges(&tx, Duration::from_secs(30), 100).await.unwrap();
        let nudge = nudges.first().expect("a nudge");
        let run =
            run_claim::claim(&tx, nudge.run_id, nudge.step, "test", Duration::from_mins(1)).await.unwrap();
        tx.commit().await.unwrap();
        run.expect("a claim")
    }
}

pub(crate) fn account() -> VendorAccount {
    VendorAccount::of("org-1")
}

pub(crate) async fn connect(store: &Store, id: &TenantId) -> ConnectionId {
    let connection = connected(store, id, &account()).await;
    let tx = store.begin(Speaker::Tenant(id)).await.unwrap();
    tenant::open_gate(&tx, id).await.unwrap();
    budget::set_limits(&tx, Vendor::Attention, &account(), 20.0, 2).await.unwrap();
    save_credential(&tx, id, connection).await;
    tx.commit().await.unwrap();
    connection
}

pub(crate) async fn save_credential(tx: &store::Tx, tenant: &TenantId, id: ConnectionId) -> i32 {
    let generation = credential::next_generation(tx, id).await.unwrap();
    let kept = Kept::Sealed { key_id: "key".to_owned(), bytes: vec![1] };
    let fresh = StoredCredential::fresh(generation, kept, "bearer");
    credential::save(tx, tenant, id, &fresh).await.unwrap();
    generation
}

pub(crate) fn listed(key: &str, version: i64, decision: ItemDecision) -> Listed {
    Listed {
        key: VendorKey::of(key),
        version: Version(version),
        hash: ContentHash::of(key.as_bytes()),
        decision,
        happened_at: None,
    }
}
