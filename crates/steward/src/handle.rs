//! One dead message in, one letter filed.

use std::sync::Arc;
use std::time::Duration;

use queue::{ConsumerConfig, Delivery, JobError, Source, WorkQueue, consume};
use runtime::{Shutdown, failpoint, trace};
use store::{Speaker, StoreError, dead_letter, intake, resolve};
use tracing::{Instrument as _, field};

use crate::Deps;
use crate::letter::{About, Record, letter};
use crate::records;

/// Letters are few, and may be large.
const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 4, concurrency: 2, timeout: Duration::from_mins(1) };

/// Files the dead letters of one work queue.
pub(crate) async fn take_in(deps: &Deps, queue: &'static WorkQueue, shutdown: &Shutdown) {
    let filing = deps.clone();
    let handler = move |delivery: Arc<Delivery>| {
        let deps = filing.clone();
        async move {
            let _in_hand = deps.metrics.begin(queue);
            let span = tracing::info_span!("file_letter", queue = queue.name, trace.id = field::Empty);
            trace::follow(&span, delivery.headers.traceparent.as_deref());
            handle(&deps, queue, &delivery).instrument(span).await
        }
    };
    consume(&deps.broker, Source::dead(queue), CONSUMER, handler, shutdown).await;
}

async fn handle(deps: &Deps, queue: &WorkQueue, delivery: &Delivery) -> Result<(), JobError> {
    let (letter, about) = letter(queue.name, &delivery.headers, &delivery.body);
    let filed = file(deps, &letter, about.as_ref()).await.map_err(JobError::retry)?;
    failpoint!("steward.filed");
    if filed {
        tracing::error!(queue = queue.name, letter.id = %letter.id, stage = letter.stage, error.class = letter.error_class,
            "filed a dead letter; see `switchboard dead show`");
        deps.metrics.filed(queue);
    }
    Ok(())
}

async fn file(deps: &Deps, letter: &dead_letter::Letter, about: Option<&About>) -> Result<bool, StoreError> {
    // letters may be nobody's
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let filed = dead_letter::file(&tx, letter).await?;
    match about {
        Some(About::Record(Record { connection_id, key, version, hash })) => {
            intake::mark_dead(&tx, *connection_id, key, *version, *hash, letter.id).await?;
        }
        Some(About::Batch(batch)) => resolve::mark_dead(&tx, *batch, letter.id).await?,
        None => {}
    }
    records::mark_dead(&tx, &letter.body, letter.id).await?;
    tx.commit().await?;
    Ok(filed)
}
