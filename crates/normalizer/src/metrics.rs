//! Numbers of a normalizer.

use std::time::Duration;

use model::Lane;
use prometheus::{
    Histogram, HistogramOpts, HistogramTimer, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use queue::WorkQueue;
use queue::topology::RESOLVE_QUEUE;
use runtime::InFlight;

/// What can become of a document.
const OUTCOMES: [&str; 7] = ["changed", "unchanged", "superseded", "skipped", "dead", "retried", "snoozed"];

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
        let metrics = Self {
            documents: IntCounterVec::new(
                Opts::new(
                    "normalizer_documents_total",
                    "Documents by what became of them; dead: see `switchboard dead list`; retried or snoozed: the database refuses or is away.",
                ),
                &["outcome"],
            )?,
            batch_seconds: Histogram::with_opts(HistogramOpts::new(
                "normalizer_batch_seconds",
                "Seconds from a batch's arrival to its commit; many seconds: the database is the bottleneck.",
            ))?,
            batch_documents: Histogram::with_opts(
                HistogramOpts::new(
                    "normalizer_batch_documents",
                    "Documents in a batch; near the limit all the time: add normalizers.",
                )
                .buckets(vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]),
            )?,
            resolve_seconds: Histogram::with_opts(HistogramOpts::new(
                "normalizer_resolve_seconds",
                "Seconds a batch of conversations takes to be linked or matched again.",
            ))?,
            messages_in_flight: IntGaugeVec::new(
                Opts::new("normalizer_in_flight_messages", "Messages in hand, by their queue."),
                &["queue"],
            )?,
            bytes_in_flight: IntGauge::new(
                "normalizer_in_flight_bytes",
                "Bytes of documents in hand; bounds what memory this process needs.",
            )?,
            nul_characters: IntCounter::new(
                "normalizer_nul_characters_total",
                "NUL characters taken out of texts, because Postgres cannot store them.",
            )?,
            splits: IntCounter::new(
                "normalizer_splits_total",
                "Batches halved because the database refused them; many: look for a mapping that gives bad data.",
            )?,
            relinked: IntCounter::new(
                "normalizer_relinked_total",
                "Conversations whose link changed after accounts did.",
            )?,
            rematched: IntCounter::new(
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
        registry.register(Box::new(metrics.documents.clone()))?;
        registry.register(Box::new(metrics.resolve_seconds.clone()))?;
        registry.register(Box::new(metrics.messages_in_flight.clone()))?;
        registry.register(Box::new(metrics.batch_seconds.clone()))?;
        registry.register(Box::new(metrics.batch_documents.clone()))?;
        registry.register(Box::new(metrics.bytes_in_flight.clone()))?;
        for counter in [&metrics.nul_characters, &metrics.splits, &metrics.relinked, &metrics.rematched] {
            registry.register(Box::new(counter.clone()))?;
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
