//! Hands out conversations whose accounts changed, to be linked again.

use anyhow::Context as _;
use queue::Outgoing;
use queue::topology::RESOLVE_QUEUE;
use runtime::failpoint;
use store::{Speaker, resolve};

use crate::Deps;

/// Conversations taken at a time. All that a change touches are looked up for each page anew, so a page is as large as memory allows
/// (8 MB), and hardly any change has a second one.
const PAGE: i64 = 500_000;

/// Messages sent at a time, of each kind.
const MESSAGES: i64 = 50;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    resolve::fix_horizons(&tx).await.context("failed to fix horizons")?;
    tx.commit().await?;
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let affected = resolve::take_ripe(&tx, PAGE).await.context("failed to take a change")?;
    tx.commit().await?;
    if let Some(affected) = &affected {
        failpoint!("schedule.change_taken");
        let (tenant, conversations) = (&affected.tenant, affected.ids.len());
        tracing::info!(%tenant, conversations, "accounts changed, linking again");
    }
    let sent = send(deps).await?;
    Ok(u64::from(affected.is_some() || sent >= MESSAGES.cast_unsigned()))
}

/// Sends what was not sent yet, and what nobody has worked off for so long that its message must be lost.
async fn send(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    resolve::join_small(&tx).await.context("failed to put batches together")?;
    let batches = resolve::take_unsent(&tx, deps.config.lost_after, MESSAGES)
        .await
        .context("failed to take batches")?;
    // marked before they are sent: if this process dies in between, the mark grows old and they are sent again
    tx.commit().await?;
    if batches.is_empty() {
        return Ok(0);
    }
    failpoint!("schedule.batches_marked");
    let messages = batches.iter().map(|batch| Outgoing::to_work(&RESOLVE_QUEUE, batch.encode())).collect();
    deps.publisher.publish_all(messages).await.context("failed to publish batches")?;
    Ok(batches.len() as u64)
}
