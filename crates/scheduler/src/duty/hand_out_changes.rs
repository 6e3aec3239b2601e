//! Hands out conversations whose accounts changed, to be linked again.

use anyhow::Context as _;
use model::message::ResolveBatch;
use queue::Outgoing;
use queue::topology::RESOLVE_QUEUE;
use store::{Speaker, resolve};

use crate::Deps;

/// Conversations taken at a time: several messages' worth.
const PAGE: i64 = 2000;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    resolve::fix_horizons(&tx).await.context("failed to fix horizons")?;
    tx.commit().await?;
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let Some(affected) = resolve::take_ripe(&tx, PAGE).await.context("failed to take a change")? else {
        tx.commit().await?;
        return Ok(0);
    };
    let messages = affected.ids.chunks(ResolveBatch::CONVERSATIONS_MAX).map(|ids| {
        let batch = ResolveBatch {
            version: ResolveBatch::VERSION,
            tenant: affected.tenant.clone(),
            conversation_ids: ids.to_vec(),
        };
        Outgoing::to_work(&RESOLVE_QUEUE, batch.encode())
    });
    // before the commit: a crash in between hands the same conversations out twice, which is harmless
    deps.publisher.publish_all(messages.collect()).await.context("failed to publish batches")?;
    tx.commit().await?;
    tracing::info!(tenant = %affected.tenant, conversations = affected.ids.len(), "accounts changed, linking again");
    Ok(1)
}
