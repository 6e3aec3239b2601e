//! Where the database is.

use std::time::Duration;

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
}

impl StoreConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            url: env.required_secret("DATABASE_URL")?,
            connections_max: env.parse("SWITCHBOARD_DATABASE_CONNECTIONS", 10)?,
            wait_max: env.seconds("SWITCHBOARD_DATABASE_TIMEOUT_S", Duration::from_secs(10))?,
        })
    }
}
