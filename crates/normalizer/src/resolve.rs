//! Conversations whose accounts changed, linked again, and those that were written, matched with their copies: one message at a time,
//! so that live work is hardly delayed.

use std::sync::Arc;
use std::time::Duration;

use model::ConversationId;
use model::message::ResolveBatch;
use queue::topology::RESOLVE_QUEUE;
use queue::{ConsumerConfig, Delivery, JobError};
use runtime::{Shutdown, failpoint, trace};
use store::directory::Wanted;
use store::resolve::{self, Relink, Task, ToResolve};
use store::{Speaker, StoreError, Tx};
use tracing::{Instrument as _, field};

use crate::people::{self, People};
use crate::{Deps, meetings, older, replays};

/// Conflicts with live work are repeated so often before the message waits in its delay queue.
const CONFLICTS_MAX: u32 = 5;

/// Wait for a database that is away.
const SNOOZE: Duration = Duration::from_secs(5);

const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 2, concurrency: 1, timeout: Duration::from_mins(5) };

/// Takes what is to be linked or matched again.
pub(crate) async fn consume(deps: Deps, shutdown: Shutdown) {
    let broker = deps.broker.clone();
    let handler = move |delivery: Arc<Delivery>| {
        let deps = deps.clone();
        async move {
            let _in_hand = deps.metrics.begin_resolving();
            let batch = ResolveBatch::decode(&delivery.body).map_err(JobError::undecodable)?;
            let span = tracing::info_span!("resolve_batch", tenant = %batch.tenant,
                conversations = batch.conversation_ids.len(), trace.id = field::Empty);
            trace::follow(&span, delivery.headers.traceparent.as_deref());
            handle(&deps, &batch).instrument(span).await?;
            replays::settle(&deps.store, &RESOLVE_QUEUE, [&*delivery]).await.map_err(JobError::retry)
        }
    };
    queue::consume(&broker, &RESOLVE_QUEUE, CONSUMER, handler, &shutdown).await;
}

async fn handle(deps: &Deps, batch: &ResolveBatch) -> Result<(), JobError> {
    for _ in 0..CONFLICTS_MAX {
        match work_off(deps, batch).await {
            Ok(done) => {
                deps.metrics.relinked.inc_by(done.relinked);
                deps.metrics.rematched.inc_by(done.rematched as u64);
                tracing::info!(relinked = done.relinked, rematched = done.rematched, "linked and matched");
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

/// What became of a batch.
#[derive(Debug, Default)]
struct Done {
    /// Links that changed.
    relinked: u64,
    /// Conversations that moved to another meeting.
    rematched: usize,
}

/// Links first, and commits: meetings depend on who is a guest, and no transaction locks conversations twice.
async fn work_off(deps: &Deps, batch: &ResolveBatch) -> Result<Done, StoreError> {
    let mut done = Done::default();
    let mut tx = deps.store.begin(Speaker::Tenant(&batch.tenant)).await?;
    let mut task = still_wanted(&tx, batch).await?;
    if let Some(Task::GoOver | Task::LinkAndMatch) = task {
        if task == Some(Task::GoOver) {
            older::go_over(&tx, &batch.conversation_ids).await?;
        }
        done.relinked = link_again(&tx, &batch.conversation_ids).await?;
        tx.commit().await?;
        failpoint!("resolve.linked");
        tx = deps.store.begin(Speaker::Tenant(&batch.tenant)).await?;
        task = still_wanted(&tx, batch).await?;
    }
    // nothing, where a copy of the message has done it
    if task.is_some() {
        done.rematched = meetings::match_again(&tx, &batch.tenant, &batch.conversation_ids).await?;
        if let Some(id) = batch.batch_id {
            resolve::finish(&tx, id).await?;
        }
    }
    tx.commit().await?;
    failpoint!("resolve.committed");
    Ok(done)
}

/// Messages of older programs name no batch: they are always to be worked off.
async fn still_wanted(tx: &Tx, batch: &ResolveBatch) -> Result<Option<Task>, StoreError> {
    match batch.batch_id {
        Some(id) => resolve::still_wanted(tx, id).await,
        None => Ok(Some(Task::LinkAndMatch)),
    }
}

async fn link_again(tx: &Tx, ids: &[ConversationId]) -> Result<u64, StoreError> {
    let loaded = resolve::load_for_resolve(tx, ids).await?;
    let mut wanted = Wanted::default();
    for one in &loaded {
        people::want(&mut wanted, &one.tenant, &one.attendees, &one.linked_records);
    }
    let people = People::look_up(tx, &wanted).await?;
    let links: Vec<Relink<'_>> = loaded.iter().map(|one| relink(&people, one)).collect();
    resolve::relink(tx, &links).await
}

fn relink<'a>(people: &People, one: &'a ToResolve) -> Relink<'a> {
    let found = people.resolve(&one.tenant, one.vendor, &one.attendees, &one.linked_records);
    Relink {
        id: one.id,
        version: one.version,
        link: found.link,
        internal: found.internal,
        participants: found.participants,
    }
}
