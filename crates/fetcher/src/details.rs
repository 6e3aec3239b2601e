//! Details of single records: a few at a time, each failure its own record's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use model::message::UnfetchedRecord;
use model::{ContentHash, DeadLetterId, ItemDecision, VendorKey, Version};
use runtime::Backoff;
use serde_json::value::RawValue;
use store::run_checkpoint::{FailedDetail, Listed};
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::ask::{Answer, Setback, ask};
use crate::dead::{Cause, leave_letter};
use crate::publish::Documents;
use crate::source::{Endpoint, Source};

/// Details asked for at a time in one step. The vendor's own limit on requests in flight holds across all steps.
const AT_ONCE: usize = 2;

/// A record whose details are wanted.
pub(crate) struct Wanted {
    pub(crate) key: VendorKey,
    /// Hash of its list row, if it was ever listed.
    pub(crate) hash: Option<ContentHash>,
    /// The list row, when it was just listed.
    pub(crate) row: Option<Box<RawValue>>,
    /// Failed attempts before.
    pub(crate) attempts: i32,
    /// A transcript that is still missing is given up.
    pub(crate) give_up: bool,
}

/// What became of the wanted details.
#[derive(Default)]
pub(crate) struct Fetched {
    pub(crate) listed: Vec<Listed>,
    pub(crate) failed: Vec<FailedDetail>,
    /// Some were not asked for: the step is to be taken up again after this wait.
    pub(crate) interrupted: Option<Duration>,
}

/// Fetches details and adds them to the documents. A wait or the end of the process interrupts; a refused credential or a broken
/// database ends the step.
pub(crate) async fn fetch(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    wanted: Vec<Wanted>,
    documents: &mut Documents<'_>,
    deadline: Instant,
) -> Result<Fetched, Setback> {
    let mut fetched = Fetched::default();
    let mut fatal = None;
    // set once, and then nothing more is asked; what is in flight is awaited, so that no permit is left behind
    let stopped = AtomicBool::new(false);
    let stopped = &stopped;
    let mut answers = futures::stream::iter(wanted)
        .map(|record| async move {
            if stopped.load(Ordering::Relaxed) || Instant::now() >= deadline || shared.shutdown.is_begun() {
                return (record, Err(Setback::NotBefore(Duration::ZERO)));
            }
            let answer = ask_for(shared, run, source, &record, deadline).await;
            (record, answer)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((record, answer)) = answers.next().await {
        match answer {
            Ok(answer) => take(shared, run, record, answer, documents, &mut fetched).await?,
            Err(setback) => {
                stopped.store(true, Ordering::Relaxed);
                match setback {
                    Setback::NotBefore(wait) => {
                        fetched.interrupted = Some(fetched.interrupted.map_or(wait, |other| other.max(wait)));
                    }
                    Setback::Handback => fetched.interrupted = Some(fetched.interrupted.unwrap_or_default()),
                    other => fatal = Some(other),
                }
            }
        }
    }
    fatal.map_or(Ok(fetched), Err)
}

async fn ask_for(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    record: &Wanted,
    deadline: Instant,
) -> Result<Answer<Box<RawValue>>, Setback> {
    ask(shared, run, source, Endpoint::Detail, deadline, |auth| async move {
        source.client.detail(&auth, record.key.as_str()).await
    })
    .await
}

async fn take(
    shared: &Shared,
    run: &ClaimedRun,
    record: Wanted,
    answer: Answer<Box<RawValue>>,
    documents: &mut Documents<'_>,
    fetched: &mut Fetched,
) -> Result<(), Setback> {
    match answer {
        Ok((detail, version)) => {
            let hash = record.hash.unwrap_or_else(|| ContentHash::of(detail.get().as_bytes()));
            documents
                .add(&record.key, version, hash, record.give_up, record.row.as_deref(), Some(&detail))
                .await?;
            fetched.listed.push(Listed { key: record.key, version, hash, decision: ItemDecision::Published });
        }
        // listed and not known: a replica that lags, until the attempts say otherwise
        Err((error, version)) if error.failure == Failure::NotFound && is_last_attempt(shared, &record) => {
            let hash = record.hash.unwrap_or_else(|| ContentHash::of(b""));
            documents.add_gone(&record.key, version, hash, &error.message).await?;
            fetched.listed.push(Listed { key: record.key, version, hash, decision: ItemDecision::Published });
        }
        Err((error, version)) => {
            let mut failed = failed(shared, &record, &error, version);
            let decision =
                if failed.look_after.is_some() { ItemDecision::Pending } else { ItemDecision::Dead };
            if decision == ItemDecision::Dead {
                failed.letter = Some(give_up(shared, run, &record, &failed).await?);
            }
            tracing::warn!(job.id = %run.id, vendor = %run.vendor, error.class = failed.class,
                job.attempt = failed.attempts, given_up = decision == ItemDecision::Dead,
                "failed to fetch the details of a record");
            fetched.listed.push(Listed { key: record.key, version, hash: failed.hash, decision });
            fetched.failed.push(failed);
        }
    }
    Ok(())
}

fn is_last_attempt(shared: &Shared, record: &Wanted) -> bool {
    record.attempts + 1 >= shared.deps.config.detail_attempts_max
}

fn failed(shared: &Shared, record: &Wanted, error: &VendorError, version: Version) -> FailedDetail {
    let config = &shared.deps.config;
    let attempts = record.attempts + 1;
    // ten times the pace of pages: a record can wait, and a vendor in trouble is not helped by asking for it
    let looks = Backoff { first: config.retry.first * 10, max: Duration::from_hours(1), ..config.retry };
    let look_after =
        (!is_last_attempt(shared, record)).then(|| looks.delay(u32::try_from(record.attempts).unwrap_or(0)));
    FailedDetail {
        key: record.key.clone(),
        version,
        hash: record.hash.unwrap_or_else(|| ContentHash::of(b"")),
        class: error.error_class().to_owned(),
        reason: error.to_string(),
        attempts,
        look_after,
        letter: None,
    }
}

/// Leaves a record in the dead letters before the ledger says that it is dead.
async fn give_up(
    shared: &Shared,
    run: &ClaimedRun,
    record: &Wanted,
    failed: &FailedDetail,
) -> Result<(DeadLetterId, &'static str), Setback> {
    let body = UnfetchedRecord {
        version: UnfetchedRecord::VERSION,
        tenant: run.tenant.clone(),
        connection_id: run.connection_id,
        vendor: run.vendor,
        vendor_key: record.key.clone(),
        run_id: run.id,
        asked_at: failed.version,
        listed_hash: record.hash,
    };
    let cause = Cause {
        stage: "detail",
        class: &failed.class,
        reason: &failed.reason,
        attempts: u32::try_from(failed.attempts).unwrap_or(0),
        vendor_key: Some(&record.key),
    };
    leave_letter(shared, run, body.encode(), cause).await.map_err(|error| Setback::Broker(error.to_string()))
}
