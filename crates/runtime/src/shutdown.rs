//! The end of a process, as everybody in it learns of it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Tells every copy of itself that the process is to finish what it has in hand and take nothing new.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins it; beginning again changes nothing.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Waits until it has begun.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// Rests for as long, or until it has begun.
    pub async fn rest(&self, pause: Duration) {
        // cut short or not: who rests looks anew whether to go on
        let _elapsed = tokio::time::timeout(pause, self.begun()).await;
    }

    /// Whether it has begun.
    pub fn is_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// A shutdown of a part: begins with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The same as [`Self::child`], for code that takes tokio's token.
    pub fn child_token(&self) -> CancellationToken {
        self.0.child_token()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rest_ends_when_its_time_is_over_or_the_shutdown_begins() {
        let (shutdown, hour) = (Shutdown::new(), Duration::from_hours(1));
        let began = tokio::time::Instant::now();
        shutdown.rest(hour).await;
        assert!(began.elapsed() >= hour);
        let began = tokio::time::Instant::now();
        tokio::join!(shutdown.rest(hour), async { shutdown.begin() });
        assert!(began.elapsed() < hour);
    }

    #[tokio::test]
    async fn a_part_ends_with_the_whole_but_not_the_other_way_round() {
        let whole = Shutdown::new();
        let (first, second) = (whole.child(), whole.child());
        first.begin();
        assert!(first.is_begun() && !whole.is_begun() && !second.is_begun());
        whole.begin();
        second.begun().await;
    }
}
