//! What belongs to single records, and what becomes of it: each failure is its own record's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::message::UnfetchedRecord;
use model::{ContentHash, DeadLetterId, ItemDecision, VendorKey, Version};
use runtime::{Backoff, Shutdown};
use serde_json::value::RawValue;
use store::run_checkpoint::{FailedDetail, Listed};
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::ask::{Answer, Setback};
use crate::dead::{Cause, leave_letter};
use crate::publish::Documents;

/// A record whose details are wanted.
pub(crate) struct Wanted {
    pub(crate) key: VendorKey,
    /// Hash of its list row, if it was ever listed.
    pub(crate) hash: Option<ContentHash>,
    /// The list row, when it was just listed.
    pub(crate) row: Option<Box<RawValue>>,
    /// When that was.
    pub(crate) listed_at: Option<Version>,
    /// Failed attempts before.
    pub(crate) attempts: i32,
    /// A transcript that is still missing is given up.
    pub(crate) give_up: bool,
}

/// What a vendor gave for a record.
pub(crate) struct Got {
    /// Its list row with its hash, where it came anew.
    pub(crate) row: Option<Box<RawValue>>,
    /// Its details; none where the vendor has none so far.
    pub(crate) detail: Option<Box<RawValue>>,
}

/// What became of the wanted details.
#[derive(Default)]
pub(crate) struct Fetched {
    pub(crate) listed: Vec<Listed>,
    pub(crate) failed: Vec<FailedDetail>,
    /// Some were not asked for: the step is to be taken up again after this wait.
    pub(crate) interrupted: Option<Duration>,
}

/// Says when nothing more is to be asked; what is in flight is awaited, so that no permit is left behind.
pub(crate) struct Pace<'a> {
    stopped: AtomicBool,
    deadline: Instant,
    handback: &'a Shutdown,
}

impl Pace<'_> {
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || Instant::now() >= self.deadline || self.handback.is_begun()
    }
}

/// Takes what the vendor gave for each record, and what it did not.
pub(crate) struct Gathering<'a, 'd> {
    shared: &'a Shared,
    run: &'a ClaimedRun,
    documents: &'a mut Documents<'d>,
    fetched: Fetched,
    fatal: Option<Setback>,
}

impl<'a, 'd> Gathering<'a, 'd> {
    pub(crate) fn new(shared: &'a Shared, run: &'a ClaimedRun, documents: &'a mut Documents<'d>) -> Self {
        Self { shared, run, documents, fetched: Fetched::default(), fatal: None }
    }

    pub(crate) fn pace(&self, deadline: Instant) -> Pace<'a> {
        Pace { stopped: AtomicBool::new(false), deadline, handback: &self.shared.handback }
    }

    /// A wait or the end of the process interrupts; a refused credential or a broken database ends the step.
    pub(crate) fn set_back(&mut self, setback: Setback) {
        let interrupted = &mut self.fetched.interrupted;
        match setback {
            Setback::NotBefore(wait) => {
                *interrupted = Some(interrupted.map_or(wait, |other| other.max(wait)));
            }
            Setback::Handback => *interrupted = Some(interrupted.unwrap_or_default()),
            other => self.fatal = Some(other),
        }
    }

    pub(crate) fn finish(self) -> Result<Fetched, Setback> {
        self.fatal.map_or(Ok(self.fetched), Err)
    }

    pub(crate) async fn take(&mut self, record: Wanted, answer: Answer<Got>) -> Result<(), Setback> {
        match answer {
            Ok((got, version)) => self.take_document(record, got, version).await,
            // listed and not known: a replica that lags, until the attempts say otherwise
            Err((error, version))
                if error.failure == Failure::NotFound && is_last_attempt(self.shared, &record) =>
            {
                let hash = record.hash.unwrap_or_else(|| ContentHash::of(b""));
                self.documents.add_gone(&record.key, version, hash, &error.message).await?;
                self.note(record.key, version, hash, ItemDecision::Published);
                Ok(())
            }
            Err((error, version)) => self.take_failure(&record, &error, version).await,
        }
    }

    async fn take_document(&mut self, record: Wanted, got: Got, version: Version) -> Result<(), Setback> {
        let row = got.row.as_deref().or(record.row.as_deref());
        let detail = got.detail.as_deref();
        let bytes = detail.or(row).map_or("", RawValue::get).as_bytes();
        // a row that came anew is as good as one of the list
        let hash = got.row.as_deref().map(mapping::canonical_hash).or(record.hash);
        let hash = hash.unwrap_or_else(|| ContentHash::of(bytes));
        self.documents.add(&record.key, version, hash, record.give_up, row, detail).await?;
        self.note(record.key, version, hash, ItemDecision::Published);
        Ok(())
    }

    async fn take_failure(
        &mut self,
        record: &Wanted,
        error: &VendorError,
        version: Version,
    ) -> Result<(), Setback> {
        let mut failed = failed(self.shared, record, error, version);
        let decision = if failed.look_after.is_some() { ItemDecision::Pending } else { ItemDecision::Dead };
        if decision == ItemDecision::Dead {
            failed.letter = Some(give_up(self.shared, self.run, record, &failed).await?);
            runtime::failpoint!("fetch.record_letter_left");
        }
        tracing::warn!(job.id = %self.run.id, vendor = %self.run.vendor, error.class = failed.class,
            job.attempt = failed.attempts, given_up = decision == ItemDecision::Dead,
            "failed to fetch the details of a record");
        self.note(record.key.clone(), version, failed.hash, decision);
        self.fetched.failed.push(failed);
        Ok(())
    }

    fn note(&mut self, key: VendorKey, version: Version, hash: ContentHash, decision: ItemDecision) {
        self.fetched.listed.push(Listed { key, version, hash, decision, happened_at: None });
    }
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
