//! The scheduler's pace.

use std::time::Duration;

use runtime::{Env, EnvError};
use store::SliceLength;

/// Settings of the scheduler.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// `SWITCHBOARD_TICK_MS`: how often it looks for what is due, in milliseconds, default 500.
    pub tick: Duration,
    /// `SWITCHBOARD_NUDGE_AGAIN_S`: a nudge that nobody took is sent again after so many seconds (doubling), default 30.
    pub nudge_again: Duration,
    /// `SWITCHBOARD_SLICE_DAYS`: length of bootstrap and backfill slices, in days, default 7.
    pub slice: SliceLength,
    /// `SWITCHBOARD_LOST_AFTER_S`: a document without an outcome for so many seconds is fetched again, default 900.
    pub lost_after: Duration,
    /// `SWITCHBOARD_QUIET_S`: a stream that brings nothing new for so many seconds is suspicious, default 604800 (a week).
    pub quiet: Duration,
    /// `SWITCHBOARD_GONE_SHARE`: more than this part of a CRM's records gone at once (and more than 20) is held for a person, from 0
    /// to 1, default 0.1.
    pub gone_share: f64,
}

impl SchedulerConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let gone_share: f64 = env.parse("SWITCHBOARD_GONE_SHARE", 0.1)?;
        if !(0.0..=1.0).contains(&gone_share) {
            return Err(EnvError::invalid("SWITCHBOARD_GONE_SHARE", "from 0 to 1"));
        }
        Ok(Self {
            gone_share,
            tick: Duration::from_millis(env.parse("SWITCHBOARD_TICK_MS", 500)?),
            nudge_again: env.seconds("SWITCHBOARD_NUDGE_AGAIN_S", Duration::from_secs(30))?,
            slice: SliceLength::from_env(env)?,
            lost_after: env.seconds("SWITCHBOARD_LOST_AFTER_S", Duration::from_mins(15))?,
            quiet: env.seconds("SWITCHBOARD_QUIET_S", Duration::from_hours(7 * 24))?,
        })
    }
}
