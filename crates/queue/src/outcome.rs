//! What a handler says when it is not done.

use std::fmt;
use std::time::Duration;

/// Why a message is not done. There is no `From`: whoever wrote the failing line says which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobError {
    /// May work later: goes to a delay queue, one attempt older.
    Retry {
        /// What went wrong.
        error: String,
        /// At least this long; else the ladder decides by the attempt.
        after: Option<Duration>,
    },
    /// Nothing is wrong, but not now: goes to a delay queue, no attempt older.
    Snooze {
        /// At least this long.
        delay: Duration,
    },
    /// Will never work: goes to the dead letters.
    Fail {
        /// Short and kebab-case, from a closed set: `schema`, `undecodable`.
        class: &'static str,
        /// What went wrong.
        error: String,
    },
}

impl JobError {
    /// Class of a message that cannot be read.
    pub const UNDECODABLE: &'static str = "undecodable";

    /// It may work later.
    pub fn retry(error: impl fmt::Display) -> Self {
        Self::Retry { error: format!("{error:#}"), after: None }
    }

    /// It may work after this long.
    pub fn retry_after(error: impl fmt::Display, after: Duration) -> Self {
        Self::Retry { error: format!("{error:#}"), after: Some(after) }
    }

    /// Nothing is wrong, but not now.
    pub fn snooze(delay: Duration) -> Self {
        Self::Snooze { delay }
    }

    /// It will never work.
    pub fn fail(class: &'static str, error: impl fmt::Display) -> Self {
        Self::Fail { class, error: format!("{error:#}") }
    }

    /// The message cannot be read.
    pub fn undecodable(error: impl fmt::Display) -> Self {
        Self::fail(Self::UNDECODABLE, error)
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { error, .. } => write!(f, "retry: {error}"),
            Self::Snooze { delay } => write!(f, "snoozed for {} ms", delay.as_millis()),
            Self::Fail { class, error } => write!(f, "{class}: {error}"),
        }
    }
}
