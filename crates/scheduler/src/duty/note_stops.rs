//! Notes what keeps connections from their work, for whoever asks later why something did not run.

use store::{Speaker, stop};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let noted = stop::note(&tx).await?;
    tx.commit().await?;
    Ok(noted)
}
