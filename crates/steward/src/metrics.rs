//! Numbers of a steward, and of the whole system.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use queue::topology::WORK_QUEUES;
use queue::{QueueDepth, WorkQueue};
use store::heartbeat::LastSeen;
use store::report::{Count, QueueWork};

/// What this process has filed, and how the whole stands.
#[derive(Debug)]
pub struct StewardMetrics {
    filed: IntCounterVec,
    queue_depth: IntGaugeVec,
    queue_consumers: IntGaugeVec,
    queue_age: IntGaugeVec,
    runs: IntGaugeVec,
    dead: IntGaugeVec,
    connections: IntGaugeVec,
    outbox_age: IntGauge,
    scheduler_seen: IntGauge,
    counted_at: IntGauge,
}

impl StewardMetrics {
    /// Makes the numbers and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, label: &str| IntGaugeVec::new(Opts::new(name, help), &[label]);
        let metrics = Self {
            filed: IntCounterVec::new(
                Opts::new(
                    "steward_letters_filed_total",
                    "Dead letters filed by origin queue; see `switchboard dead groups`.",
                ),
                &["queue"],
            )?,
            queue_depth: gauge(
                "switchboard_queue_messages",
                "Messages ready in a queue; growing: add workers of its role.",
                "queue",
            )?,
            queue_consumers: gauge(
                "switchboard_queue_consumers",
                "Consumers of a queue; none: no process of its role is running, or it cannot reach the broker.",
                "queue",
            )?,
            queue_age: gauge(
                "switchboard_queue_oldest_seconds",
                "Seconds the oldest message of a queue has waited, by the ledger; growing: add workers of its role.",
                "queue",
            )?,
            runs: gauge(
                "switchboard_runs",
                "Open runs by state; parked ones by cause: the cause's owner releases them.",
                "state",
            )?,
            dead: gauge("switchboard_dead_letters", "Dead letters by class: each needs a person.", "class")?,
            connections: gauge(
                "switchboard_connections",
                "Connections by how they are doing: running, or what keeps them from it; see `switchboard connections`.",
                "status",
            )?,
            outbox_age: IntGauge::new(
                "switchboard_outbox_oldest_seconds",
                "Seconds the oldest event has waited for being published; growing: is a scheduler running?",
            )?,
            scheduler_seen: IntGauge::new(
                "switchboard_scheduler_seen_timestamp_seconds",
                "When a scheduler was last at work, since 1970, 0: never; standing still: nothing is planned.",
            )?,
            counted_at: IntGauge::new(
                "switchboard_counted_timestamp_seconds",
                "When the numbers of the whole system were last computed, since 1970; standing still: they are old.",
            )?,
        };
        for queue in WORK_QUEUES {
            metrics.filed.with_label_values(&[queue.name]);
            metrics.queue_age.with_label_values(&[queue.name]);
        }
        registry.register(Box::new(metrics.filed.clone()))?;
        let counted = [
            &metrics.queue_depth,
            &metrics.queue_consumers,
            &metrics.queue_age,
            &metrics.runs,
            &metrics.dead,
        ];
        for vec in counted.into_iter().chain([&metrics.connections]) {
            registry.register(Box::new(vec.clone()))?;
        }
        for one in [&metrics.outbox_age, &metrics.scheduler_seen, &metrics.counted_at] {
            registry.register(Box::new(one.clone()))?;
        }
        Ok(metrics)
    }

    pub(crate) fn filed(&self, queue: &WorkQueue) {
        self.filed.with_label_values(&[queue.name]).inc();
    }

    pub(crate) fn queues(&self, depths: &[QueueDepth]) {
        for depth in depths {
            self.queue_depth.with_label_values(&[&depth.queue]).set(depth.ready.into());
            self.queue_consumers.with_label_values(&[&depth.queue]).set(depth.consumers.into());
        }
    }

    pub(crate) fn queue_ages(&self, work: &[QueueWork]) {
        let ages = work.iter().filter_map(|one| Some((one.queue.as_str(), one.oldest_s?)));
        set(&self.queue_age, ages);
    }

    pub(crate) fn runs(&self, counts: &[Count]) {
        set(&self.runs, counts.iter().map(|one| (one.name.as_str(), one.count)));
    }

    pub(crate) fn dead(&self, counts: &[Count]) {
        set(&self.dead, counts.iter().map(|one| (one.name.as_str(), one.count)));
    }

    pub(crate) fn connections(&self, counts: &[Count]) {
        set(&self.connections, counts.iter().map(|one| (one.name.as_str(), one.count)));
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

/// Sets what is counted, and to zero what was counted before and is gone.
fn set<'a>(gauge: &IntGaugeVec, counts: impl Iterator<Item = (&'a str, i64)>) {
    let counts: BTreeMap<&str, i64> = counts.collect();
    for family in prometheus::core::Collector::collect(gauge) {
        for metric in family.get_metric() {
            for label in metric.get_label() {
                if !counts.contains_key(label.value()) {
                    gauge.with_label_values(&[label.value()]).set(0);
                }
            }
        }
    }
    for (name, count) in counts {
        gauge.with_label_values(&[name]).set(count);
    }
}
