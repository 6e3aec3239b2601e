//! A batch of documents in, an outcome for each out: the order of it.

use model::Lane;
use model::message::{RawDocument, RecordBatch};
use queue::{BatchConsumer, Delivery, JobError, JobHeaders, WorkQueue};
use runtime::{Shutdown, failpoint, trace};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use crate::map::Mapped;
use crate::store_batch::Outcome;
use crate::{Deps, claims, documents, map, records, replays};

/// Takes the documents of one lane.
pub(crate) async fn consume(deps: Deps, lane: Lane, shutdown: Shutdown) {
    let queue = WorkQueue::normalize(lane);
    let mut batches = BatchConsumer::new(&deps.broker, queue, deps.config.limits(lane));
    while let Some(mut batch) = batches.next_batch(&shutdown).await {
        let span = tracing::info_span!(
            "normalize_batch",
            queue = queue.name,
            documents = batch.len(),
            trace.id = field::Empty
        );
        trace::follow(&span, batch.iter().filter_map(|delivery| delivery.headers.traceparent.as_deref()));
        let bytes = batch.iter().map(|delivery| delivery.body.len()).sum();
        let _in_hand = deps.metrics.begin(queue, batch.len(), bytes);
        failpoint!("normalize.received");
        let outcomes = handle(&deps, &batch, &shutdown).instrument(span).await;
        // not settled, the batch is given back when the next one is asked for
        if let Some(outcomes) = outcomes {
            let settled = settle(&deps, &mut batch, outcomes);
            let done = batch
                .iter()
                .zip(&settled)
                .filter(|(_, outcome)| outcome.is_ok())
                .map(|(delivery, _)| delivery);
            match replays::settle(&deps.store, queue, done).await {
                Ok(()) => batches.settle(batch, &settled).await,
                Err(error) => tracing::warn!(%error, "could not settle replays, the batch comes again"),
            }
            failpoint!("normalize.diverted");
        }
    }
}

/// The outcome of each document; `None` when the shutdown came before the database did.
async fn handle(deps: &Deps, batch: &[Delivery], shutdown: &Shutdown) -> Option<Vec<Outcome>> {
    let began = Instant::now();
    let mut outcomes: Vec<Option<Outcome>> = (0..batch.len()).map(|_| None).collect();
    let (mut about_calls, mut about_records) = (Vec::with_capacity(batch.len()), Vec::new());
    for (index, delivery) in batch.iter().enumerate() {
        match RawDocument::decode(&delivery.body) {
            Ok(document) => about_calls.push((index, document)),
            Err(error) => match RecordBatch::decode(&delivery.body) {
                Ok(batch) => about_records.push((index, batch)),
                Err(_) => outcomes[index] = Some(Outcome::Failed(JobError::undecodable(error))),
            },
        }
    }
    let claimed = claims::fetch(deps, &about_calls, shutdown).await?;
    let mut mapped: Vec<Mapped<'_>> = Vec::with_capacity(about_calls.len());
    for (index, document) in &about_calls {
        match map::map(*index, document, &claimed) {
            Ok(document) => mapped.push(document),
            Err(error) => outcomes[*index] = Some(Outcome::Failed(error)),
        }
    }
    deps.metrics.nul_characters.inc_by(mapped.iter().map(Mapped::nul_characters).sum());
    failpoint!("normalize.mapped");
    for (index, outcome) in documents::store(deps, &mapped, shutdown).instrument(storing()).await? {
        outcomes[index] = Some(outcome);
    }
    for (index, outcome) in records::store(deps, &about_records, shutdown).instrument(storing()).await? {
        outcomes[index] = Some(outcome);
    }
    failpoint!("normalize.committed");
    let took = began.elapsed();
    deps.metrics.batch(batch.len(), took);
    tracing::info!(duration_ms = took.as_millis(), "batch done");
    let left = || Outcome::Failed(JobError::retry("the batch left it out"));
    Some(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(left)).collect())
}

/// From the first statement to the commit.
fn storing() -> Span {
    tracing::debug_span!("store")
}

/// Counts the outcomes, and writes into the headers of what goes elsewhere which record it is.
fn settle(deps: &Deps, batch: &mut [Delivery], outcomes: Vec<Outcome>) -> Vec<Result<(), JobError>> {
    let outcomes = batch.iter_mut().zip(outcomes).map(|(delivery, outcome)| {
        deps.metrics.document(outcome.as_str());
        match outcome {
            Outcome::Failed(error) => {
                name_record(&mut delivery.headers, &delivery.body);
                Err(error)
            }
            Outcome::Done(_) => Ok(()),
        }
    });
    outcomes.collect()
}

fn name_record(headers: &mut JobHeaders, body: &[u8]) {
    headers.stage = Some("normalize".to_owned());
    if let Ok(batch) = RecordBatch::decode(body) {
        headers.tenant = Some(batch.tenant.to_string());
        headers.vendor = Some(batch.vendor.to_string());
        headers.run_id = Some(batch.run_id.to_string());
        return;
    }
    // the rest (connection, version, hash) is read from the body by whoever files it
    if let Ok(document) = RawDocument::decode(body) {
        headers.tenant = Some(document.tenant.to_string());
        headers.vendor = Some(document.vendor.to_string());
        headers.run_id = Some(document.run_id.to_string());
        headers.vendor_key = Some(document.vendor_key.to_string());
    }
}
