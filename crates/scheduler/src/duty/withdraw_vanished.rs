//! Withdraws what two complete walks did not see, or holds it for a person.

use store::{Speaker, crm, vanish};

use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let withdrawn = vanish::withdraw_or_hold(&tx).await?;
    let gone = crm::gone::apply_or_hold(&tx, deps.config.gone_share).await?;
    tx.commit().await?;
    if gone > 0 {
        tracing::info!(
            records = gone,
            "took records for gone that the CRM deleted or does not show any more"
        );
    }
    if withdrawn > 0 {
        tracing::info!(conversations = withdrawn, "withdrew conversations that vanished at the vendor");
    }
    Ok(withdrawn + gone)
}
