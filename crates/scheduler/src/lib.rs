#![doc = include_str!("../README.md")]

mod config;
mod duty;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use queue::Publisher;
use runtime::{Backoff, Door, Health, Shutdown};
use store::Store;
use tokio::time::Instant;

pub use config::SchedulerConfig;
use duty::Duty;
pub use metrics::SchedulerMetrics;

/// What a scheduler needs.
#[derive(Clone)]
pub struct Deps {
    /// The ledger.
    pub store: Store,
    /// Where nudges, events and batches go.
    pub publisher: Publisher,
    /// Settings.
    pub config: SchedulerConfig,
    /// Numbers of this process.
    pub metrics: Arc<SchedulerMetrics>,
    /// Doors of this process.
    pub health: Health,
}

/// Does every duty, each at its own pace, until the shutdown begins; a duty under way is finished.
pub async fn run(deps: Deps, shutdown: Shutdown) -> anyhow::Result<()> {
    let door = deps.health.door("ledger");
    // at once, each would hold a connection of its own, on which every statement of all is planned sooner or later
    let apart = deps.config.tick / u32::try_from(Duty::ALL.len()).unwrap_or(1);
    let duties = Duty::ALL.iter().zip(0..).map(async |(duty, place)| {
        shutdown.rest(apart * place).await;
        repeat(&deps, *duty, &door, &shutdown).await;
    });
    join_all(duties).await;
    Ok(())
}

/// Waits after a failure, for a database or broker that is away.
const AFTER_FAILURE: Backoff =
    Backoff { first: Duration::from_millis(500), max: Duration::from_secs(15), multiplier: 2.0 };

async fn repeat(deps: &Deps, duty: Duty, door: &Door, shutdown: &Shutdown) {
    let mut failures = 0;
    while !shutdown.is_begun() {
        let began = Instant::now();
        let performed = duty.perform(deps).await;
        let took = began.elapsed();
        deps.metrics.took(duty, took);
        let pause = match performed {
            Ok(handled) => {
                failures = 0;
                door.opened();
                deps.metrics.handled(duty, handled);
                // there may be more where that came from
                if handled >= duty.batch() {
                    Duration::ZERO
                } else {
                    duty.interval(&deps.config).max(took * duty.rests())
                }
            }
            Err(error) => {
                let delay = AFTER_FAILURE.delay(failures);
                failures += 1;
                deps.metrics.failed(duty);
                door.closed(format!("{}: {error:#}", duty.as_str()));
                tracing::warn!(
                    duty = duty.as_str(),
                    error = format!("{error:#}"),
                    delay_ms = delay.as_millis(),
                    "duty failed, trying again"
                );
                delay
            }
        };
        shutdown.rest(pause).await;
    }
}
