//! Numbers of a normalizer.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

/// What can become of a document.
const OUTCOMES: [&str; 6] = ["stored", "unchanged", "skipped", "superseded", "failed", "relinked"];

/// What this process's normalizer has done.
#[derive(Debug)]
pub struct NormalizerMetrics {
    documents: IntCounterVec,
    batch_seconds: Histogram,
    batch_messages: Histogram,
}

impl NormalizerMetrics {
    /// Makes the numbers and registers them, every label from the start.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let sizes = vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let metrics = Self {
            documents: IntCounterVec::new(
                Opts::new(
                    "normalizer_documents_total",
                    "Documents by outcome; failed ones are in the dead letters.",
                ),
                &["outcome"],
            )?,
            batch_seconds: Histogram::with_opts(HistogramOpts::new(
                "normalizer_batch_seconds",
                "Seconds from a batch's messages to its commit; growing: look at the database.",
            ))?,
            batch_messages: Histogram::with_opts(
                HistogramOpts::new(
                    "normalizer_batch_messages",
                    "Messages in a batch; always full: add normalizers.",
                )
                .buckets(sizes),
            )?,
        };
        for outcome in OUTCOMES {
            metrics.documents.with_label_values(&[outcome]);
        }
        registry.register(Box::new(metrics.documents.clone()))?;
        registry.register(Box::new(metrics.batch_seconds.clone()))?;
        registry.register(Box::new(metrics.batch_messages.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn outcome(&self, outcome: &'static str, documents: usize) {
        self.documents.with_label_values(&[outcome]).inc_by(documents as u64);
    }

    pub(crate) fn batch(&self, messages: usize, took: Duration) {
        self.batch_messages.observe(messages as f64);
        self.batch_seconds.observe(took.as_secs_f64());
    }
}
