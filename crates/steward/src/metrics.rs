//! Numbers of a steward, and of the whole system.

mod accounts;
mod queues;
mod table;
mod tenants;
mod vendors;
mod watched;

use std::time::Duration;

use jiff::Timestamp;
use model::ParkCause;
use prometheus::{Histogram, HistogramTimer, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use queue::WorkQueue;
use queue::topology::WORK_QUEUES;
use runtime::{InFlight, Numbers};
use store::heartbeat::LastSeen;
use store::report::{Count, Doing, OneDoing};

use crate::TenantLabels;
use accounts::AccountNumbers;
use queues::QueueNumbers;
use table::{Table, one_label};
use tenants::TenantNumbers;
use vendors::VendorNumbers;
use watched::WatchedNumbers;

/// States of open runs but the parked ones, which are named by their cause.
const STATES: [&str; 3] = ["planned", "listing", "listed"];

/// Classes of dead letters that are counted apart, the most frequent first: a header names the class, and anybody may publish.
const CLASSES_MAX: usize = 40;

/// One statement, or some twenty of them.
const SECONDS: [f64; 8] = [0.002, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

/// What this process has filed, and how the whole stands.
#[derive(Debug)]
pub struct StewardMetrics {
    filed: IntCounterVec,
    forgotten: IntCounter,
    in_flight: IntGaugeVec,
    letter_seconds: Histogram,
    count_seconds: Histogram,
    pub(crate) queues: QueueNumbers,
    runs: Table,
    dead: Table,
    connections: Table,
    outbox_age: IntGauge,
    scheduler_seen: IntGauge,
    counted_at: IntGauge,
    pub(crate) vendors: VendorNumbers,
    pub(crate) accounts: AccountNumbers,
    pub(crate) watched: WatchedNumbers,
    pub(crate) tenants: Option<TenantNumbers>,
}

impl StewardMetrics {
    /// Makes the numbers and registers them; those of each tenant only if that is asked for.
    pub fn register(registry: &Registry, tenants: TenantLabels) -> Result<Self, prometheus::Error> {
        let make = Numbers(registry);
        let metrics = Self {
            filed: make.counters(
                "steward_letters_filed_total",
                "Dead letters filed by origin queue; see `switchboard dead groups`.",
                &["queue"],
            )?,
            forgotten: make.counter(
                "steward_runs_forgotten_total",
                "Runs deleted because they ended longer ago than SWITCHBOARD_RUNS_S.",
            )?,
            in_flight: make.gauges(
                "steward_in_flight_messages",
                "Dead letters in hand, by their queue.",
                &["queue"],
            )?,
            letter_seconds: make.spread(
                "steward_letter_seconds",
                "Seconds from a dead letter's arrival until it is filed; many: the database is the bottleneck.",
                &SECONDS,
            )?,
            count_seconds: make.spread(
                "steward_count_seconds",
                "Seconds it takes to compute the numbers of the whole system; near SWITCHBOARD_COUNT_S: set that higher.",
                &SECONDS,
            )?,
            queues: QueueNumbers::register(make)?,
            runs: Table::counts(
                make,
                "switchboard_runs",
                "Open runs by state; parked ones by cause: the cause's owner releases them.",
                &["state"],
            )?,
            dead: Table::counts(
                make,
                "switchboard_dead_letters",
                "Dead letters by class: each needs a person.",
                &["class"],
            )?,
            connections: Table::counts(
                make,
                "switchboard_connections",
                "Connections by how they are doing: running, or what keeps them from it; see `switchboard connections`.",
                &["status"],
            )?,
            outbox_age: make.gauge(
                "switchboard_outbox_oldest_seconds",
                "Seconds the oldest event has waited for being published; growing: is a scheduler running?",
            )?,
            scheduler_seen: make.gauge(
                "switchboard_scheduler_seen_timestamp_seconds",
                "When a scheduler was last at work, since 1970, 0: never; standing still: nothing is planned.",
            )?,
            counted_at: make.gauge(
                "switchboard_counted_timestamp_seconds",
                "When the numbers of the whole system were last computed, since 1970; standing still: they are old.",
            )?,
            vendors: VendorNumbers::register(make)?,
            accounts: AccountNumbers::register(make)?,
            watched: WatchedNumbers::register(make)?,
            tenants: (tenants == TenantLabels::Each).then(|| TenantNumbers::register(make)).transpose()?,
        };
        metrics.name_what_is_known();
        Ok(metrics)
    }

    fn name_what_is_known(&self) {
        for queue in WORK_QUEUES {
            self.filed.with_label_values(&[queue.name]);
            self.in_flight.with_label_values(&[&queue.dead()]);
        }
        self.queues.ages(&[]);
    }

    pub(crate) fn filed(&self, queue: &WorkQueue) {
        self.filed.with_label_values(&[queue.name]).inc();
    }

    pub(crate) fn forgot(&self, runs: u64) {
        self.forgotten.inc_by(runs);
    }

    /// Notes that a letter of this queue is in hand, until what it gives is dropped.
    pub(crate) fn begin(&self, queue: &WorkQueue) -> (InFlight, HistogramTimer) {
        let in_flight = self.in_flight.with_label_values(&[&queue.dead()]);
        (InFlight::of(in_flight, 1), self.letter_seconds.start_timer())
    }

    pub(crate) fn took(&self, counting: Duration) {
        self.count_seconds.observe(counting.as_secs_f64());
    }

    pub(crate) fn runs(&self, counts: &[Count]) {
        let parked: Vec<String> = ParkCause::ALL.iter().map(|cause| format!("parked: {cause}")).collect();
        let known = STATES.into_iter().chain(parked.iter().map(String::as_str)).map(|state| (state, 0));
        self.runs.set(known.chain(counts.iter().map(|one| (one.name.as_str(), one.count))).map(one_label));
    }

    pub(crate) fn dead(&self, counts: &[Count]) {
        let named = counts.iter().take(CLASSES_MAX).map(|one| (one.name.as_str(), one.count));
        let others: i64 = counts.iter().skip(CLASSES_MAX).map(|one| one.count).sum();
        self.dead.set(named.chain((others > 0).then_some(("other", others))).map(one_label));
    }

    pub(crate) fn connections(&self, doings: &[OneDoing]) {
        let count = |word: &Doing| doings.iter().filter(|one| one.doing == *word).count() as f64;
        self.connections.set(Doing::ALL.iter().map(|word| (vec![word.as_str()], count(word))));
        self.vendors.connections(doings);
        if let Some(tenants) = &self.tenants {
            tenants.connections(doings);
        }
    }

    pub(crate) fn outbox_age(&self, seconds: i64) {
        self.outbox_age.set(seconds);
    }

    pub(crate) fn scheduler_seen(&self, last: LastSeen) {
        self.scheduler_seen.set(last.at.as_second());
    }

    pub(crate) fn counted(&self, at: Timestamp) {
        self.counted_at.set(at.as_second());
    }
}
