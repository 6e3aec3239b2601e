//! Finds streams that have gone quiet: a zero is never assumed to be good.

use store::{Speaker, stream};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let quiet = stream::judge_silence(&tx, deps.config.quiet).await?;
    tx.commit().await?;
    if quiet > 0 {
        tracing::warn!(streams = quiet, "streams have gone quiet; see `switchboard status`");
    }
    Ok(quiet)
}
