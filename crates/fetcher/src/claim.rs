//! Keeps a claim alive while its page is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::run_claim::{self, ClaimedRun};
use store::{Speaker, StoreError};
use tokio::task::JoinHandle;

use crate::Shared;

/// Renews a claim in the background until it is dropped.
pub(crate) struct ClaimKeeper {
    lost: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl ClaimKeeper {
    /// Renews at a third of the claim's length, so that two failures in a row are survived.
    pub(crate) fn start(shared: &Arc<Shared>, run: &ClaimedRun) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (shared, run, flag) = (Arc::clone(shared), run.clone(), Arc::clone(&lost));
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(shared.deps.config.claim / 3).await;
                match renew(&shared, &run).await {
                    Ok(true) => {}
                    Ok(false) => return flag.store(true, Ordering::Relaxed),
                    Err(error) => tracing::warn!(job.id = %run.id, %error, "failed to renew a claim"),
                }
            }
        });
        Self { lost, task }
    }

    /// Another worker may have the run by now; what this one does with it further is wasted, if harmless.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for ClaimKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(shared: &Shared, run: &ClaimedRun) -> Result<bool, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    let kept = run_claim::renew(&tx, run, &shared.deps.worker, shared.deps.config.claim).await?;
    tx.commit().await?;
    Ok(kept)
}
