//! Storing a batch whatever happens: waits for the database, halves what it refuses.

use std::time::Duration;

use queue::JobError;
use runtime::{Backoff, Shutdown};
use store::StoreError;
use store::conversation_write::Verdict;
use tokio::time::{Instant, sleep};

use crate::Deps;

/// Between attempts: a conflict is over at once, a database that restarts takes seconds.
pub(crate) const REPEAT: Backoff =
    Backoff { first: Duration::from_millis(50), max: Duration::from_secs(10), multiplier: 2.0 };

/// What was held in hand too long waits in the delay queue for at least this long.
const SNOOZE: Duration = Duration::from_secs(30);

/// An error class: the database refuses the document or record.
const DATA: &str = "data";

/// What became of a document or a record.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Stored, or nothing to do.
    Done(Verdict),
    /// Goes elsewhere.
    Failed(JobError),
}

impl Outcome {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Done(Verdict::Changed) => "changed",
            Self::Done(Verdict::Unchanged) => "unchanged",
            Self::Done(Verdict::Superseded) => "superseded",
            Self::Done(Verdict::Skipped) => "skipped",
            Self::Failed(JobError::Fail { .. }) => "dead",
            Self::Failed(JobError::Retry { .. }) => "retried",
            Self::Failed(JobError::Snooze { .. }) => "snoozed",
        }
    }
}

/// Stores parts, the last first, each in the one transaction of `write`; every item with its outcome. `None` when the shutdown came
/// while the database was away: the batch is to be given back.
pub(crate) async fn store_parts<'a, T, W>(
    deps: &Deps,
    what: &str,
    shutdown: &Shutdown,
    mut parts: Vec<&'a [T]>,
    write: impl Fn(&'a [T]) -> W,
) -> Option<Vec<(&'a T, Outcome)>>
where
    W: Future<Output = Result<Vec<Verdict>, StoreError>>,
{
    let hold_until = Instant::now() + deps.config.hold;
    let mut outcomes = Vec::new();
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match patiently(what, hold_until, shutdown, || write(part)).await? {
            Ok(verdicts) => outcomes.extend(part.iter().zip(verdicts.into_iter().map(Outcome::Done))),
            // an absent database is nobody's failed attempt
            Err(error) if error.is_transient() => {
                outcomes.extend(part.iter().map(|item| (item, Outcome::Failed(JobError::snooze(SNOOZE)))));
            }
            Err(error) => {
                if let [item] = part {
                    outcomes.push((item, refused(&error)));
                    continue;
                }
                tracing::warn!(%error, size = part.len(), "the database refuses a batch of {what}, halving it");
                deps.metrics.splits.inc();
                let (left, right) = part.split_at(part.len() / 2);
                parts.extend([right, left]);
            }
        }
    }
    Some(outcomes)
}

/// What is refused alone: dead if its data is at fault; anything else may be ours, and mended later.
fn refused(error: &StoreError) -> Outcome {
    if error.is_data_fault() {
        return Outcome::Failed(JobError::fail(DATA, error));
    }
    Outcome::Failed(JobError::retry(error))
}

/// Repeats what may work later until the hold is over; `None` when the shutdown comes first.
async fn patiently<W>(
    what: &str,
    hold_until: Instant,
    shutdown: &Shutdown,
    write: impl Fn() -> W,
) -> Option<Result<Vec<Verdict>, StoreError>>
where
    W: Future<Output = Result<Vec<Verdict>, StoreError>>,
{
    for attempt in 0.. {
        let error = match write().await {
            Ok(verdicts) => return Some(Ok(verdicts)),
            Err(error) => error,
        };
        let delay = REPEAT.delay(attempt);
        if !error.is_transient() || Instant::now() + delay > hold_until {
            return Some(Err(error));
        }
        tracing::warn!(%error, delay_ms = delay.as_millis(), "{what} could not be stored, trying again");
        tokio::select! {
            () = shutdown.begun() => return None,
            () = sleep(delay) => {}
        }
    }
    None
}
