//! Numbers of a normalizer.

use std::time::Duration;

use model::Lane;
use prometheus::{
    DEFAULT_BUCKETS, Histogram, HistogramTimer, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};
use queue::WorkQueue;
use queue::topology::RESOLVE_QUEUE;
use runtime::{InFlight, Numbers};

/// What can become of a document.
const OUTCOMES: [&str; 7] = ["changed", "unchanged", "superseded", "skipped", "dead", "retried", "snoozed"];

/// A batch is limited by a setting.
const BATCH_DOCUMENTS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

/// What this process's normalizer has done.
#[derive(Debug)]
pub struct NormalizerMetrics {
    documents: IntCounterVec,
    batch_seconds: Histogram,
    batch_documents: Histogram,
    resolve_seconds: Histogram,
    messages_in_flight: IntGaugeVec,
    bytes_in_flight: IntGauge,
    pub(crate) nul_characters: IntCounter,
    pub(crate) splits: IntCounter,
    pub(crate) relinked: IntCounter,
    pub(crate) rematched: IntCounter,
}

impl NormalizerMetrics {
    /// Makes the numbers and registers them, every label from the start.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Numbers(registry);
        let metrics = Self {
            documents: make.counters(
                "normalizer_documents_total",
                "Documents by what became of them; dead: see `switchboard dead list`; retried or snoozed: the database refuses or is away.",
                &["outcome"],
            )?,
            batch_seconds: make.spread(
                "normalizer_batch_seconds",
                "Seconds from a batch's arrival to its commit; many seconds: the database is the bottleneck.",
                DEFAULT_BUCKETS,
            )?,
            batch_documents: make.spread(
                "normalizer_batch_documents",
                "Documents in a batch; near the limit all the time: add normalizers.",
                &BATCH_DOCUMENTS,
            )?,
            resolve_seconds: make.spread(
                "normalizer_resolve_seconds",
                "Seconds a batch of conversations takes to be linked or matched again.",
                DEFAULT_BUCKETS,
            )?,
            messages_in_flight: make.gauges(
                "normalizer_in_flight_messages",
                "Messages in hand, by their queue.",
                &["queue"],
            )?,
            bytes_in_flight: make.gauge(
                "normalizer_in_flight_bytes",
                "Bytes of documents in hand; bounds what memory this process needs.",
            )?,
            nul_characters: make.counter(
                "normalizer_nul_characters_total",
                "NUL characters taken out of texts, because Postgres cannot store them.",
            )?,
            splits: make.counter(
                "normalizer_splits_total",
                "Batches halved because the database refused them; many: look for a mapping that gives bad data.",
            )?,
            relinked: make.counter(
                "normalizer_relinked_total",
                "Conversations whose link changed after accounts did.",
            )?,
            rematched: make.counter(
                "normalizer_rematched_total",
                "Conversations that moved to another meeting; many without new calls: a vendor changes what it tells.",
            )?,
        };
        for outcome in OUTCOMES {
            metrics.documents.with_label_values(&[outcome]);
        }
        for queue in Lane::ALL.iter().map(|lane| WorkQueue::normalize(*lane)).chain([&RESOLVE_QUEUE]) {
            metrics.messages_in_flight.with_label_values(&[queue.name]);
        }
        Ok(metrics)
    }

    /// Notes that messages of this queue are in hand, until what it gives is dropped.
    pub(crate) fn begin(&self, queue: &WorkQueue, messages: usize, bytes: usize) -> [InFlight; 2] {
        let in_flight = self.messages_in_flight.with_label_values(&[queue.name]);
        [InFlight::of(in_flight, messages), InFlight::of(self.bytes_in_flight.clone(), bytes)]
    }

    pub(crate) fn begin_resolving(&self) -> (InFlight, HistogramTimer) {
        let in_flight = self.messages_in_flight.with_label_values(&[RESOLVE_QUEUE.name]);
        (InFlight::of(in_flight, 1), self.resolve_seconds.start_timer())
    }

    pub(crate) fn document(&self, outcome: &'static str) {
        self.documents.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn batch(&self, documents: usize, took: Duration) {
        self.batch_documents.observe(documents as f64);
        self.batch_seconds.observe(took.as_secs_f64());
    }
}
