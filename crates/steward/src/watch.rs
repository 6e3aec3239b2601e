//! Watches what must always hold, and raises what does not.

use std::time::Duration;

use runtime::Shutdown;
use store::invariant::{self, Looked, Width};
use store::{Speaker, StoreError};

use crate::Deps;

/// It is asked more often whether it is time: another steward may have looked, and gone.
const ASK_EVERY: Duration = Duration::from_mins(1);

/// Watches until the shutdown begins. What was found stands in the database until it holds again, so a look that is lost loses nothing.
pub(crate) async fn keep_watching(deps: &Deps, shutdown: &Shutdown) {
    while !shutdown.is_begun() {
        match look(deps).await {
            Ok(None) => {}
            Ok(Some(looked)) => report(&looked),
            Err(error) => tracing::warn!(%error, "failed to look whether everything holds"),
        }
        shutdown.rest(ASK_EVERY.min(deps.config.watch_every)).await;
    }
}

async fn look(deps: &Deps) -> Result<Option<Looked>, StoreError> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let looked = invariant::look(&tx, deps.config.watch_every, Width::default()).await?;
    tx.commit().await?;
    Ok(looked)
}

/// One line, however much it is: all of it is in the database.
fn report(looked: &Looked) {
    if let Some(example) = looked.broken.first() {
        let broken = looked.broken.len();
        tracing::error!(
            broken,
            example,
            "something does not hold that always should; see `switchboard status`"
        );
    }
    if looked.mended > 0 {
        tracing::info!(mended = looked.mended, "what did not hold does again");
    }
}
