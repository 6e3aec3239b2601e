//! The one retry policy; the only place that knows the `backoff` crate.

use std::fmt;
use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff as _;

use crate::Shutdown;

/// Up to this part of a delay is added or taken at random, so that many workers do not come back as one.
const JITTER: f64 = 0.25;
/// Steps after which every sensible policy has reached its cap.
const STEPS_MAX: u32 = 64;

/// Growing delays between attempts: capped and jittered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The delay after the first failure, before jitter.
    pub first: Duration,
    /// The longest delay, jitter included.
    pub max: Duration,
    /// How much longer each delay is than the one before.
    pub multiplier: f64,
}

impl Backoff {
    /// For reaching a server again that is away: half a second growing to half a minute.
    pub const RECONNECT: Self =
        Self { first: Duration::from_millis(500), max: Duration::from_secs(30), multiplier: 2.0 };

    /// The delay before the next attempt, after `attempt` failed attempts before the one that just failed (from 0).
    pub fn delay(&self, attempt: u32) -> Duration {
        let max_before_jitter = self.max.div_f64(1.0 + JITTER);
        let mut policy = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first.min(max_before_jitter))
            .with_max_interval(max_before_jitter)
            .with_multiplier(self.multiplier.max(1.0))
            .with_randomization_factor(JITTER)
            .with_max_elapsed_time(None)
            .build();
        for _ in 0..attempt.min(STEPS_MAX) {
            policy.next_backoff();
        }
        policy.next_backoff().unwrap_or(self.max).min(self.max)
    }
}

/// Tries for ever, with one warning per failure, until it works or the shutdown begins (`None`). An attempt under way when the
/// shutdown begins is dropped.
pub async fn retry_until<T, E, F>(
    shutdown: &Shutdown,
    policy: Backoff,
    what: &'static str,
    mut operation: impl FnMut() -> F,
) -> Option<T>
where
    E: fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let attempts = async {
        for attempt in 0.. {
            let error = match operation().await {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let delay = policy.delay(attempt);
            tracing::warn!(what, %error, attempt, delay_ms = delay.as_millis(), "attempt failed, trying again");
            tokio::time::sleep(delay).await;
        }
        None
    };
    tokio::select! {
        () = shutdown.begun() => None,
        value = attempts => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Backoff =
        Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1), multiplier: 2.0 };

    #[test]
    fn a_delay_grows_with_the_attempt_within_its_jitter_and_never_exceeds_the_cap() {
        for (attempt, low_ms, high_ms) in [(0, 750, 1251), (1, 1500, 2501), (3, 6000, 10_001)] {
            for _ in 0..100 {
                let delay_ms = POLICY.delay(attempt).as_millis();
                assert!((low_ms..=high_ms).contains(&delay_ms), "attempt {attempt}: {delay_ms} ms");
            }
        }
        assert!((0..1000).all(|attempt| POLICY.delay(attempt) <= POLICY.max));
        assert!(POLICY.delay(u32::MAX) >= Duration::from_secs(36), "the cap is reached, minus jitter");
    }

    #[test]
    fn a_policy_without_sense_still_gives_a_delay() {
        let zero = Backoff { first: Duration::ZERO, max: Duration::ZERO, multiplier: 0.0 };
        assert_eq!(zero.delay(5), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn it_tries_until_it_works() {
        let mut failures = 3;
        let operation = || {
            failures -= 1;
            std::future::ready(if failures > 0 { Err("away") } else { Ok("here") })
        };
        let value = retry_until(&Shutdown::new(), POLICY, "a test", operation).await;
        assert_eq!((value, failures), (Some("here"), 0));
    }

    #[tokio::test]
    async fn a_shutdown_ends_the_trying() {
        let shutdown = Shutdown::new();
        let operation = || {
            shutdown.begin();
            std::future::ready(Err::<(), _>("away"))
        };
        assert_eq!(retry_until(&shutdown, POLICY, "a test", operation).await, None);
    }
}
