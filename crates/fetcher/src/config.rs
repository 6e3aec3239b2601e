//! The fetcher's limits.

use std::time::Duration;

use runtime::{Backoff, Env, EnvError};
use vendors::{ApiVersions, HttpOptions};

/// What is done with a page when its last answer is there.
const WRITING: Duration = Duration::from_secs(5);

/// Settings of a fetcher.
#[derive(Debug, Clone)]
pub struct FetcherConfig {
    /// `SWITCHBOARD_PAGES_AT_ONCE`: pages of one lane this process works on at a time, default 8.
    pub pages_at_once: u16,
    /// `SWITCHBOARD_PAGE_S`: a page is handed back for another turn after so many seconds, default 30.
    pub page_budget: Duration,
    /// `SWITCHBOARD_GRACE_S` less a request and the writing: so long a page goes on when the process was told to end.
    pub pages_end_within: Duration,
    /// `SWITCHBOARD_CLAIM_S`: a crashed worker's page is taken over after so many seconds, default 60; longer than one request.
    pub claim: Duration,
    /// `SWITCHBOARD_FETCH_ATTEMPTS`: failed attempts at a page before its run fails, default 8.
    pub attempts_max: u32,
    /// `SWITCHBOARD_DETAIL_ATTEMPTS`: failed attempts at one record's details before it is dead, default 8.
    pub detail_attempts_max: i32,
    /// `SWITCHBOARD_RETRY_FIRST_MS`: wait after the first failure, in milliseconds, default 2000; it doubles up to 5 minutes.
    pub retry: Backoff,
    /// `SWITCHBOARD_REPLAN_S`: a failed slice is planned again after so many seconds (doubling), default 900.
    pub replan_after: Duration,
    /// `SWITCHBOARD_OUTAGE_WAIT_S`: while a vendor refuses many keys at once, and before a key that was marked invalid is asked with
    /// again, so many seconds pass, default 120; for marked ones doubling up to an hour, for a day.
    pub outage_wait: Duration,
    /// `SWITCHBOARD_GIVE_UP_S`: a call without a transcript is given up after so many seconds, default 604800 (a week).
    pub give_up_age: Duration,
    /// `SWITCHBOARD_INLINE_MAX_BYTES`: larger documents travel as claim checks, default 1048576.
    pub inline_max_bytes: usize,
    /// `SWITCHBOARD_PROBE_MS`: a vendor that is away is asked again after so many milliseconds, doubling up to sixty times that, default
    /// 5000.
    pub probes: Backoff,
    /// How vendors are spoken to.
    pub http: HttpOptions,
    /// In which versions of their APIs.
    pub api_versions: ApiVersions,
}

impl FetcherConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let first = Duration::from_millis(env.parse("SWITCHBOARD_RETRY_FIRST_MS", 2000)?);
        let probe = Duration::from_millis(env.parse("SWITCHBOARD_PROBE_MS", 5000)?);
        let http = HttpOptions::default();
        Ok(Self {
            pages_at_once: env.parse("SWITCHBOARD_PAGES_AT_ONCE", 8)?,
            page_budget: env.seconds("SWITCHBOARD_PAGE_S", Duration::from_secs(30))?,
            pages_end_within: runtime::grace(env)?.saturating_sub(http.total_timeout + WRITING),
            claim: env.seconds("SWITCHBOARD_CLAIM_S", Duration::from_mins(1))?,
            attempts_max: env.parse("SWITCHBOARD_FETCH_ATTEMPTS", 8)?,
            detail_attempts_max: env.parse("SWITCHBOARD_DETAIL_ATTEMPTS", 8)?,
            retry: Backoff { first, max: Duration::from_mins(5), multiplier: 2.0 },
            replan_after: env.seconds("SWITCHBOARD_REPLAN_S", Duration::from_mins(15))?,
            outage_wait: env.seconds("SWITCHBOARD_OUTAGE_WAIT_S", Duration::from_mins(2))?,
            give_up_age: env.seconds("SWITCHBOARD_GIVE_UP_S", Duration::from_hours(7 * 24))?,
            probes: Backoff { first: probe, max: probe * 60, multiplier: 2.0 },
            inline_max_bytes: env.parse("SWITCHBOARD_INLINE_MAX_BYTES", 1 << 20)?,
            http,
            api_versions: ApiVersions::from_env(env)?,
        })
    }
}
