//! Numbers of a fetcher.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use vendors::{Failure, VendorError};

/// How a step can end.
const STEPS: [&str; 7] = ["done", "listed", "deferred", "parked", "failed", "void", "lost"];

/// How the renewal of an access token can end.
const RENEWALS: [&str; 3] = ["renewed", "refused", "failed"];

/// What this process's fetcher has done.
#[derive(Debug)]
pub struct FetcherMetrics {
    steps: IntCounterVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    renewals: IntCounterVec,
    pub(crate) documents: IntCounter,
    pub(crate) document_bytes: IntCounter,
    pub(crate) permit_waits: IntCounter,
    pub(crate) permits_missed: IntCounter,
}

impl FetcherMetrics {
    /// Makes the numbers and registers them, every label from the start.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            steps: IntCounterVec::new(
                Opts::new(
                    "fetcher_steps_total",
                    "Steps of runs by how they ended; many void or lost: nudges are sent twice or claims are too short.",
                ),
                &["outcome"],
            )?,
            requests: IntCounterVec::new(
                Opts::new(
                    "fetcher_requests_total",
                    "Requests to vendors by outcome; other than ok: see the vendor's status page, then `switchboard status`.",
                ),
                &["outcome"],
            )?,
            request_seconds: HistogramVec::new(
                HistogramOpts::new("fetcher_request_seconds", "Seconds a vendor takes to answer."),
                &["outcome"],
            )?,
            renewals: IntCounterVec::new(
                Opts::new(
                    "fetcher_renewals_total",
                    "Access tokens renewed by outcome; refused: see `switchboard connections`, a person has to connect again.",
                ),
                &["outcome"],
            )?,
            documents: IntCounter::new("fetcher_documents_total", "Raw documents published.")?,
            document_bytes: IntCounter::new(
                "fetcher_document_bytes_total",
                "Bytes of raw documents published.",
            )?,
            permit_waits: IntCounter::new(
                "fetcher_permit_waits_total",
                "Times a slot was too far away to reserve; the vendor's limit is the bottleneck.",
            )?,
            permits_missed: IntCounter::new(
                "fetcher_permits_missed_total",
                "Slots given up because they came too late; many: this machine or its database is overloaded.",
            )?,
        };
        for step in STEPS {
            metrics.steps.with_label_values(&[step]);
        }
        for outcome in RENEWALS {
            metrics.renewals.with_label_values(&[outcome]);
        }
        for outcome in std::iter::once("ok").chain(Failure::ALL.iter().map(|failure| failure.class())) {
            metrics.requests.with_label_values(&[outcome]);
        }
        registry.register(Box::new(metrics.steps.clone()))?;
        registry.register(Box::new(metrics.renewals.clone()))?;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.request_seconds.clone()))?;
        for counter in
            [&metrics.documents, &metrics.document_bytes, &metrics.permit_waits, &metrics.permits_missed]
        {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(metrics)
    }

    pub(crate) fn step(&self, outcome: &'static str) {
        self.steps.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn renewed(&self, outcome: &'static str) {
        self.renewals.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn asked<T>(&self, answer: &Result<T, VendorError>, took: Duration) {
        let outcome = answer.as_ref().err().map_or("ok", VendorError::error_class);
        self.requests.with_label_values(&[outcome]).inc();
        self.request_seconds.with_label_values(&[outcome]).observe(took.as_secs_f64());
    }
}
