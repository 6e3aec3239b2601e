//! Numbers of a scheduler.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::duty::Duty;

/// What this process's scheduler has done.
#[derive(Debug)]
pub struct SchedulerMetrics {
    handled: IntCounterVec,
    failures: IntCounterVec,
}

impl SchedulerMetrics {
    /// Makes the numbers and registers them, every label from the start.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let handled = IntCounterVec::new(
            Opts::new(
                "scheduler_rows_total",
                "Rows handled by duty; nudge standing still while runs are listing: look at the broker.",
            ),
            &["duty"],
        )?;
        let failures = IntCounterVec::new(
            Opts::new(
                "scheduler_failures_total",
                "Failed rounds by duty; growing: the log says whether database or broker is away.",
            ),
            &["duty"],
        )?;
        for duty in Duty::ALL {
            handled.with_label_values(&[duty.as_str()]);
            failures.with_label_values(&[duty.as_str()]);
        }
        registry.register(Box::new(handled.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        Ok(Self { handled, failures })
    }

    pub(crate) fn handled(&self, duty: Duty, rows: u64) {
        self.handled.with_label_values(&[duty.as_str()]).inc_by(rows);
    }

    pub(crate) fn failed(&self, duty: Duty) {
        self.failures.with_label_values(&[duty.as_str()]).inc();
    }
}
