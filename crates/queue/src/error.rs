//! What can go wrong at this door, classified once.

use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

/// A failure of the broker, of the way to it, or of what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// A setting or a name the broker would not take.
    #[error("{what}")]
    Invalid {
        /// What is wrong, without any secret.
        what: String,
    },
    /// Published, but no queue is bound there; it came back.
    #[error("no queue takes messages for {routing_key} of exchange {exchange}; run `switchboard migrate`")]
    Unroutable {
        /// The exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// The broker refused to store a message.
    #[error("the broker refused a message for {routing_key}")]
    Refused {
        /// The routing key.
        routing_key: String,
    },
    /// The body is larger than a message may be; it needs a claim check.
    #[error("a body of {size_bytes} bytes is too large for a message")]
    TooLarge {
        /// Its length.
        size_bytes: usize,
    },
    /// An exchange or a queue is not there.
    #[error("missing on the broker: {reason}; run `switchboard migrate`")]
    Missing {
        /// In the broker's words.
        reason: String,
    },
    /// An exchange or a queue is there, with other arguments than ours; arguments are for ever.
    #[error(
        "declared differently on the broker: {reason}; drain and delete it, then run `switchboard migrate`"
    )]
    Mismatch {
        /// In the broker's words.
        reason: String,
    },
    /// The broker lets this user not do that.
    #[error(
        "the broker forbids it: {reason}; the user in AMQP_URL (or AMQP_MIGRATE_URL) needs the permissions of its program, see \
         deploy/security.md"
    )]
    Forbidden {
        /// In the broker's words.
        reason: String,
    },
    /// A queue is there, and nobody can use it.
    #[error("queue {queue} cannot be used: {reason}; restart the broker's nodes that hold it")]
    Unusable {
        /// Its name.
        queue: String,
        /// In the broker's words.
        reason: String,
    },
    /// The connection was lost or did not answer: what was under way may have happened or not.
    #[error("the broker was interrupted: {reason}")]
    Interrupted {
        /// What was seen.
        reason: String,
    },
}

impl QueueError {
    /// Whether the same call may succeed later, without a change by anybody who called.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Invalid { .. } | Self::TooLarge { .. } | Self::Mismatch { .. })
    }

    pub(crate) fn interrupted(reason: impl Into<String>) -> Self {
        Self::Interrupted { reason: reason.into() }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}

impl From<lapin::Error> for QueueError {
    fn from(error: lapin::Error) -> Self {
        let reason = error.to_string();
        let lapin::ErrorKind::ProtocolError(protocol) = error.kind() else {
            return match runtime::tls::advice(&error, "AMQP_CA_FILE") {
                Some(advice) => Self::interrupted(format!("{reason}: {advice}")),
                None => Self::interrupted(reason),
            };
        };
        match protocol.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Self::Missing { reason },
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Self::Mismatch { reason },
            // of a login with a wrong password the broker says so itself
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) if !reason.contains("Login was refused") => {
                Self::Forbidden { reason }
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Self::Forbidden { reason },
            _ => Self::Interrupted { reason },
        }
    }
}

/// Waits for an answer of the broker, but never for ever: with the broker away or blocked it would not come.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            Err(QueueError::interrupted(format!("no answer to {what} within {} s", limit.as_secs_f32())))
        }
    }
}
