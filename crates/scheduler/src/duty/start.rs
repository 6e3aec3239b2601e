//! Starts planned runs whose turn it is, or parks them with what blocks them.

use store::{Speaker, run_plan};

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let started = run_plan::start_planned(&tx, BATCH.cast_signed()).await?;
    tx.commit().await?;
    Ok(started)
}
