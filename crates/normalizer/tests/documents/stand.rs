//! A broker, a database, a tenant with a connection, and a normalizer between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::message::{RawDocument, RawSource};
use model::{
    ConnectionId, ContentHash, Lane, RunId, Stream, TenantId, Vendor, VendorAccount, VendorKey, Version,
};
use normalizer::{Deps, NormalizerConfig, NormalizerMetrics};
use prometheus::Registry;
use queue::testing::TestVhost;
use queue::topology::{NORMALIZE_LIVE, RESOLVE_QUEUE};
use queue::{Broker, Outgoing};
use runtime::{Env, Shutdown};
use serde_json::value::RawValue;
use store::testing::{TestDatabase, connected, connected_to};
use store::timeline::{self, ExportedConversation};
use store::{Speaker, Store, StoreConfig, resolve};
use tokio::task::JoinHandle;
use tokio::time::interval;
use uuid::Uuid;

/// No test waits longer than this for anything.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Stand {
    pub(crate) db: TestDatabase,
    pub(crate) vhost: TestVhost,
    pub(crate) tenant: TenantId,
    account: VendorAccount,
    connection: ConnectionId,
    pub(crate) gong: ConnectionId,
    broker: Broker,
    registry: Registry,
    metrics: Arc<NormalizerMetrics>,
}

/// A normalizer at work.
pub(crate) struct Running {
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        tokio::time::timeout(DEADLINE, self.task).await.expect("it ends in time").unwrap().unwrap();
    }
}

/// A call with one external and one internal attendee, as the vendor tells it.
pub(crate) fn call(id: &str, title: &str) -> String {
    let title = serde_json::to_string(title).unwrap();
    format!(
        r#"{{"type":"conversations","id":"{id}","attributes":{{"title":{title},"createdAt":"2026-03-01T10:40:00Z",
            "finishedAt":"2026-03-01T10:30:00Z","mediaDuration":1800,"transcriptStatus":"completed",
            "participants":[{{"name":"Ana","email":"ana@customer.com"}},{{"name":"Bob","email":"bob@acme.com"}}],
            "transcript":[{{"speaker":"Ana","text":"Hello there.","start":0,"end":2}}]}}}}"#
    )
}

pub(crate) fn body_of(document: &RawDocument<'_>) -> Vec<u8> {
    document.encode()
}

impl Stand {
    /// The company's account at Gong.
    pub(crate) const GONG: &str = "company-1";

    pub(crate) async fn fresh() -> Self {
        let (db, vhost) = tokio::join!(TestDatabase::fresh(), TestVhost::fresh());
        let (tenant, account) = (TenantId::parse("acme").unwrap(), VendorAccount::of("org-1"));
        let connection = connected(db.store(), &tenant, &account).await;
        let gong = connected_to(db.store(), &tenant, Vendor::Gong, &VendorAccount::of(Self::GONG)).await;
        let broker = vhost.broker();
        let registry = Registry::new();
        let metrics = Arc::new(NormalizerMetrics::register(&registry).unwrap());
        Self { db, vhost, tenant, account, connection, gong, broker, registry, metrics }
    }

    pub(crate) fn start(&self) -> Running {
        self.start_with(self.db.store().clone(), Duration::from_mins(1))
    }

    /// Its database never answers, and it does not wait.
    pub(crate) fn start_without_database(&self) -> Running {
        let nobody_listens = StoreConfig {
            url: "postgres://nobody:nothing@127.0.0.1:1/nowhere".into(),
            connections_max: 1,
            wait_max: Duration::from_secs(1),
            answer_max: Duration::from_mins(5),
        };
        self.start_with(Store::new(&nobody_listens, "test").unwrap(), Duration::ZERO)
    }

    fn start_with(&self, store: Store, hold: Duration) -> Running {
        let config = NormalizerConfig { hold, ..NormalizerConfig::from_env(&Env::default()).unwrap() };
        let deps = Deps { store, broker: self.broker.clone(), config, metrics: Arc::clone(&self.metrics) };
        let shutdown = Shutdown::new();
        Running { task: tokio::spawn(normalizer::run(deps, shutdown.clone())), shutdown }
    }

    /// A document whose list row is `listed`, asked for at `version`.
    pub(crate) fn raw(&self, key: &str, version: i64, listed: &str) -> RawDocument<'static> {
        let listed_hash = ContentHash::of(listed.as_bytes());
        // for the rest of the test program
        let listed: &'static RawValue = Box::leak(RawValue::from_string(listed.to_owned()).unwrap());
        RawDocument {
            version: RawDocument::VERSION,
            tenant: self.tenant.clone(),
            connection_id: self.connection,
            vendor: Vendor::Attention,
            vendor_account: self.account.clone(),
            stream: Stream::Conversations,
            vendor_key: VendorKey::of(key),
            run_id: RunId(Uuid::from_u128(1)),
            lane: Lane::Live,
            asked_at: Version(version),
            listed_hash,
            give_up: false,
            admit_private: false,
            source: RawSource::Inline { listed: Some(listed), detail: None },
        }
    }

    pub(crate) fn document(&self, key: &str, version: i64, listed: &str) -> Outgoing {
        Outgoing::to_work(&NORMALIZE_LIVE, self.raw(key, version, listed).encode())
    }

    pub(crate) async fn publish(&self, messages: Vec<Outgoing>) {
        self.broker.publisher().publish_all(messages).await.unwrap();
    }

    /// Waits until so many documents had this outcome.
    pub(crate) async fn until(&self, outcome: &str, count: u64) {
        self.until_metric(&format!("normalizer_documents_total{{outcome=\"{outcome}\"}}"), count).await;
    }

    /// Waits until so many documents had any outcome.
    pub(crate) async fn until_all(&self, count: u64) {
        self.until_metric("normalizer_documents_total", count).await;
    }

    /// Waits until the numbers of this name, added up, have come so far.
    pub(crate) async fn until_metric(&self, name: &str, count: u64) {
        self.until_so(&format!("{name} is {count}"), async || {
            let text = self.metrics_text();
            let values = text.lines().filter(|line| line.starts_with(name));
            let sum: f64 = values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
            sum >= count as f64
        })
        .await;
    }

    /// Does a scheduler's part of linking again what changes have touched, until something is so.
    pub(crate) async fn link_what_changed(&self, mut is_so: impl AsyncFnMut() -> bool) {
        self.until_so("what changed is linked", async || {
            if is_so().await {
                return true;
            }
            let tx = self.db.store().begin(Speaker::Everybody).await.unwrap();
            resolve::fix_horizons(&tx).await.unwrap();
            tx.commit().await.unwrap();
            let tx = self.db.store().begin(Speaker::Everybody).await.unwrap();
            resolve::take_ripe(&tx, 1000).await.unwrap();
            let batches = resolve::take_unsent(&tx, DEADLINE, 100).await.unwrap();
            tx.commit().await.unwrap();
            let messages = batches.iter().map(|batch| Outgoing::to_work(&RESOLVE_QUEUE, batch.encode()));
            self.publish(messages.collect()).await;
            false
        })
        .await;
    }

    /// Looks again and again, until something is so.
    pub(crate) async fn until_so(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut pause = interval(Duration::from_millis(10));
        while !is_so().await {
            assert!(Instant::now() < deadline, "waited in vain until {what}:\n{}", self.metrics_text());
            pause.tick().await;
        }
    }

    fn metrics_text(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    pub(crate) async fn export(&self) -> Vec<ExportedConversation> {
        let tx = self.db.store().begin(Speaker::Tenant(&self.tenant)).await.unwrap();
        let (rows, _) = timeline::export_page(&tx, &self.tenant, None, 100).await.unwrap();
        rows
    }

    pub(crate) async fn finish(self) {
        self.broker.close().await;
        self.vhost.finish().await;
        self.db.finish().await;
    }
}
