//! How full the queues are.

use prometheus::IntGaugeVec;
use queue::QueueDepth;
use queue::topology::WORK_QUEUES;
use runtime::Numbers;
use store::report::QueueWork;

use super::table::{Table, one_label};

/// What waits in each queue, and who takes it.
#[derive(Debug)]
pub(crate) struct QueueNumbers {
    depth: IntGaugeVec,
    consumers: IntGaugeVec,
    age: Table,
}

impl QueueNumbers {
    pub(crate) fn register(make: Numbers<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            depth: make.gauges(
                "switchboard_queue_messages",
                "Messages ready in a queue; growing: add workers of its role.",
                &["queue"],
            )?,
            consumers: make.gauges(
                "switchboard_queue_consumers",
                "Consumers of a queue; none: no process of its role is running, or it cannot reach the broker.",
                &["queue"],
            )?,
            age: Table::counts(
                make,
                "switchboard_queue_oldest_seconds",
                "Seconds the oldest message of a queue has waited, by the ledger; growing: add workers of its role.",
                &["queue"],
            )?,
        })
    }

    pub(crate) fn depths(&self, depths: &[QueueDepth]) {
        for depth in depths {
            self.depth.with_label_values(&[&depth.queue]).set(depth.ready.into());
            // in a delay messages only wait: nobody is missed there
            if WORK_QUEUES.iter().any(|work| depth.queue == work.name || depth.queue == work.dead()) {
                self.consumers.with_label_values(&[&depth.queue]).set(depth.consumers.into());
            }
        }
    }

    pub(crate) fn ages(&self, work: &[QueueWork]) {
        let known = WORK_QUEUES.iter().map(|queue| (queue.name, 0));
        let ages = work.iter().filter_map(|one| Some((one.queue.as_str(), one.oldest_s?)));
        self.age.set(known.chain(ages).map(one_label));
    }
}
