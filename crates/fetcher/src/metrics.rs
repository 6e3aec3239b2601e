//! Numbers of a fetcher.

use std::time::Duration;

use model::{Lane, Vendor};
use prometheus::{Histogram, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};
use queue::WorkQueue;
use runtime::{InFlight, Numbers};
use vendors::{Failure, VendorError};

/// How a step can end.
const STEPS: [&str; 7] = ["done", "listed", "deferred", "parked", "failed", "void", "lost"];

/// How the renewal of an access token can end.
const RENEWALS: [&str; 3] = ["renewed", "refused", "failed"];

/// A step waits for its vendor's slots and asks dozens of requests: it takes up to a minute.
const STEP_SECONDS: [f64; 11] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0];
/// A vendor's page holds up to a few hundred records.
const PAGE_RECORDS: [f64; 9] = [0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// A slot is reserved when it is two seconds away at most, and asked for again until the page's time is over.
const WAIT_SECONDS: [f64; 9] = [0.005, 0.02, 0.1, 0.3, 1.0, 2.0, 5.0, 15.0, 30.0];

/// What this process's fetcher has done.
#[derive(Debug)]
pub struct FetcherMetrics {
    steps: IntCounterVec,
    step_seconds: HistogramVec,
    in_flight: IntGaugeVec,
    page_records: Histogram,
    permit_wait_seconds: HistogramVec,
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
        let make = Numbers(registry);
        let metrics = Self {
            steps: make.counters(
                "fetcher_steps_total",
                "Steps of runs by how they ended; many void or lost: nudges are sent twice or claims are too short.",
                &["outcome"],
            )?,
            step_seconds: make.spreads(
                "fetcher_step_seconds",
                "Seconds a step takes, waits for the vendor's slots included; compare with fetcher_permit_wait_seconds.",
                &["queue"],
                &STEP_SECONDS,
            )?,
            in_flight: make.gauges(
                "fetcher_in_flight_messages",
                "Nudges in hand, by their queue; at SWITCHBOARD_PAGES_AT_ONCE all the time: add fetchers, unless they wait for slots.",
                &["queue"],
            )?,
            page_records: make.spread(
                "fetcher_page_records",
                "Records that a step brought in.",
                &PAGE_RECORDS,
            )?,
            permit_wait_seconds: make.spreads(
                "fetcher_permit_wait_seconds",
                "Seconds a request waited for its slots; many: the vendor's limit is the bottleneck, and more fetchers change nothing.",
                &["vendor"],
                &WAIT_SECONDS,
            )?,
            requests: make.counters(
                "fetcher_requests_total",
                "Requests to vendors by outcome; other than ok: see the vendor's status page, then `switchboard status`.",
                &["vendor", "outcome"],
            )?,
            request_seconds: make.spreads(
                "fetcher_request_seconds",
                "Seconds a vendor takes to answer.",
                &["vendor"],
                prometheus::DEFAULT_BUCKETS,
            )?,
            renewals: make.counters(
                "fetcher_renewals_total",
                "Access tokens renewed by outcome; refused: see `switchboard connections`, a person has to connect again.",
                &["outcome"],
            )?,
            documents: make.counter("fetcher_documents_total", "Raw documents published.")?,
            document_bytes: make.counter(
                "fetcher_document_bytes_total",
                "Bytes of raw documents published.",
            )?,
            permit_waits: make.counter(
                "fetcher_permit_waits_total",
                "Times a slot was too far away to reserve; the vendor's limit is the bottleneck.",
            )?,
            permits_missed: make.counter(
                "fetcher_permits_missed_total",
                "Slots given up because they came too late; many: this machine or its database is overloaded.",
            )?,
        };
        metrics.name_what_is_known();
        Ok(metrics)
    }

    fn name_what_is_known(&self) {
        for step in STEPS {
            self.steps.with_label_values(&[step]);
        }
        for outcome in RENEWALS {
            self.renewals.with_label_values(&[outcome]);
        }
        for lane in Lane::ALL {
            let queue = WorkQueue::fetch(*lane).name;
            self.step_seconds.with_label_values(&[queue]);
            self.in_flight.with_label_values(&[queue]);
        }
        for vendor in Vendor::ALL {
            self.request_seconds.with_label_values(&[vendor.as_str()]);
            self.permit_wait_seconds.with_label_values(&[vendor.as_str()]);
            for outcome in std::iter::once("ok").chain(Failure::ALL.iter().map(|failure| failure.class())) {
                self.requests.with_label_values(&[vendor.as_str(), outcome]);
            }
        }
    }

    pub(crate) fn step(&self, outcome: &'static str) {
        self.steps.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn renewed(&self, outcome: &'static str) {
        self.renewals.with_label_values(&[outcome]).inc();
    }

    /// Notes that a nudge of this queue is in hand, until what it gives is dropped.
    pub(crate) fn begin(&self, queue: &WorkQueue) -> (InFlight, HistogramTimer) {
        let in_flight = self.in_flight.with_label_values(&[queue.name]);
        (InFlight::of(in_flight, 1), self.step_seconds.with_label_values(&[queue.name]).start_timer())
    }

    pub(crate) fn brought(&self, records: usize) {
        self.page_records.observe(records as f64);
    }

    pub(crate) fn waited(&self, vendor: Vendor, took: Duration) {
        self.permit_wait_seconds.with_label_values(&[vendor.as_str()]).observe(took.as_secs_f64());
    }

    pub(crate) fn asked<T>(&self, vendor: Vendor, answer: &Result<T, VendorError>, took: Duration) {
        let outcome = answer.as_ref().err().map_or("ok", VendorError::error_class);
        self.requests.with_label_values(&[vendor.as_str(), outcome]).inc();
        self.request_seconds.with_label_values(&[vendor.as_str()]).observe(took.as_secs_f64());
    }
}
