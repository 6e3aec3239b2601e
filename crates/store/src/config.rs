//! Where the database is.

use std::time::Duration;

use jiff::SignedDuration;
use runtime::{Env, EnvError};
use secrecy::SecretString;

/// Settings of the pool.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `DATABASE_URL`: `postgres://user:password@host/database`, with `sslmode=verify-full` for TLS and
    /// `sslrootcert=FILE` for a private authority. Weaker modes mean what they mean to libpq, or are refused.
    pub url: SecretString,
    /// `SWITCHBOARD_DATABASE_CONNECTIONS`: connections of this process at most, default 10.
    pub connections_max: usize,
    /// `SWITCHBOARD_DATABASE_TIMEOUT_S`: longest wait for a connection, in seconds, default 10.
    pub wait_max: Duration,
    /// `SWITCHBOARD_DATABASE_ANSWER_S`: longest wait for an answer, after which the connection is given up, in seconds, default 300.
    pub answer_max: Duration,
}

/// How long the slices are that a history is cut into.
#[derive(Debug, Clone, Copy)]
pub struct SliceLength(pub(crate) SignedDuration);

impl SliceLength {
    /// Reads `SWITCHBOARD_SLICE_DAYS`: in days, default 7.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let days: u16 = env.parse("SWITCHBOARD_SLICE_DAYS", 7)?;
        if days == 0 {
            return Err(EnvError::invalid("SWITCHBOARD_SLICE_DAYS", "1 or more"));
        }
        Ok(Self(SignedDuration::from_hours(24 * i64::from(days))))
    }
}

impl StoreConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self { url: env.required_secret("DATABASE_URL")?, ..Self::of_migrations(env)? })
    }

    /// The same for migrations, which their owner makes: `DATABASE_MIGRATE_URL`, by default `DATABASE_URL`.
    pub fn of_migrations(env: &Env) -> Result<Self, EnvError> {
        let name =
            if env.text("DATABASE_MIGRATE_URL").is_some() { "DATABASE_MIGRATE_URL" } else { "DATABASE_URL" };
        Ok(Self {
            url: env.required_secret(name)?,
            connections_max: env.parse("SWITCHBOARD_DATABASE_CONNECTIONS", 10)?,
            wait_max: env.seconds("SWITCHBOARD_DATABASE_TIMEOUT_S", Duration::from_secs(10))?,
            answer_max: env.seconds("SWITCHBOARD_DATABASE_ANSWER_S", Duration::from_mins(5))?,
        })
    }
}
