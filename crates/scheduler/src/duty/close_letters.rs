//! Closes the dead letters of runs and records that were made good.

use anyhow::Context as _;
use store::{Speaker, dead_letter};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let closed = dead_letter::close_made_good(&tx).await.context("failed to close dead letters")?;
    tx.commit().await?;
    if closed > 0 {
        tracing::info!(closed, "closed dead letters of runs and records that were made good");
    }
    Ok(closed)
}
