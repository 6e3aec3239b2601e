//! Wrong usage that the parser of arguments cannot know of: its exit code tells it from what could not be done.

use runtime::EnvError;

/// What was given cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// An error about what was given.
pub(crate) fn wrong(reason: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(reason.into()))
}

/// Whether the error, or what led to it, is about what was given.
pub(crate) fn is_wrong(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Usage>() || cause.is::<EnvError>())
}
