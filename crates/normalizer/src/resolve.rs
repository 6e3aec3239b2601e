//! Conversations whose accounts changed, linked again: one message at a time, so that live work is hardly delayed.

use std::sync::Arc;
use std::time::Duration;

use model::message::ResolveBatch;
use queue::topology::RESOLVE_QUEUE;
use queue::{ConsumerConfig, Delivery, JobError};
use runtime::{Shutdown, failpoint};
use store::directory::Wanted;
use store::resolve::{self, Relink, ToResolve};
use store::{Speaker, StoreError};
use tracing::Instrument as _;

use crate::people::{self, People};
use crate::{Deps, replays};

/// Conflicts with live work are repeated so often before the message waits in its delay queue.
const CONFLICTS_MAX: u32 = 5;

/// Wait for a database that is away.
const SNOOZE: Duration = Duration::from_secs(5);

const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 2, concurrency: 1, timeout: Duration::from_mins(5) };

/// Takes what is to be linked again.
pub(crate) async fn consume(deps: Deps, shutdown: Shutdown) {
    let broker = deps.broker.clone();
    let handler = move |delivery: Arc<Delivery>| {
        let deps = deps.clone();
        async move {
            let batch = ResolveBatch::decode(&delivery.body).map_err(JobError::undecodable)?;
            let span = tracing::info_span!("resolve_batch", tenant = %batch.tenant,
                conversations = batch.conversation_ids.len());
            handle(&deps, &batch).instrument(span).await?;
            replays::settle(&deps.store, &RESOLVE_QUEUE, [&*delivery]).await.map_err(JobError::retry)
        }
    };
    queue::consume(&broker, &RESOLVE_QUEUE, CONSUMER, handler, &shutdown).await;
}

async fn handle(deps: &Deps, batch: &ResolveBatch) -> Result<(), JobError> {
    for _ in 0..CONFLICTS_MAX {
        match link_again(deps, batch).await {
            Ok(changed) => {
                deps.metrics.relinked.inc_by(changed);
                tracing::info!(changed, "linked again");
                return Ok(());
            }
            Err(StoreError::Conflict(_)) => {}
            // an absent database is nobody's failed attempt
            Err(error) if error.is_transient() => return Err(JobError::snooze(SNOOZE)),
            Err(error) => return Err(JobError::retry(error)),
        }
    }
    Err(JobError::snooze(SNOOZE))
}

async fn link_again(deps: &Deps, batch: &ResolveBatch) -> Result<u64, StoreError> {
    let tx = deps.store.begin(Speaker::Tenant(&batch.tenant)).await?;
    if let Some(id) = batch.batch_id
        && !resolve::still_wanted(&tx, id).await?
    {
        // a copy of a message whose work is done
        tx.commit().await?;
        return Ok(0);
    }
    let loaded = resolve::load_for_resolve(&tx, &batch.conversation_ids).await?;
    let mut wanted = Wanted::default();
    for one in &loaded {
        people::want(&mut wanted, &one.tenant, &one.attendees, &one.linked_records);
    }
    let people = People::look_up(&tx, &wanted).await?;
    let links: Vec<Relink<'_>> = loaded.iter().map(|one| relink(&people, one)).collect();
    let changed = resolve::relink(&tx, &links).await?;
    if let Some(id) = batch.batch_id {
        resolve::finish(&tx, id).await?;
    }
    tx.commit().await?;
    failpoint!("resolve.committed");
    Ok(changed)
}

fn relink<'a>(people: &People, one: &'a ToResolve) -> Relink<'a> {
    let found = people.resolve(&one.tenant, &one.attendees, &one.linked_records);
    Relink {
        id: one.id,
        version: one.version,
        link: found.link,
        internal: found.internal,
        participants: found.participants,
    }
}
