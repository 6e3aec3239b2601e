#![doc = include_str!("../README.md")]

mod config;
mod handle;
mod letter;
mod metrics;
mod numbers;
mod records;
mod replay;
mod sweep;
mod watch;

use std::sync::Arc;

use futures::future::join_all;
use queue::Broker;
use queue::topology::WORK_QUEUES;
use runtime::{Clock, Shutdown};
use store::Store;

pub use config::{StewardConfig, TenantLabels};
pub use metrics::StewardMetrics;

/// What a steward needs.
#[derive(Clone)]
pub struct Deps {
    /// Where letters are filed.
    pub store: Store,
    /// Where they come from.
    pub broker: Broker,
    /// Settings.
    pub config: StewardConfig,
    /// Numbers of this process and of the whole system.
    pub metrics: Arc<StewardMetrics>,
    /// The time.
    pub clock: Clock,
}

/// Files dead letters, carries out replays, counts, sweeps and watches until the shutdown begins.
pub async fn run(deps: Deps, shutdown: Shutdown) -> anyhow::Result<()> {
    let intakes = WORK_QUEUES.iter().map(|queue| handle::take_in(&deps, queue, &shutdown));
    tokio::join!(
        join_all(intakes),
        numbers::keep_counting(&deps, &shutdown),
        replay::keep_replaying(&deps, &shutdown),
        sweep::keep_sweeping(&deps, &shutdown),
        watch::keep_watching(&deps, &shutdown),
    );
    Ok(())
}
