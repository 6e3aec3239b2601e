//! A batch of messages in, rows and settled messages out: the order of it.

use std::time::Duration;

use model::message::RawDocument;
use queue::{BatchConsumer, Delivery, JobError, WorkQueue};
use runtime::{Backoff, Shutdown, failpoint};
use store::StoreError;
use store::conversation_write::Verdict;
use tokio::time::Instant;

use crate::Deps;
use crate::read::{Draft, Redeem, draft, redeem};
use crate::write::write;

/// Between attempts while the database is away.
const WAIT: Backoff =
    Backoff { first: Duration::from_millis(200), max: Duration::from_secs(10), multiplier: 2.0 };

/// A batch is kept in hand so long while the database is away: the broker takes messages back after 30 minutes, and every return
/// counts against its delivery limit.
const IN_HAND_MAX: Duration = Duration::from_mins(20);

/// What became of each message of a batch.
type Outcomes = Vec<Result<(), JobError>>;

/// Takes batches of one queue until the shutdown begins.
pub(crate) async fn take_batches(deps: &Deps, queue: &'static WorkQueue, shutdown: &Shutdown) {
    let mut consumer = BatchConsumer::new(&deps.broker, queue, deps.config.batch);
    while let Some(batch) = consumer.next_batch(shutdown).await {
        failpoint!("normalize.received");
        let started = Instant::now();
        let Some(outcomes) = handle(deps, &batch, shutdown).await else {
            // neither done nor failed: the messages come again
            consumer.give_back().await;
            continue;
        };
        deps.metrics.batch(batch.len(), started.elapsed());
        consumer.settle(batch, &outcomes).await;
        failpoint!("normalize.diverted");
    }
}

/// Handles a batch; `None` when it could not be done for want of a database.
async fn handle(deps: &Deps, batch: &[Delivery], shutdown: &Shutdown) -> Option<Outcomes> {
    let deadline = Instant::now() + IN_HAND_MAX;
    let mut failures = 0;
    loop {
        let error = match attempt(deps, batch).await {
            Ok(outcomes) => return Some(outcomes),
            Err(error) => error,
        };
        if shutdown.is_begun() || Instant::now() > deadline {
            return None;
        }
        let delay = WAIT.delay(failures);
        failures += 1;
        tracing::warn!(%error, messages = batch.len(), delay_ms = delay.as_millis(), "a batch waits for the database");
        tokio::select! {
            () = shutdown.begun() => return None,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Tries a batch once; an error means that the database is away or in conflict, and nothing is known to be written.
async fn attempt(deps: &Deps, batch: &[Delivery]) -> Result<Outcomes, StoreError> {
    let documents: Vec<Result<RawDocument<'_>, JobError>> = batch
        .iter()
        .map(|delivery| RawDocument::decode(&delivery.body).map_err(JobError::undecodable))
        .collect();
    let mut redeemed: Vec<Result<Option<Vec<u8>>, JobError>> = Vec::with_capacity(batch.len());
    for document in &documents {
        redeemed.push(match document {
            Ok(document) => match redeem(&deps.store, document).await {
                Ok(body) => Ok(body),
                Err(Redeem::Store(error)) => return Err(error),
                Err(Redeem::Missing) => Err(JobError::fail(
                    "claim-check",
                    "the document that was put away for this message is gone: fetch its window again",
                )),
            },
            Err(_) => Ok(None),
        });
    }
    let drafts: Vec<Result<Draft<'_>, JobError>> = documents
        .into_iter()
        .zip(&redeemed)
        .map(|(document, redeemed)| match redeemed {
            Ok(body) => draft(document?, body.as_deref()),
            Err(error) => Err(error.clone()),
        })
        .collect();
    failpoint!("normalize.mapped");
    settle_drafts(deps, drafts).await
}

async fn settle_drafts(
    deps: &Deps,
    drafts: Vec<Result<Draft<'_>, JobError>>,
) -> Result<Outcomes, StoreError> {
    let good: Vec<&Draft<'_>> = drafts.iter().filter_map(|draft| draft.as_ref().ok()).collect();
    let mut written = write_splitting(deps, &good).await?.into_iter();
    let outcomes = drafts.iter().map(|draft| match draft {
        Ok(_) => written.next().unwrap_or_else(|| Err(JobError::retry("a draft without a verdict"))),
        Err(error) => Err(error.clone()),
    });
    let outcomes: Outcomes = outcomes.collect();
    let dead = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    deps.metrics.outcome("failed", dead);
    Ok(outcomes)
}

/// Writes drafts; when the data is at fault, halves them until the poisonous one stands alone. The others are stored.
async fn write_splitting(deps: &Deps, drafts: &[&Draft<'_>]) -> Result<Outcomes, StoreError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    match write(deps, drafts).await {
        Ok(verdicts) => {
            count(deps, &verdicts);
            Ok(verdicts.iter().map(|_| Ok(())).collect())
        }
        Err(error) if error.is_transient() => Err(error),
        Err(error) if drafts.len() == 1 => Ok(vec![Err(alone(&error))]),
        Err(_) => {
            let (left, right) = drafts.split_at(drafts.len() / 2);
            let mut outcomes = Box::pin(write_splitting(deps, left)).await?;
            outcomes.extend(Box::pin(write_splitting(deps, right)).await?);
            Ok(outcomes)
        }
    }
}

/// What a document comes to that cannot be written even alone.
fn alone(error: &StoreError) -> JobError {
    if error.is_data_fault() { JobError::fail("data", error) } else { JobError::retry(error) }
}

fn count(deps: &Deps, verdicts: &[Verdict]) {
    let of = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    deps.metrics.outcome("stored", of(Verdict::Changed));
    deps.metrics.outcome("unchanged", of(Verdict::Unchanged));
    deps.metrics.outcome("skipped", of(Verdict::Skipped));
    deps.metrics.outcome("superseded", of(Verdict::Superseded));
}
