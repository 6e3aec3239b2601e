//! The normalizer's limits.

use std::time::Duration;

use queue::BatchLimits;
use runtime::{Env, EnvError};

/// Settings of a normalizer.
#[derive(Debug, Clone)]
pub struct NormalizerConfig {
    /// `SWITCHBOARD_BATCH_LOOPS`: batches of one lane that this process works on at a time, default 2.
    pub loops: usize,
    /// `SWITCHBOARD_BATCH_MESSAGES` (default 50) and `SWITCHBOARD_BATCH_BYTES` (default 4194304): a batch is as large as either allows,
    /// and waits at most 20 ms for more.
    pub batch: BatchLimits,
    /// `SWITCHBOARD_FOLLOW_UP_FIRST_S`: a call without its transcript is looked at again after so many seconds, then at growing
    /// intervals, default 120.
    pub follow_up_first: Duration,
}

impl NormalizerConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            loops: env.parse("SWITCHBOARD_BATCH_LOOPS", 2)?,
            batch: BatchLimits {
                messages: env.parse("SWITCHBOARD_BATCH_MESSAGES", 50)?,
                bytes: env.parse("SWITCHBOARD_BATCH_BYTES", 4 << 20)?,
                linger: Duration::from_millis(20),
            },
            follow_up_first: env.seconds("SWITCHBOARD_FOLLOW_UP_FIRST_S", Duration::from_mins(2))?,
        })
    }
}
