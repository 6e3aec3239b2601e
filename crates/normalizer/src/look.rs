//! When a record is looked at again by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::conversation_write::NextLook;

/// Looks for a transcript are never farther apart.
const APART_MAX: Duration = Duration::from_hours(12);

/// Late second looks at a call that seems complete, counted from its end: analyses change after the transcript.
const SECOND_LOOKS: [SignedDuration; 2] =
    [SignedDuration::from_hours(24), SignedDuration::from_hours(7 * 24)];

/// The next look at a call. Without its transcript: after `first`, then whenever the wait since it was listed first has grown by half;
/// giving up is decided when the look comes. With it: a day and a week after it ended, as far as that is still to come.
pub(crate) fn next_look(
    now: Timestamp,
    awaits_transcript: bool,
    first_listed_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    first: Duration,
) -> Option<NextLook> {
    if awaits_transcript {
        let waited =
            Duration::try_from(now.duration_since(first_listed_at.unwrap_or(now))).unwrap_or_default();
        let wait = (waited / 2).clamp(first, APART_MAX.max(first));
        return Some(NextLook { at: later(now, wait)?, reason: "transcript" });
    }
    let ended_at = ended_at?;
    let looks = SECOND_LOOKS.iter().filter_map(|after| ended_at.checked_add(*after).ok());
    looks.into_iter().find(|at| *at > now).map(|at| NextLook { at, reason: "second-look" })
}

fn later(now: Timestamp, wait: Duration) -> Option<Timestamp> {
    now.checked_add(SignedDuration::try_from(wait).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(120);

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hours * 3600).expect("a time")
    }

    fn wait_of(look: Option<NextLook>, now: Timestamp) -> i64 {
        look.expect("a look").at.duration_since(now).as_secs()
    }

    #[test]
    fn looks_for_a_transcript_grow_apart_up_to_half_a_day() {
        let wait = |waited: i64| wait_of(next_look(at(waited), true, Some(at(0)), None, FIRST), at(waited));
        assert_eq!([wait(0), wait(1), wait(4), wait(100)], [120, 1800, 7200, 43_200]);
    }

    #[test]
    fn a_recent_call_is_looked_at_after_a_day_and_after_a_week_and_an_old_one_never() {
        let look = |age: i64| next_look(at(age), false, None, Some(at(0)), FIRST).map(|look| look.at);
        assert_eq!(look(1), Some(at(24)));
        assert_eq!(look(24), Some(at(7 * 24)));
        assert_eq!(look(7 * 24), None);
        assert_eq!(next_look(at(0), false, None, None, FIRST), None, "a call without an end");
    }
}
