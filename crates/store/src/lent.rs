//! A connection lent from the pool.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;

use crate::StoreError;

/// Waits for no answer for ever, and does not go back to the pool while one is owed: a server that hangs, or a network that has
/// forgotten the connection, tells nobody, and whoever were lent it next would wait behind what was asked before.
pub(crate) struct Lent {
    client: Option<Object>,
    answer_max: Duration,
    owed: AtomicUsize,
}

impl Lent {
    pub(crate) fn new(client: Object, answer_max: Duration) -> Self {
        Self { client: Some(client), answer_max, owed: AtomicUsize::new(0) }
    }

    /// Waits for an answer, at most as long as for any.
    pub(crate) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.owed.fetch_add(1, Ordering::Relaxed);
        let Ok(answer) = tokio::time::timeout(self.answer_max, asked).await else {
            let limit_s = self.answer_max.as_secs();
            return Err(StoreError::Unavailable(format!("no answer within {limit_s} s")));
        };
        self.owed.fetch_sub(1, Ordering::Relaxed);
        Ok(answer?)
    }

    /// Whether something was asked of it, and nobody waits for the answer any more.
    pub(crate) fn owes(&self) -> bool {
        self.owed.load(Ordering::Relaxed) > 0
    }

    /// Closes it.
    pub(crate) fn close(mut self) {
        self.client.take().map(Object::take);
    }
}

impl Deref for Lent {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.client.as_ref().expect("the client leaves only with the loan")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.owes() {
            self.client.take().map(Object::take);
        }
    }
}
