//! Links conversations again after accounts changed.

use std::sync::Arc;
use std::time::Duration;

use model::message::ResolveBatch;
use queue::topology::RESOLVE_QUEUE;
use queue::{ConsumerConfig, Delivery, JobError, consume};
use runtime::Shutdown;
use store::resolve::{self, Relink};
use store::{Speaker, StoreError};

use crate::Deps;
use crate::lookup::{Known, Lookup};
use crate::people::{resolved, voters};

/// One at a time: live work comes first.
const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 2, concurrency: 1, timeout: Duration::from_mins(2) };

/// Takes batches until the shutdown begins.
pub(crate) async fn take_batches(deps: &Deps, shutdown: &Shutdown) {
    let own = deps.clone();
    let handler = move |delivery: Arc<Delivery>| {
        let deps = own.clone();
        async move {
            let batch = ResolveBatch::decode(&delivery.body).map_err(JobError::undecodable)?;
            match link_again(&deps, &batch).await {
                Ok(links) => {
                    tracing::info!(tenant = %batch.tenant, conversations = batch.conversation_ids.len(), links, "linked again");
                    deps.metrics.outcome("relinked", usize::try_from(links).unwrap_or(0));
                    Ok(())
                }
                Err(error) if error.is_data_fault() => Err(JobError::fail("data", error)),
                Err(error) => Err(JobError::retry(error)),
            }
        }
    };
    consume(&deps.broker, &RESOLVE_QUEUE, CONSUMER, handler, shutdown).await;
}

async fn link_again(deps: &Deps, batch: &ResolveBatch) -> Result<u64, StoreError> {
    let tx = deps.store.begin(Speaker::Tenant(&batch.tenant)).await?;
    let conversations = resolve::load_for_resolve(&tx, &batch.conversation_ids).await?;
    let mut lookup = Lookup::default();
    for one in &conversations {
        lookup.add(&one.tenant, &voters(&one.attendees), &one.linked_records);
    }
    let known = lookup.ask(&tx).await?;
    let nobody = Known::default();
    let relinks: Vec<Relink<'_>> = conversations
        .iter()
        .map(|one| {
            let known = known.get(&one.tenant).unwrap_or(&nobody);
            let people = resolved(&one.attendees, &voters(&one.attendees), &one.linked_records, known);
            Relink {
                id: one.id,
                version: one.version,
                link: people.link,
                internal: people.internal,
                participants: people.participants,
            }
        })
        .collect();
    let links = resolve::relink(&tx, &relinks).await?;
    tx.commit().await?;
    Ok(links)
}
