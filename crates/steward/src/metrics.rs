//! Numbers of a steward, and of the whole system.

use std::collections::BTreeMap;

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use queue::WorkQueue;
use queue::topology::WORK_QUEUES;
use store::connection::Connection;
use store::report::{Count, QueueWork};

/// What this process has filed, and how the whole stands.
#[derive(Debug)]
pub struct StewardMetrics {
    filed: IntCounterVec,
    queue_depth: IntGaugeVec,
    queue_age: IntGaugeVec,
    runs: IntGaugeVec,
    dead: IntGaugeVec,
    connections: IntGaugeVec,
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
                "Connections by what blocks them, or running.",
                "status",
            )?,
        };
        for queue in WORK_QUEUES {
            metrics.filed.with_label_values(&[queue.name]);
        }
        registry.register(Box::new(metrics.filed.clone()))?;
        for vec in
            [&metrics.queue_depth, &metrics.queue_age, &metrics.runs, &metrics.dead, &metrics.connections]
        {
            registry.register(Box::new(vec.clone()))?;
        }
        Ok(metrics)
    }

    pub(crate) fn filed(&self, queue: &WorkQueue) {
        self.filed.with_label_values(&[queue.name]).inc();
    }

    pub(crate) fn queue_depth(&self, queue: &str, ready: i64) {
        self.queue_depth.with_label_values(&[queue]).set(ready);
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

    pub(crate) fn connections(&self, connections: &[Connection]) {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for connection in connections {
            *counts.entry(connection.blocked.map_or("running", |cause| cause.as_str())).or_default() += 1;
        }
        set(&self.connections, counts.into_iter());
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
