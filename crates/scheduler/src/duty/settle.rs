//! Settles runs whose records all have an outcome.

use store::{Speaker, run_settle};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let looked_at = run_settle::settle_next(&tx).await?;
    tx.commit().await?;
    // a run that could not be settled has moved its next look: the next call finds another, or none
    Ok(u64::from(looked_at.is_some()))
}
