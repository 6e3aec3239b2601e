//! Where a message goes that is not done.

use std::time::Duration;

use runtime::Clock;

use crate::topology::Rung;
use crate::{Delivery, JobError, JobHeaders, Outgoing, Source, WorkQueue, fingerprint};

/// Failed attempts after which a message goes to the dead letters: with the ladder, some five hours after the first.
pub const ATTEMPTS_MAX: u32 = 10;
const RETRY_CLASS: &str = "retry";
const EXHAUSTED_CLASS: &str = "attempts-exhausted";

/// The one effect on the broker that an outcome has.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Nothing more to do: ack.
    Ack,
    /// Publish, await the confirm, then ack.
    Publish(Box<Outgoing>),
    /// There is nowhere to put it: leave it in its queue.
    Leave,
}

/// Decides for one source.
#[derive(Debug, Clone)]
pub(crate) struct Diverter {
    pub(crate) source: Source,
    pub(crate) worker: String,
    pub(crate) clock: Clock,
}

impl Diverter {
    pub(crate) fn plan(&self, delivery: &Delivery, outcome: &Result<(), JobError>) -> Plan {
        let Err(error) = outcome else { return Plan::Ack };
        let queue = &self.source.queue;
        let Some(work) = self.source.work else {
            tracing::warn!(queue, %error, "left in its queue, trying again after a pause");
            return Plan::Leave;
        };
        match error {
            JobError::Snooze { delay } => {
                delayed(work, work.rung_of_delay(*delay), delivery, delivery.headers.clone())
            }
            JobError::Retry { error, after } => self.retry(work, delivery, error, *after),
            JobError::Fail { class, error } => self.dead(work, delivery, class, error),
        }
    }

    fn retry(&self, work: &WorkQueue, delivery: &Delivery, error: &str, after: Option<Duration>) -> Plan {
        let headers = self.failed(delivery, RETRY_CLASS, error);
        let failures = headers.attempt;
        if !work.ladder.is_empty() && failures >= ATTEMPTS_MAX {
            return self.dead(work, delivery, EXHAUSTED_CLASS, error);
        }
        let by_attempt = work.rung_of_failure(failures);
        let rung = after.map_or(by_attempt, |delay| work.rung_of_delay(delay));
        let delay_ms = rung.map(|rung| rung.delay.as_millis());
        tracing::warn!(queue = work.name, job.attempt = failures, error, delay_ms, "failed, to be retried");
        delayed(work, rung, delivery, headers)
    }

    fn dead(&self, work: &WorkQueue, delivery: &Delivery, class: &str, error: &str) -> Plan {
        let headers = self.failed(delivery, class, error);
        tracing::error!(
            queue = work.name,
            job.attempt = headers.attempt,
            class,
            error,
            "given up, to the dead letters"
        );
        to_queue(work.dead(), delivery, headers)
    }

    fn failed(&self, delivery: &Delivery, class: &str, error: &str) -> JobHeaders {
        let now = self.clock.now();
        let before = delivery.headers.clone();
        JobHeaders {
            attempt: before.attempt.saturating_add(1),
            first_failed_at: before.first_failed_at.or(Some(now)),
            failed_at: Some(now),
            error_class: Some(class.to_owned()),
            error: Some(error.to_owned()),
            fingerprint: Some(fingerprint(error)),
            origin_queue: Some(self.source.queue.clone()),
            worker: Some(self.worker.clone()),
            ..before
        }
    }
}

/// A queue without a ladder holds nudges: acked, because the truth is in the ledger and its sweep sends another. Publishing it
/// back at once would be a hot loop.
fn delayed(work: &WorkQueue, rung: Option<&Rung>, delivery: &Delivery, headers: JobHeaders) -> Plan {
    match rung {
        Some(rung) => to_queue(work.retry(rung), delivery, headers),
        None => Plan::Ack,
    }
}

fn to_queue(queue: String, delivery: &Delivery, headers: JobHeaders) -> Plan {
    Plan::Publish(Box::new(Outgoing { headers, ..Outgoing::to_queue(queue, delivery.body.clone()) }))
}
