//! Storing a batch whatever happens: waits for the database, halves what it refuses.

use std::time::Duration;

use queue::JobError;
use runtime::{Backoff, Shutdown};
use store::StoreError;
use store::conversation_write::Verdict;
use tokio::time::{Instant, sleep};

use crate::Deps;
use crate::map::Mapped;
use crate::write::write;

/// Between attempts: a conflict is over at once, a database that restarts takes seconds.
pub(crate) const REPEAT: Backoff =
    Backoff { first: Duration::from_millis(50), max: Duration::from_secs(10), multiplier: 2.0 };

/// What was held in hand too long waits in the delay queue for at least this long.
pub(crate) const SNOOZE: Duration = Duration::from_secs(30);

/// A document's error class: the database refuses it.
const DATA: &str = "data";

/// What became of a document.
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

/// Stores mapped documents; each with its place in the batch and its outcome. `None` when the shutdown came while the database was
/// away: the batch is to be given back.
pub(crate) async fn store_batch(
    deps: &Deps,
    mapped: &[Mapped<'_>],
    shutdown: &Shutdown,
) -> Option<Vec<(usize, Outcome)>> {
    let hold_until = Instant::now() + deps.config.hold;
    let mut outcomes = Vec::with_capacity(mapped.len());
    // of one record's documents in a transaction only the newest counts, but "gone" says nothing about content: it comes after
    let (gone, kept) = mapped.iter().partition(|mapped| mapped.is_gone());
    let mut parts: Vec<Vec<&Mapped<'_>>> = vec![gone, kept];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let places = || part.iter().map(|mapped| mapped.index);
        match write_patiently(deps, &part, hold_until, shutdown).await? {
            Ok(verdicts) => outcomes.extend(places().zip(verdicts.into_iter().map(Outcome::Done))),
            Err(error) if error.is_transient() => {
                // an absent database is nobody's failed attempt
                let snoozed = || Outcome::Failed(JobError::snooze(SNOOZE));
                outcomes.extend(places().map(|place| (place, snoozed())));
            }
            Err(error) if part.len() == 1 => outcomes.extend(places().map(|place| (place, refused(&error)))),
            Err(error) => {
                tracing::warn!(%error, documents = part.len(), "the database refuses a batch, halving it");
                deps.metrics.splits.inc();
                let (left, right) = part.split_at(part.len() / 2);
                parts.push(right.to_vec());
                parts.push(left.to_vec());
            }
        }
    }
    Some(outcomes)
}

/// A document that is refused alone: dead if its data is at fault; anything else may be ours, and mended later.
fn refused(error: &StoreError) -> Outcome {
    if error.is_data_fault() {
        return Outcome::Failed(JobError::fail(DATA, error));
    }
    Outcome::Failed(JobError::retry(error))
}

/// Repeats what may work later until the hold is over; `None` when the shutdown comes first.
async fn write_patiently(
    deps: &Deps,
    part: &[&Mapped<'_>],
    hold_until: Instant,
    shutdown: &Shutdown,
) -> Option<Result<Vec<Verdict>, StoreError>> {
    let door = deps.health.door("conversations");
    for attempt in 0.. {
        let error = match write(&deps.store, deps.config.look, part).await {
            Ok(verdicts) => {
                door.opened();
                return Some(Ok(verdicts));
            }
            Err(error) => error,
        };
        let delay = REPEAT.delay(attempt);
        if !error.is_transient() || Instant::now() + delay > hold_until {
            return Some(Err(error));
        }
        if matches!(error, StoreError::Unavailable(_)) {
            door.closed(error.to_string());
        }
        tracing::warn!(%error, delay_ms = delay.as_millis(), "a batch could not be stored, trying again");
        tokio::select! {
            () = shutdown.begun() => return None,
            () = sleep(delay) => {}
        }
    }
    None
}
