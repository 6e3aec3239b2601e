//! The normalizer's limits.

use std::time::Duration;

use model::Lane;
use queue::BatchLimits;
use runtime::{Env, EnvError};

use crate::LookPolicy;

/// Settings of a normalizer.
#[derive(Debug, Clone)]
pub struct NormalizerConfig {
    /// `SWITCHBOARD_NORMALIZE_BATCH`: documents in a batch at most, default 50; `SWITCHBOARD_NORMALIZE_BATCH_BYTES`: bytes of them
    /// at most, default 1048576, which bounds the memory of a process: each loop holds two batches as they came and one as rows;
    /// `SWITCHBOARD_NORMALIZE_LINGER_MS`: how long a batch of live documents waits for more, in milliseconds, default 20; one of a
    /// backfill ten times as long.
    pub batch: BatchLimits,
    /// `SWITCHBOARD_NORMALIZE_LOOPS`: batches of one lane this process works on at a time, default 2; more than 4 gain nothing.
    pub loops: usize,
    /// `SWITCHBOARD_NORMALIZE_HOLD_S`: a batch is kept in hand so long while the database is away, in seconds, default 300; then it
    /// waits in a delay queue. Far below the half hour after which the broker takes messages away.
    pub hold: Duration,
    /// `SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S`: the shortest wait for a late transcript, in seconds, default 120;
    /// `SWITCHBOARD_TRANSCRIPT_LOOK_MAX_S`: the longest, default 43200.
    pub look: LookPolicy,
}

impl NormalizerConfig {
    /// The limits of a lane's batches. Nobody waits for a single document of a backfill, and fuller batches cost less.
    pub(crate) fn limits(&self, lane: Lane) -> BatchLimits {
        match lane {
            Lane::Live => self.batch,
            Lane::Backfill => BatchLimits { linger: self.batch.linger * 10, ..self.batch },
        }
    }

    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let batch = BatchLimits {
            messages: env.parse("SWITCHBOARD_NORMALIZE_BATCH", 50)?,
            bytes: env.parse("SWITCHBOARD_NORMALIZE_BATCH_BYTES", 1 << 20)?,
            linger: Duration::from_millis(env.parse("SWITCHBOARD_NORMALIZE_LINGER_MS", 20)?),
        };
        if batch.messages == 0 {
            return Err(EnvError::invalid("SWITCHBOARD_NORMALIZE_BATCH", "at least 1"));
        }
        let loops = env.parse("SWITCHBOARD_NORMALIZE_LOOPS", 2)?;
        if loops == 0 {
            return Err(EnvError::invalid("SWITCHBOARD_NORMALIZE_LOOPS", "at least 1"));
        }
        Ok(Self {
            batch,
            loops,
            hold: env.seconds("SWITCHBOARD_NORMALIZE_HOLD_S", Duration::from_mins(5))?,
            look: LookPolicy {
                first: env.seconds("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", Duration::from_mins(2))?,
                max: env.seconds("SWITCHBOARD_TRANSCRIPT_LOOK_MAX_S", Duration::from_hours(12))?,
            },
        })
    }
}
