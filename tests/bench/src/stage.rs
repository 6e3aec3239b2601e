//! What a measurement plays on: a database and a vhost of its own, the stand-in vendor, the roles as processes in production's pace.

use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use simulator::{DocumentSize, Shares, WorkspaceSpec};
use stories::{Pace, Role, Stand};
use tokio::time::{Instant, interval};
use tokio_postgres::{Client, Row};

use crate::bare::connect;
use crate::cpu::{Cpu, Programs, peak_resident_mb};

/// The tenant, its workspace and its key.
pub(crate) const TENANT: &str = "acme";
pub(crate) const KEY: &str = "acme-key";

/// Every role there is.
pub(crate) const ROLES: [&str; 4] = ["scheduler", "fetcher", "normalizer", "steward"];

/// A limit that nobody would feel.
pub(crate) const UNLIMITED: [&str; 4] = ["--requests-per-second", "5000", "--in-flight", "16"];

/// No measurement waits longer than this without anything moving.
const PATIENCE: Duration = Duration::from_mins(5);

/// The defaults of `deploy/env.example`, where stories have a quicker pace of their own.
const PACE: [(&str, &str); 10] = [
    ("SWITCHBOARD_TICK_MS", "500"),
    ("SWITCHBOARD_NUDGE_AGAIN_S", "30"),
    ("SWITCHBOARD_CLAIM_S", "60"),
    ("SWITCHBOARD_RETRY_FIRST_MS", "2000"),
    ("SWITCHBOARD_FETCH_ATTEMPTS", "8"),
    ("SWITCHBOARD_DETAIL_ATTEMPTS", "8"),
    ("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", "120"),
    ("SWITCHBOARD_LOST_AFTER_S", "900"),
    ("SWITCHBOARD_REPLAN_S", "900"),
    ("SWITCHBOARD_NORMALIZE_LINGER_MS", "20"),
];

/// A stand with roles and an eye on its database.
pub(crate) struct Stage {
    pub(crate) stand: Stand,
    pub(crate) roles: Vec<Role>,
    client: Client,
}

impl Stage {
    /// Starts roles beside an empty database.
    pub(crate) async fn set(roles: &[&str]) -> anyhow::Result<Self> {
        Self::paced(roles, &[]).await
    }

    /// The same, with settings of its own.
    pub(crate) async fn paced(roles: &[&str], settings: &[(&'static str, &str)]) -> anyhow::Result<Self> {
        let pace: Pace =
            PACE.iter().chain(settings).map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut stand = Stand::paced(pace).await;
        let client = connect(stand.database.admin_url().expose_secret()).await?;
        let mut processes = Vec::new();
        for role in roles {
            processes.push(stand.start(role).await);
        }
        Ok(Self { stand, roles: processes, client })
    }

    /// Starts one more role.
    pub(crate) async fn start(&mut self, role: &str) {
        let role = self.stand.start(role).await;
        self.roles.push(role);
    }

    /// Stops all roles: nobody else is to be busy with what comes next.
    pub(crate) async fn stop(&mut self) {
        for mut role in self.roles.drain(..) {
            role.stop().await;
        }
    }

    /// Adds the tenant with its workspace and accounts; nothing is connected yet.
    pub(crate) async fn add_tenant(&self, spec: WorkspaceSpec) {
        let id = spec.name.clone();
        self.stand.tenant(spec).await;
        self.stand.accounts(&id).await;
    }

    /// Connects the tenant without any limit that would be felt.
    pub(crate) async fn connect(&self) {
        self.stand.connect(TENANT, KEY, &UNLIMITED).await;
    }

    /// The same of its HubSpot.
    pub(crate) async fn connect_hubspot(&self) {
        self.stand.connect_hubspot(TENANT, &UNLIMITED).await;
    }

    /// One number of the database.
    pub(crate) async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.row(sql).await?.get(0))
    }

    /// One row of the database.
    pub(crate) async fn row(&self, sql: &str) -> anyhow::Result<Row> {
        self.client.query_one(sql, &[]).await.with_context(|| sql.to_owned())
    }

    /// Waits until a number is reached; gives up when it does not move any more.
    pub(crate) async fn reach(&self, what: &str, sql: &str, wanted: i64) -> anyhow::Result<()> {
        let mut seen = (-1, Instant::now());
        let mut look = interval(Duration::from_millis(100));
        loop {
            look.tick().await;
            let now = self.number(sql).await?;
            if now >= wanted {
                return Ok(());
            }
            if now != seen.0 {
                seen = (now, Instant::now());
            }
            let logs = || self.stand.logs();
            anyhow::ensure!(seen.1.elapsed() < PATIENCE, "{what}: stuck at {now} of {wanted}\n{}", logs());
        }
    }

    /// Waits until all runs have settled, some of this kind among them, and this many conversations are stored.
    pub(crate) async fn settled(&self, kind: &str, conversations: u64) -> anyhow::Result<()> {
        // the ledger is small: looking at it costs nothing that would be felt in what is measured
        let open = format!(
            "SELECT CASE WHEN bool_or(kind = '{kind}')
                         THEN -count(*) FILTER (WHERE state NOT IN ('settled', 'failed')) ELSE -1 END FROM sync_runs"
        );
        self.reach("settling", &open, 0).await?;
        let failed = self.number("SELECT count(*) FROM sync_runs WHERE state = 'failed'").await?;
        anyhow::ensure!(failed == 0, "{failed} runs failed\n{}", self.stand.logs());
        let stored = self.number("SELECT count(*) FROM conversations").await?;
        anyhow::ensure!(stored == i64::try_from(conversations)?, "{stored} of {conversations} are stored");
        Ok(())
    }

    /// Writes out what is dirty, so that nobody pays for what another has written.
    pub(crate) async fn checkpoint(&self) -> anyhow::Result<()> {
        Ok(self.client.batch_execute("CHECKPOINT").await?)
    }

    /// The programs of this stage.
    pub(crate) fn programs(&self) -> anyhow::Result<Programs> {
        let ours = self.roles.iter().map(|role| (role.name().to_owned(), role.pid()));
        Programs::with_servers(ours.collect())
    }

    /// The most memory each role ever had resident, in MB.
    pub(crate) fn peaks_mb(&self) -> anyhow::Result<Vec<(String, f64)>> {
        let roles = self.roles.iter();
        roles.map(|role| Ok((role.name().to_owned(), peak_resident_mb(role.pid())?))).collect()
    }

    /// What all programs spend while something is done.
    pub(crate) async fn spent(&self, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Cpu> {
        self.checkpoint().await?;
        let programs = self.programs()?;
        let before = programs.read()?;
        work.await?;
        Ok(programs.read()? - before)
    }

    /// Ends it.
    pub(crate) async fn clear(self) {
        self.stand.finish(self.roles).await;
    }

    /// Ends it in the midst of work; what is left in queues is thrown away.
    pub(crate) async fn discard(self) {
        self.stand.discard(self.roles).await;
    }
}

/// The tenant's workspace, of documents of one size and nothing special but some linked records.
pub(crate) fn workspace(size: DocumentSize, conversations: u64) -> WorkspaceSpec {
    workspace_named(TENANT, size, conversations)
}

/// The same by another name.
pub(crate) fn workspace_named(name: &str, size: DocumentSize, conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec {
        conversations,
        // well within the history of 90 days: the oldest must not fall off its end while the roles start
        days: 80,
        document_size: size,
        shares: Shares { linked: 0.15, ..Shares::NONE },
        ..WorkspaceSpec::named(name)
    }
}
