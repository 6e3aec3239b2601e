//! Plans what is due: periodic runs, walks, follow-ups, failed slices.

use anyhow::Context as _;
use runtime::failpoint;
use store::{Speaker, run_plan};

use super::BATCH;
use crate::Deps;

/// Records in one follow-up: some pages' worth, so that a new one is not waited for long.
const RECORDS_MAX: i64 = 200;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let limit = BATCH.cast_signed();
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let periodic = run_plan::plan_periodic(&tx, limit).await.context("failed to plan periodic runs")?;
    let walks = run_plan::plan_walks(&tx, limit).await.context("failed to plan walks")?;
    let follow_ups =
        run_plan::plan_follow_ups(&tx, limit, RECORDS_MAX).await.context("failed to plan follow-ups")?;
    let again = run_plan::replan_failed(&tx, limit).await.context("failed to plan failed slices again")?;
    failpoint!("schedule.planned");
    tx.commit().await?;
    let planned = periodic + walks + follow_ups + again;
    if planned > 0 {
        tracing::info!(periodic, walks, follow_ups, again, "planned runs");
    }
    Ok(planned)
}
