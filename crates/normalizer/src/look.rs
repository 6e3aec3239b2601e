//! When a follow-up looks at a stored record by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::Conversation;
use store::conversation_write::NextLook;

/// A call is looked at again so long after it ended: people rename calls and link accounts the day after, and analysis is redone.
const SECOND_LOOKS: [SignedDuration; 2] =
    [SignedDuration::from_hours(24), SignedDuration::from_hours(7 * 24)];

/// How long late transcripts are waited for between looks.
#[derive(Debug, Clone, Copy)]
pub struct LookPolicy {
    /// The shortest wait.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

/// The next look at a conversation that is as `conversation` says at `now`. A record without its transcript always has one: it ends
/// with the fetcher's word that it is given up.
pub(crate) fn next_look(
    conversation: &Conversation,
    awaits_transcript: bool,
    first_listed_at: Option<Timestamp>,
    now: Timestamp,
    policy: LookPolicy,
) -> Option<NextLook> {
    let ended_at = ended_at(conversation);
    if awaits_transcript {
        // a call that says it ends in the future must not be asked for every two minutes until then
        let since = [ended_at, first_listed_at].into_iter().flatten().min().unwrap_or(now);
        let at = after(now, wait(now.duration_since(since), policy));
        return Some(NextLook { at, reason: "transcript" });
    }
    let ended_at = ended_at?;
    let looks = SECOND_LOOKS.iter().filter_map(|age| ended_at.checked_add(*age).ok());
    let at = looks.filter(|at| *at > now).min()?;
    // beyond any call that can be: its date is broken
    (at <= after(now, Duration::from_hours(8 * 24))).then_some(NextLook { at, reason: "second-look" })
}

/// Half the call's age: a fresh call's transcript comes within minutes, an old one's rarely.
fn wait(age: SignedDuration, policy: LookPolicy) -> Duration {
    let half = Duration::try_from(age / 2).unwrap_or_default();
    half.min(policy.max).max(policy.first)
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn ended_at(conversation: &Conversation) -> Option<Timestamp> {
    conversation.ended_at.or_else(|| {
        let started_at = conversation.started_at?;
        let length =
            conversation.duration_s.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
        started_at.checked_add(length.unwrap_or_default()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: LookPolicy = LookPolicy { first: Duration::from_mins(2), max: Duration::from_hours(12) };

    fn at(hours: f64) -> Timestamp {
        let since = SignedDuration::try_from_secs_f64(hours * 3600.0).unwrap();
        "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap().checked_add(since).unwrap()
    }

    fn call(ended_at: Option<Timestamp>) -> Conversation {
        let document = r#"{"id":"a","attributes":{"title":"x"}}"#;
        let raw = serde_json::value::RawValue::from_string(document.to_owned()).unwrap();
        let conversation = mapping::attention::conversation(Some(&raw), None).unwrap();
        Conversation { ended_at, started_at: None, ..conversation }
    }

    fn look_after(ended_at: Option<Timestamp>, awaits: bool, listed: Option<Timestamp>) -> Option<f64> {
        let look = next_look(&call(ended_at), awaits, listed, at(0.0), POLICY)?;
        assert_eq!(look.reason, if awaits { "transcript" } else { "second-look" });
        Some(look.at.duration_since(at(0.0)).as_secs_f64() / 3600.0)
    }

    #[test]
    fn waits_for_a_transcript_grow_with_the_age_of_the_call() {
        for (age_hours, wait_hours) in
            [(0.0, 1.0 / 30.0), (0.05, 1.0 / 30.0), (1.0, 0.5), (8.0, 4.0), (1000.0, 12.0)]
        {
            let wait = look_after(Some(at(-age_hours)), true, None).unwrap();
            assert!((wait - wait_hours).abs() < 0.001, "{age_hours} h old: {wait}");
        }
    }

    #[test]
    fn without_a_date_or_with_one_in_the_future_the_first_listing_counts() {
        assert_eq!(look_after(None, true, Some(at(-10.0))), Some(5.0));
        assert_eq!(look_after(Some(at(5000.0)), true, Some(at(-10.0))), Some(5.0));
        assert!(look_after(None, true, None).unwrap() < 0.04);
    }

    #[test]
    fn a_recent_call_is_looked_at_after_a_day_and_after_a_week() {
        assert_eq!(look_after(Some(at(-1.0)), false, None), Some(23.0));
        assert_eq!(look_after(Some(at(-30.0)), false, None), Some(138.0));
        assert_eq!(look_after(Some(at(-169.0)), false, None), None);
        assert_eq!(look_after(None, false, None), None);
        assert_eq!(look_after(Some(at(90_000.0)), false, None), None);
    }
}
