//! Sweeps what has served its time.

use std::time::Duration;

use runtime::Shutdown;
use store::run_forget::{self, Forgot, Stretch};
use store::{Speaker, StoreError, claim_check, dead_letter, replay, stop};

use crate::Deps;

const EVERY: Duration = Duration::from_mins(10);

/// For so long it can be asked what kept a connection from its work.
const STOPS_KEPT: Duration = Duration::from_hours(90 * 24);

/// Stretches of runs that are gone through at a time, of twenty connections each; the next sweep goes on behind them.
const STRETCHES: u32 = 500;

/// Sweeps until the shutdown begins.
pub(crate) async fn keep_sweeping(deps: &Deps, shutdown: &Shutdown) {
    while !shutdown.is_begun() {
        if let Err(error) = sweep(deps).await {
            tracing::warn!(%error, "failed to sweep");
        }
        if let Err(error) = forget_runs(deps, shutdown).await {
            tracing::warn!(%error, "failed to forget old runs");
        }
        shutdown.rest(EVERY).await;
    }
}

async fn sweep(deps: &Deps) -> Result<(), StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let letters = dead_letter::forget_discarded(&tx, deps.config.discarded_age).await?;
    let documents = claim_check::sweep(&tx, deps.config.claim_check_age).await?;
    dead_letter::sweep_expected(&tx).await?;
    stop::sweep(&tx, STOPS_KEPT).await?;
    let replays = replay::sweep(&tx, deps.config.replays_age).await?;
    tx.commit().await?;
    if letters + documents + replays > 0 {
        tracing::info!(
            letters,
            documents,
            replays,
            "forgot discarded letters, documents that were put away, and replays"
        );
    }
    Ok(())
}

/// Forgets old runs, a transaction for each stretch: a steward that dies has lost one, and another goes on behind it.
async fn forget_runs(deps: &Deps, shutdown: &Shutdown) -> Result<(), StoreError> {
    let mut runs = 0;
    for _ in 0..STRETCHES {
        let tx = deps.store.begin(Speaker::Everybody).await?;
        let forgot = run_forget::forget_old(&tx, deps.config.runs_age, Stretch::default()).await?;
        tx.commit().await?;
        let Some(Forgot { runs: of_stretch, was_last }) = forgot else { break };
        deps.metrics.forgot(of_stretch);
        runs += of_stretch;
        if was_last || shutdown.is_begun() {
            break;
        }
    }
    if runs > 0 {
        tracing::info!(runs, "forgot old runs");
    }
    Ok(())
}
