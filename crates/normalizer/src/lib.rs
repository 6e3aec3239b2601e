#![doc = include_str!("../README.md")]

mod claims;
mod config;
mod documents;
mod handle;
mod look;
mod map;
mod meetings;
mod metrics;
mod older;
mod people;
mod records;
mod replays;
mod resolve;
mod store_batch;

use std::sync::Arc;

use anyhow::Context as _;
use model::Lane;
use queue::Broker;
use runtime::Shutdown;
use store::Store;
use tokio::task::JoinSet;

pub use config::NormalizerConfig;
pub use look::LookPolicy;
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
}

/// Takes documents of both lanes, and conversations to be linked and matched again, until the shutdown begins; a batch in hand is finished or
/// handed back. Each lane has loops of its own, so that live work never waits behind backfill.
pub async fn run(deps: Deps, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut loops = JoinSet::new();
    for lane in [Lane::Live, Lane::Backfill] {
        for _ in 0..deps.config.loops {
            loops.spawn(handle::consume(deps.clone(), lane, shutdown.clone()));
        }
    }
    loops.spawn(resolve::consume(deps.clone(), shutdown.clone()));
    loops.spawn(older::walk(deps.clone(), shutdown.clone()));
    while let Some(ended) = loops.join_next().await {
        ended.context("a batch loop ended by a bug")?;
    }
    Ok(())
}
