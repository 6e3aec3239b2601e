//! Fetches documents again that have had no outcome for too long after their checkpoint.

use store::{Speaker, run_settle};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let looks = run_settle::look_after_lost(&tx, deps.config.lost_after).await?;
    run_settle::date_the_undated(&tx).await?;
    tx.commit().await?;
    if looks > 0 {
        tracing::warn!(records = looks, "records without an outcome are fetched again");
    }
    Ok(looks)
}
