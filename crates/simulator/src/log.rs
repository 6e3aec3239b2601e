//! What a workspace was asked, when, and how it answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Endpoint;
use crate::world::{RateLimit, locked};

/// How many requests are remembered one by one; the counts know all.
const REQUESTS_KEPT: usize = 100_000;
const ONE_SECOND: Duration = Duration::from_secs(1);

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Microseconds since the workspace was made or its log reset.
    pub at_us: u64,
    /// What was asked.
    pub endpoint: Endpoint,
    /// Path and query.
    pub path: String,
    /// The answer's status; none while it is out, and for good if the connection was reset or given up.
    pub status: Option<u16>,
}

/// Numbers about all requests of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// All requests.
    pub requests: u64,
    /// By endpoint.
    pub by_endpoint: BTreeMap<Endpoint, u64>,
    /// By the answer's status.
    pub by_status: BTreeMap<u16, u64>,
    /// Answered with 429, by the limit or by a fault.
    pub refused: u64,
    /// Of these, by the limit.
    pub over_limit: u64,
    /// The most requests that arrived within any one second, refused ones included.
    pub max_in_any_second: usize,
    /// Requests that are out now.
    pub in_flight: usize,
    /// The most that were out at once.
    pub max_in_flight: usize,
}

impl Stats {
    /// The most requests that arrived within any one second, refused ones included.
    pub fn max_in_any_second(&self) -> usize {
        self.max_in_any_second
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RequestLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    began: Instant,
    stats: Stats,
    /// Arrivals within the last second.
    recent: VecDeque<Instant>,
    /// Arrivals within each limit's window that were not refused.
    accepted: Vec<VecDeque<Instant>>,
    kept: VecDeque<RequestRecord>,
    /// Number of the oldest request kept.
    first_kept: u64,
    /// Counts resets, so that what was out before one does not write into the log after it.
    generation: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            stats: Stats::default(),
            recent: VecDeque::new(),
            accepted: Vec::new(),
            kept: VecDeque::new(),
            first_kept: 0,
            generation: 0,
        }
    }
}

/// A request that is out; dropped without an answer when its caller goes away.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: RequestLog,
    /// How many came before it.
    pub(crate) number: u64,
    generation: u64,
    /// The limit that does not admit it.
    pub(crate) refused_by: Option<RateLimit>,
}

impl RequestLog {
    /// Writes a request down the moment it arrives, and weighs it against the limits.
    pub(crate) fn arrive(&self, endpoint: Endpoint, path: &str, limits: &[RateLimit]) -> Ticket {
        let mut state = locked(&self.0);
        let now = Instant::now();
        let number = state.count(now, endpoint);
        let at_us = u64::try_from((now - state.began).as_micros()).unwrap_or(u64::MAX);
        state.keep(RequestRecord { at_us, endpoint, path: path.to_owned(), status: None });
        let refused_by = state.refuse(now, limits);
        state.stats.over_limit += u64::from(refused_by.is_some());
        Ticket { log: self.clone(), number, generation: state.generation, refused_by }
    }

    pub(crate) fn stats(&self) -> Stats {
        locked(&self.0).stats.clone()
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        locked(&self.0).kept.iter().cloned().collect()
    }

    pub(crate) fn reset(&self) {
        let mut state = locked(&self.0);
        let generation = state.generation + 1;
        *state = State { generation, ..State::default() };
    }
}

impl State {
    fn count(&mut self, now: Instant, endpoint: Endpoint) -> u64 {
        forget_before(&mut self.recent, now, ONE_SECOND);
        self.recent.push_back(now);
        self.stats.max_in_any_second = self.stats.max_in_any_second.max(self.recent.len());
        *self.stats.by_endpoint.entry(endpoint).or_default() += 1;
        self.stats.in_flight += 1;
        self.stats.max_in_flight = self.stats.max_in_flight.max(self.stats.in_flight);
        self.stats.requests += 1;
        self.stats.requests - 1
    }

    fn keep(&mut self, record: RequestRecord) {
        self.kept.push_back(record);
        if self.kept.len() > REQUESTS_KEPT {
            self.kept.pop_front();
            self.first_kept += 1;
        }
    }

    /// Only accepted requests count against the limits, so that a hammering client gets its share all the same.
    fn refuse(&mut self, now: Instant, limits: &[RateLimit]) -> Option<RateLimit> {
        self.accepted.resize_with(limits.len().max(self.accepted.len()), VecDeque::new);
        let full = |(limit, accepted): (&RateLimit, &mut VecDeque<Instant>)| {
            forget_before(accepted, now, Duration::from_millis(limit.window_ms));
            (accepted.len() >= limit.requests).then_some(*limit)
        };
        let refused_by = limits.iter().zip(&mut self.accepted).find_map(full);
        if refused_by.is_none() {
            self.accepted.iter_mut().take(limits.len()).for_each(|accepted| accepted.push_back(now));
        }
        refused_by
    }
}

/// Forgets arrivals that are a whole window away: windows are half open.
fn forget_before(arrivals: &mut VecDeque<Instant>, now: Instant, window: Duration) {
    while arrivals.front().is_some_and(|arrival| now.duration_since(*arrival) >= window) {
        arrivals.pop_front();
    }
}

impl Ticket {
    /// Writes the answer down.
    pub(crate) fn answered(&self, status: u16) {
        let mut state = locked(&self.log.0);
        if state.generation != self.generation {
            return;
        }
        *state.stats.by_status.entry(status).or_default() += 1;
        state.stats.refused += u64::from(status == 429);
        let place = self.number.checked_sub(state.first_kept).and_then(|place| usize::try_from(place).ok());
        if let Some(record) = place.and_then(|place| state.kept.get_mut(place)) {
            record.status = Some(status);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = locked(&self.log.0);
        if state.generation == self.generation {
            state.stats.in_flight -= 1;
        }
    }
}
