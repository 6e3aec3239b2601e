//! The steward's pace.

use std::time::Duration;

use runtime::{Env, EnvError};

/// Whether the numbers of the whole system are told of each tenant as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantLabels {
    /// Of none: there may be thousands.
    None,
    /// Of each: some thirty numbers a tenant.
    Each,
}

/// Settings of a steward.
#[derive(Debug, Clone)]
pub struct StewardConfig {
    /// `SWITCHBOARD_COUNT_S`: how often the numbers of the whole system are computed, in seconds, default 10.
    pub count_every: Duration,
    /// `SWITCHBOARD_TENANT_METRICS`: `true` tells the main ones of each tenant as well, default false.
    pub tenant_labels: TenantLabels,
    /// `SWITCHBOARD_CLAIM_CHECK_S`: documents put away for the normalizer are kept so many seconds, default 604800; those that a dead
    /// letter needs are kept longer.
    pub claim_check_age: Duration,
    /// `SWITCHBOARD_DISCARDED_S`: the message of a discarded dead letter is kept so many seconds, default 2592000; until then it can be
    /// restored.
    pub discarded_age: Duration,
    /// `SWITCHBOARD_REPLAYS_S`: what became of each letter of a replay is kept so many seconds after its end, default 7776000 (90 days).
    pub replays_age: Duration,
    /// `SWITCHBOARD_RUNS_S`: a run is kept so many seconds after its end, default 7776000 (90 days), at least 172800 (two days); the last
    /// of each kind, and what something still needs, are kept longer.
    pub runs_age: Duration,
    /// `SWITCHBOARD_WATCH_S`: how often it is looked whether everything holds that always should, in seconds, default 3600.
    pub watch_every: Duration,
}

/// The runs of a day say how fast backfills get on.
const RUNS_AGE_MIN: Duration = Duration::from_hours(2 * 24);

impl StewardConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let runs_age = env.seconds("SWITCHBOARD_RUNS_S", Duration::from_hours(90 * 24))?;
        if runs_age < RUNS_AGE_MIN {
            return Err(EnvError::invalid("SWITCHBOARD_RUNS_S", "at least 172800, which is two days"));
        }
        let each_tenant = env.flag("SWITCHBOARD_TENANT_METRICS", false)?;
        Ok(Self {
            tenant_labels: if each_tenant { TenantLabels::Each } else { TenantLabels::None },
            count_every: env.seconds("SWITCHBOARD_COUNT_S", Duration::from_secs(10))?,
            claim_check_age: env.seconds("SWITCHBOARD_CLAIM_CHECK_S", Duration::from_hours(7 * 24))?,
            discarded_age: env.seconds("SWITCHBOARD_DISCARDED_S", Duration::from_hours(30 * 24))?,
            replays_age: env.seconds("SWITCHBOARD_REPLAYS_S", Duration::from_hours(90 * 24))?,
            runs_age,
            watch_every: env.seconds("SWITCHBOARD_WATCH_S", Duration::from_hours(1))?,
        })
    }
}
