//! The schedule of very many connections: how late their nudges come, and what one of them costs.

use std::time::Duration;

use anyhow::Context as _;
use model::Lane;
use model::message::Nudge;
use queue::{BatchConsumer, BatchLimits, Broker, WorkQueue};
use runtime::{Health, Shutdown};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::bare::connect;
use crate::cpu::{self, Cpu};
use crate::stage::Stage;

/// Connections that are due in a minute, however many there are.
const DUE_PER_MINUTE: u64 = 10_000;

/// The first are due after ten seconds, and the statements of a process that has just started are planned on each of its connections.
const WARMING_UP: Duration = Duration::from_secs(25);
const MEASURED: Duration = Duration::from_mins(1);

/// A nudge is taken as soon as it is there, and others with it.
const NUDGES: BatchLimits =
    BatchLimits { messages: 100, bytes: 1_000_000, linger: Duration::from_millis(10) };

/// What was seen in a minute.
pub(crate) struct Seen {
    /// Seconds from the time a connection was due until its nudge was taken from the queue, ascending.
    pub(crate) lateness_s: Vec<f64>,
    /// What all of it cost, the part of those who take the nudges taken off.
    pub(crate) spent: Cpu,
    /// The most memory a scheduler ever had resident, in MB.
    pub(crate) peak_mb: f64,
}

impl Seen {
    /// The lateness that so many percent of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.lateness_s.len() - 1;
        self.lateness_s[last * percent / 100]
    }
}

/// Measures once.
pub(crate) async fn measure(connections: u64, schedulers: usize) -> anyhow::Result<Seen> {
    let mut stage = Stage::set(&[]).await?;
    let interval = Duration::from_mins(1) * u32::try_from(connections)? / u32::try_from(DUE_PER_MINUTE)?;
    stage.stand.database.execute(include_str!("schedule.sql")).await;
    stage.stand.database.fill_connections(connections, interval).await;
    stage.checkpoint().await?;
    for _ in 0..schedulers {
        stage.start("scheduler").await;
    }
    let mut fetchers = Fetchers::start(&stage).await?;
    fetchers.take(WARMING_UP).await?;
    let (programs, before, own) = (stage.programs()?, stage.programs()?.read()?, fetchers.spent()?);
    let mut lateness_s = fetchers.take(MEASURED).await?;
    let own = fetchers.spent()? - own;
    let mut spent = programs.read()? - before;
    for (program, seconds) in &mut spent.by_program {
        if program == "postgres" {
            *seconds -= own;
        }
    }
    fetchers.end().await;
    let peak_mb = stage.peaks_mb()?.into_iter().map(|(_, peak)| peak).fold(0.0, f64::max);
    stage.discard().await;
    lateness_s.sort_by(f64::total_cmp);
    anyhow::ensure!(!lateness_s.is_empty(), "nothing was nudged");
    Ok(Seen { lateness_s, spent, peak_mb })
}

/// Stands in for all fetchers: takes every nudge, and settles its run.
struct Fetchers {
    nudges: BatchConsumer,
    broker: Broker,
    ledger: Client,
    backend: u32,
    shutdown: Shutdown,
}

impl Fetchers {
    async fn start(stage: &Stage) -> anyhow::Result<Self> {
        let broker = Broker::open(stage.stand.vhost.config(), "bench", &Health::new());
        let nudges = BatchConsumer::new(&broker, WorkQueue::fetch(Lane::Live), NUDGES);
        let ledger = connect(stage.stand.database.admin_url().expose_secret()).await?;
        let backend: i32 = ledger.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        Ok(Self { nudges, broker, ledger, backend: backend.cast_unsigned(), shutdown: Shutdown::new() })
    }

    /// Works for as long; returns how late the nudges came.
    async fn take(&mut self, time: Duration) -> anyhow::Result<Vec<f64>> {
        let (end, mut lateness_s) = (Instant::now() + time, Vec::new());
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Ok(batch) = timeout(left, self.nudges.next_batch(&self.shutdown)).await else { break };
            let batch = batch.context("nobody has asked for an end")?;
            let runs: Vec<Uuid> = batch
                .iter()
                .map(|delivery| Ok(Nudge::decode(&delivery.body)?.run_id.0))
                .collect::<anyhow::Result<_>>()?;
            lateness_s.extend(self.settle(&runs).await?);
            self.nudges.settle(batch, &vec![Ok(()); runs.len()]).await;
        }
        Ok(lateness_s)
    }

    async fn settle(&self, runs: &[Uuid]) -> anyhow::Result<Vec<f64>> {
        let rows = self
            .ledger
            .query(
                "UPDATE sync_runs r SET state = 'settled', listed_at = now(), ended_at = now() FROM was_due d
                 WHERE r.run_id = ANY ($1) AND r.state = 'listing' AND d.connection_id = r.connection_id
                 RETURNING extract(epoch FROM clock_timestamp() - d.due_at)::float8",
                &[&runs],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn spent(&self) -> anyhow::Result<f64> {
        cpu::of_process(self.backend)
    }

    async fn end(mut self) {
        self.nudges.give_back().await;
        self.broker.close().await;
    }
}
