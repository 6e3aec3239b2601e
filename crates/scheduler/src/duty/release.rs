//! Releases parked runs that nobody blocks any more.

use store::{Speaker, run_plan};

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let released = run_plan::release_unblocked(&tx, BATCH.cast_signed()).await?;
    run_plan::refresh_park_causes(&tx).await?;
    tx.commit().await?;
    if released > 0 {
        tracing::info!(runs = released, "released parked runs");
    }
    Ok(released)
}
