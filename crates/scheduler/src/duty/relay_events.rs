//! Publishes the outbox, in order, at least once.

use anyhow::Context as _;
use model::EventId;
use runtime::failpoint;
use store::{Speaker, outbox};

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    // the locks keep other relays off these events until they are marked
    let events = outbox::take_unpublished(&tx, BATCH.cast_signed()).await?;
    let messages = events.iter().map(message).collect();
    deps.publisher.publish_all(messages).await.context("failed to publish events")?;
    failpoint!("outbox.published");
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    outbox::mark_published(&tx, &ids).await?;
    tx.commit().await?;
    Ok(events.len() as u64)
}

fn message(event: &outbox::Event) -> queue::Outgoing {
    let body = serde_json::json!({
        "version": 1, "id": event.id, "type": event.kind, "tenant": event.tenant,
        "occurred_at": event.occurred_at, "data": event.body,
    });
    queue::Outgoing::event(&event.kind, event.id.to_string(), body.to_string().into_bytes())
}
