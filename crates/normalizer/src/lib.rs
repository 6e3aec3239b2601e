#![doc = include_str!("../README.md")]

mod config;
mod handle;
mod look;
mod lookup;
mod metrics;
mod people;
mod read;
mod resolve;
mod write;

use std::sync::Arc;

use futures::future::join_all;
use model::Lane;
use queue::{Broker, WorkQueue};
use runtime::{Health, Shutdown};
use store::Store;

pub use config::NormalizerConfig;
pub use metrics::NormalizerMetrics;

/// What a normalizer needs.
#[derive(Clone)]
pub struct Deps {
    /// Where conversations go.
    pub store: Store,
    /// Where documents come from.
    pub broker: Broker,
    /// Settings.
    pub config: NormalizerConfig,
    /// Numbers of this process.
    pub metrics: Arc<NormalizerMetrics>,
    /// Doors of this process.
    pub health: Health,
}

/// Takes documents of both lanes, and conversations to link again, until the shutdown begins; batches under way are finished.
pub async fn run(deps: Deps, shutdown: Shutdown) -> anyhow::Result<()> {
    // each lane has loops of its own: live work never waits behind backfill
    let loops = |lane: Lane| {
        let (deps, shutdown) = (&deps, &shutdown);
        (0..deps.config.loops).map(move |_| handle::take_batches(deps, WorkQueue::normalize(lane), shutdown))
    };
    tokio::join!(
        join_all(loops(Lane::Live)),
        join_all(loops(Lane::Backfill)),
        resolve::take_batches(&deps, &shutdown),
    );
    Ok(())
}
