//! The one table of what is on the broker.

use std::time::Duration;

use model::Lane;

/// Exchange of the nudges.
pub const FETCH: &str = "fetch";
/// Exchange of the raw documents.
pub const NORMALIZE: &str = "normalize";
/// Exchange of the conversations to be linked again.
pub const RESOLVE: &str = "resolve";
/// Topic exchange of what happened, for anybody's own queues.
pub const EVENTS: &str = "events";

/// Returns before a message goes to the dead letters unasked. A guard against messages that kill their worker: every return
/// counts, also that of innocent prefetched messages at a deploy, so it is high; attempts are counted in our own header.
pub(crate) const DELIVERY_LIMIT: i32 = 20;
/// A dead letter is never dropped: brokers from 4.0 on have a limit unless told otherwise, older ones know no "unlimited".
pub(crate) const DEAD_DELIVERY_LIMIT: i32 = i32::MAX;

/// A delay queue: messages wait there and go back to their work queue. One queue per delay, because a message's own expiry
/// would only be noticed at the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The last part of the queue's name.
    pub name: &'static str,
    /// How long messages wait (before [`crate::Config::ladder_scale`]).
    pub delay: Duration,
}

const LADDER: &[Rung] = &[
    Rung { name: "5s", delay: Duration::from_secs(5) },
    Rung { name: "30s", delay: Duration::from_secs(30) },
    Rung { name: "2m", delay: Duration::from_mins(2) },
    Rung { name: "10m", delay: Duration::from_mins(10) },
    Rung { name: "1h", delay: Duration::from_hours(1) },
];

/// A queue that a role works off, with its dead-letter queue and, perhaps, its ladder of delays.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkQueue {
    /// Its name, which is its routing key as well.
    pub name: &'static str,
    /// The direct exchange it is bound to.
    pub exchange: &'static str,
    /// Its delay queues, shortest first. Nudges have none: their retries live in the ledger.
    pub ladder: &'static [Rung],
}

/// Nudges of live work.
pub const FETCH_LIVE: WorkQueue = WorkQueue { name: "fetch.live", exchange: FETCH, ladder: &[] };
/// Nudges of backfills.
pub const FETCH_BACKFILL: WorkQueue = WorkQueue { name: "fetch.backfill", exchange: FETCH, ladder: &[] };
/// Raw documents of live work.
pub const NORMALIZE_LIVE: WorkQueue =
    WorkQueue { name: "normalize.live", exchange: NORMALIZE, ladder: LADDER };
/// Raw documents of backfills.
pub const NORMALIZE_BACKFILL: WorkQueue =
    WorkQueue { name: "normalize.backfill", exchange: NORMALIZE, ladder: LADDER };
/// Conversations to be linked again.
pub const RESOLVE_QUEUE: WorkQueue = WorkQueue { name: "resolve", exchange: RESOLVE, ladder: LADDER };

/// Every work queue.
pub static WORK_QUEUES: [&WorkQueue; 5] =
    [&FETCH_LIVE, &FETCH_BACKFILL, &NORMALIZE_LIVE, &NORMALIZE_BACKFILL, &RESOLVE_QUEUE];

impl WorkQueue {
    /// The queue for nudges of a lane.
    pub fn fetch(lane: Lane) -> &'static Self {
        match lane {
            Lane::Live => &FETCH_LIVE,
            Lane::Backfill => &FETCH_BACKFILL,
        }
    }

    /// The queue for raw documents of a lane.
    pub fn normalize(lane: Lane) -> &'static Self {
        match lane {
            Lane::Live => &NORMALIZE_LIVE,
            Lane::Backfill => &NORMALIZE_BACKFILL,
        }
    }

    /// The work queue of this name, as a dead letter's `origin_queue` gives it.
    pub fn named(name: &str) -> Option<&'static Self> {
        WORK_QUEUES.into_iter().find(|queue| queue.name == name)
    }

    /// Name of its dead-letter queue.
    pub fn dead(&self) -> String {
        format!("{}.dead", self.name)
    }

    /// Name of one of its delay queues.
    pub fn retry(&self, rung: &Rung) -> String {
        format!("{}.retry.{}", self.name, rung.name)
    }

    /// The rung for the n-th failure, counted from 1; the last one for all later.
    pub fn rung_of_failure(&self, failures: u32) -> Option<&'static Rung> {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        self.ladder.get(index).or(self.ladder.last())
    }

    /// The shortest rung that waits at least this long, or the longest there is.
    pub fn rung_of_delay(&self, delay: Duration) -> Option<&'static Rung> {
        self.ladder.iter().find(|rung| rung.delay >= delay).or(self.ladder.last())
    }

    /// All its queues by name: itself, its delays, its dead letters.
    pub fn queue_names(&self) -> Vec<String> {
        let delays = self.ladder.iter().map(|rung| self.retry(rung));
        [self.name.to_owned()].into_iter().chain(delays).chain([self.dead()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_work_queue_has_its_dead_letters_and_every_name_is_given_once() {
        let mut names = HashSet::new();
        for queue in WORK_QUEUES {
            let own = queue.queue_names();
            assert!(own.contains(&format!("{}.dead", queue.name)));
            assert_eq!(own.len(), 2 + queue.ladder.len());
            assert!(own.into_iter().all(|name| name.len() < 255 && names.insert(name)), "{}", queue.name);
            assert_eq!(WorkQueue::named(queue.name), Some(queue));
        }
    }

    #[test]
    fn ladders_climb_and_only_nudges_have_none() {
        for queue in WORK_QUEUES {
            assert!(queue.ladder.is_sorted_by(|lower, upper| lower.delay < upper.delay));
            assert_eq!(queue.ladder.is_empty(), queue.exchange == FETCH);
        }
    }

    #[test]
    fn a_failure_takes_the_next_rung_and_stays_on_the_last() {
        let name_of = |failures| NORMALIZE_LIVE.rung_of_failure(failures).map(|rung| rung.name);
        assert_eq!(
            [0, 1, 2, 5, 6, u32::MAX].map(name_of).map(Option::unwrap),
            ["5s", "5s", "30s", "1h", "1h", "1h"]
        );
        assert_eq!(FETCH_LIVE.rung_of_failure(1), None);
    }

    #[test]
    fn a_delay_takes_the_rung_that_is_not_too_early() {
        let name_of =
            |seconds| RESOLVE_QUEUE.rung_of_delay(Duration::from_secs(seconds)).map(|rung| rung.name);
        assert_eq!([0, 5, 6, 3600, 86400].map(name_of).map(Option::unwrap), ["5s", "5s", "30s", "1h", "1h"]);
        assert_eq!(FETCH_BACKFILL.rung_of_delay(Duration::ZERO), None);
    }
}
