//! Numbers of a scheduler.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, Registry};
use runtime::Numbers;

use crate::duty::Duty;

/// A round is a few statements, and now and then a large change of accounts.
const ROUND_SECONDS: [f64; 8] = [0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 30.0, 120.0];

/// What this process's scheduler has done.
#[derive(Debug)]
pub struct SchedulerMetrics {
    handled: IntCounterVec,
    failures: IntCounterVec,
    seconds: HistogramVec,
}

impl SchedulerMetrics {
    /// Makes the numbers and registers them, every label from the start.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Numbers(registry);
        let metrics = Self {
            handled: make.counters(
                "scheduler_rows_total",
                "Rows handled by duty; nudge standing still while runs are listing: look at the broker.",
                &["duty"],
            )?,
            failures: make.counters(
                "scheduler_failures_total",
                "Failed rounds by duty; growing: the log says whether database or broker is away.",
                &["duty"],
            )?,
            seconds: make.spreads(
                "scheduler_round_seconds",
                "Seconds a round of a duty takes; many: the database is the bottleneck.",
                &["duty"],
                &ROUND_SECONDS,
            )?,
        };
        for duty in Duty::ALL {
            metrics.handled.with_label_values(&[duty.as_str()]);
            metrics.failures.with_label_values(&[duty.as_str()]);
            metrics.seconds.with_label_values(&[duty.as_str()]);
        }
        Ok(metrics)
    }

    pub(crate) fn handled(&self, duty: Duty, rows: u64) {
        self.handled.with_label_values(&[duty.as_str()]).inc_by(rows);
    }

    pub(crate) fn took(&self, duty: Duty, took: Duration) {
        self.seconds.with_label_values(&[duty.as_str()]).observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, duty: Duty) {
        self.failures.with_label_values(&[duty.as_str()]).inc();
    }
}
