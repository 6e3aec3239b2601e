//! The numbers of the whole system, computed by one process.

use runtime::Shutdown;
use store::{Speaker, StoreError, budget, heartbeat, invariant, outbox, report};
use tokio::time::Instant;

use crate::Deps;

/// What changes slowly and reads more rows is counted every so many rounds: with the pace as it is by default, once a minute.
const SLOW_ROUNDS: u64 = 6;

/// Counts at the configured pace; numbers that cannot be had keep their last value.
pub(crate) async fn keep_counting(deps: &Deps, shutdown: &Shutdown) {
    let mut round = 0;
    while !shutdown.is_begun() {
        let began = Instant::now();
        if let Err(error) = count(deps).await {
            tracing::warn!(%error, "failed to count runs and letters");
        }
        if round % SLOW_ROUNDS == 0
            && let Err(error) = count_slow(deps).await
        {
            tracing::warn!(%error, "failed to measure ages of queues, freshness and backfills");
        }
        match deps.broker.depths().await {
            Ok(depths) => deps.metrics.queues.depths(&depths),
            Err(error) => tracing::warn!(%error, "failed to count messages"),
        }
        deps.metrics.took(began.elapsed());
        round += 1;
        shutdown.rest(deps.config.count_every).await;
    }
}

async fn count(deps: &Deps) -> Result<(), StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    deps.metrics.runs(&report::runs_by_state(&tx).await?);
    deps.metrics.dead(&report::dead_by_class(&tx).await?);
    deps.metrics.vendors.dead(&report::dead_by_vendor(&tx).await?);
    deps.metrics.connections(&report::doings(&tx).await?);
    deps.metrics.accounts.set(&report::accounts_busy(&tx).await?);
    deps.metrics.watched.set(&invariant::counts(&tx).await?, invariant::looked_at(&tx).await?);
    deps.metrics.outbox_age(outbox::oldest_unpublished_s(&tx).await?);
    if let Some(tenants) = &deps.metrics.tenants {
        tenants.dead(&report::dead_by_tenant(&tx).await?);
    }
    if let Some(last) = heartbeat::last_seen(&tx, "scheduler").await? {
        deps.metrics.scheduler_seen(last);
    }
    tx.commit().await?;
    deps.metrics.counted(deps.clock.now());
    Ok(())
}

async fn count_slow(deps: &Deps) -> Result<(), StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let now = store::run_plan::database_now(&tx).await?;
    // looks at every record of every open run: at the quick pace a seventh of what PostgreSQL did in a CRM's first sync
    deps.metrics.queues.ages(&report::queue_work(&tx).await?);
    let vendors = &deps.metrics.vendors;
    vendors.budgets(&budget::shares(&tx).await?);
    vendors.backfills(&report::backfill_paces(&tx).await?, &budget::backfill_outlooks(&tx).await?, now);
    let freshness = report::day_freshness(&tx).await?;
    vendors.freshness(&freshness);
    if let Some(tenants) = &deps.metrics.tenants {
        tenants.freshness(&freshness);
    }
    tx.commit().await
}
