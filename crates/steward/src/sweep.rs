//! Sweeps what has served its time.

use std::time::Duration;

use runtime::Shutdown;
use store::{Speaker, StoreError, claim_check, dead_letter};

use crate::Deps;

const EVERY: Duration = Duration::from_mins(10);

/// Sweeps until the shutdown begins.
pub(crate) async fn keep_sweeping(deps: &Deps, shutdown: &Shutdown) {
    while !shutdown.is_begun() {
        match sweep(deps).await {
            Ok(0) => {}
            Ok(documents) => tracing::info!(documents, "forgot documents that were put away"),
            Err(error) => tracing::warn!(%error, "failed to sweep"),
        }
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(deps: &Deps) -> Result<u64, StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let forgotten = claim_check::sweep(&tx, deps.config.claim_check_age).await?;
    dead_letter::sweep_expected(&tx).await?;
    tx.commit().await?;
    Ok(forgotten)
}
