//! Whether everything holds that always should.

use jiff::Timestamp;
use prometheus::{IntGauge, IntGaugeVec};
use runtime::Numbers;
use store::report::Count;

/// What does not hold, and when somebody looked.
#[derive(Debug)]
pub(crate) struct WatchedNumbers {
    broken: IntGaugeVec,
    looked_at: IntGauge,
}

impl WatchedNumbers {
    pub(crate) fn register(make: Numbers<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            broken: make.gauges(
                "switchboard_broken_invariants",
                "What does not hold and always should, by invariant; more than none: see `switchboard status`.",
                &["invariant"],
            )?,
            looked_at: make.gauge(
                "switchboard_watched_timestamp_seconds",
                "When it was last looked whether everything holds, since 1970; standing still: nobody looks.",
            )?,
        })
    }

    /// Of every invariant, also those that hold.
    pub(crate) fn set(&self, broken: &[Count], looked_at: Timestamp) {
        for one in broken {
            self.broken.with_label_values(&[one.name.as_str()]).set(one.count);
        }
        self.looked_at.set(looked_at.as_second());
    }
}
