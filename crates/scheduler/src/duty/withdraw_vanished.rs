//! Withdraws what two complete walks did not see, or holds it for a person.

use store::{Speaker, vanish};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let withdrawn = vanish::withdraw_or_hold(&tx).await?;
    tx.commit().await?;
    if withdrawn > 0 {
        tracing::info!(conversations = withdrawn, "withdrew conversations that vanished at the vendor");
    }
    Ok(withdrawn)
}
