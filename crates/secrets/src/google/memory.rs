//! What this process remembers of secrets, for some minutes, and nowhere but in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

/// So long a secret is not asked for again.
const REMEMBERED: Duration = Duration::from_mins(5);

type Entries = HashMap<(String, i64), (SecretString, Instant)>;

/// Secrets by their names and versions.
#[derive(Default)]
pub(super) struct Memory(Mutex<Entries>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries().keys()).finish()
    }
}

impl Memory {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn recall(&self, secret: &str, version: i64) -> Option<SecretString> {
        let mut entries = self.entries();
        entries.retain(|_, (_, read_at)| read_at.elapsed() < REMEMBERED);
        entries.get(&(secret.to_owned(), version)).map(|(value, _)| value.clone())
    }

    pub(super) fn keep(&self, secret: &str, version: i64, value: &SecretString) {
        self.entries().insert((secret.to_owned(), version), (value.clone(), Instant::now()));
    }

    pub(super) fn forget(&self, secret: &str, version: i64) -> Option<SecretString> {
        self.entries().remove(&(secret.to_owned(), version)).map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_remembered_for_minutes_and_shown_to_nobody() {
        let memory = Memory::default();
        memory.keep("projects/p/secrets/s", 3, &SecretString::from("sk-hunter2"));
        assert!(memory.recall("projects/p/secrets/s", 3).is_some());
        assert!(memory.recall("projects/p/secrets/s", 4).is_none());
        assert!(!format!("{memory:?}").contains("hunter2"));
        tokio::time::advance(REMEMBERED).await;
        assert!(memory.recall("projects/p/secrets/s", 3).is_none());
        assert_eq!(format!("{memory:?}"), "[]", "it is gone, not only hidden");
    }
}
