//! What HubSpot's refusals mean beyond their status.

use std::time::Duration;

use crate::{Failure, VendorError};

/// The day's requests are used up: they come back at midnight of the portal's zone, so it is asked now and then.
const AFTER_THE_DAYS_LIMIT: Duration = Duration::from_mins(30);

/// A portal on its way to another region answers so for hours.
const AFTER_MIGRATION: Duration = Duration::from_mins(30);

/// Reads what the status alone does not say; `scope` is what the request takes.
pub(super) fn in_hubspots_words(mut error: VendorError, scope: Option<&str>) -> VendorError {
    match error.status {
        // the token is good, and would be for anything else
        Some(403) if error.message.contains("required scopes") => {
            error.failure = Failure::MissingScope;
            error.message = format!("missing scope {}: {}", scope.unwrap_or("of the app"), error.message);
        }
        Some(429) if error.message.contains("daily") || error.message.contains("DAILY") => {
            error.retry_after = error.retry_after.or(Some(AFTER_THE_DAYS_LIMIT));
        }
        // rolling windows of one and of ten seconds
        Some(429) if error.message.contains("ten_secondly") => {
            error.retry_after = error.retry_after.or(Some(Duration::from_secs(10)));
        }
        Some(429) if error.message.contains("secondly") => {
            error.retry_after = error.retry_after.or(Some(Duration::from_secs(1)));
        }
        Some(477) => {
            error.failure = Failure::RateLimited;
            error.retry_after = error.retry_after.or(Some(AFTER_MIGRATION));
        }
        // locked by many writes
        Some(423) => error.failure = Failure::Transient,
        _ => {}
    }
    error
}
