//! The clock of this process, passed to whoever needs to know the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Says what time it is here. Good for logs and headers; versions and schedules go by the database's clock.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    /// Microseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved, for tests; its copies move together.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.as_microsecond()))))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(microseconds) => {
                Timestamp::from_microsecond(microseconds.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Moves a manual clock forward; the machine's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(microseconds) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            let moved = |at: i64| Some(at.saturating_add(by));
            microseconds
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved)
                .expect("the closure always gives a value");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_manual_clock_move_together_and_only_when_told() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let copy = clock.clone();
        assert_eq!(copy.now(), Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(5));
        assert_eq!(copy.now().as_second(), 5);
    }

    #[test]
    fn a_clock_moved_beyond_all_time_stops_at_the_end() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
