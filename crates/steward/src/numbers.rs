//! The numbers of the whole system, computed by one process.

use runtime::Shutdown;
use store::{Speaker, StoreError, heartbeat, outbox, report};

use crate::Deps;

/// Counts at the configured pace; numbers that cannot be had keep their last value.
pub(crate) async fn keep_counting(deps: &Deps, shutdown: &Shutdown) {
    while !shutdown.is_begun() {
        if let Err(error) = count(deps).await {
            tracing::warn!(%error, "failed to count runs and letters");
        }
        match deps.broker.depths().await {
            Ok(depths) => deps.metrics.queues(&depths),
            Err(error) => tracing::warn!(%error, "failed to count messages"),
        }
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep(deps.config.count_every) => {}
        }
    }
}

async fn count(deps: &Deps) -> Result<(), StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    deps.metrics.runs(&report::runs_by_state(&tx).await?);
    deps.metrics.dead(&report::dead_by_class(&tx).await?);
    deps.metrics.queue_ages(&report::queue_work(&tx).await?);
    deps.metrics.connections(&report::connections_by_doing(&tx).await?);
    deps.metrics.outbox_age(outbox::oldest_unpublished_s(&tx).await?);
    if let Some(last) = heartbeat::last_seen(&tx, "scheduler").await? {
        deps.metrics.scheduler_seen(last);
    }
    tx.commit().await?;
    deps.metrics.counted(deps.clock.now());
    Ok(())
}
