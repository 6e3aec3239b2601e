//! Which recordings are copies of one meeting: two recorders that sat in it tell of it twice.
//!
//! A wrong match hides a call behind another one, a missed match shows a meeting twice: in doubt two recordings stay apart.

mod grouping;
mod keys;

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{ConversationId, Vendor, VendorAccount};

pub use grouping::{Matched, Placed, Split, place};
pub use keys::{calendar_key, join_key};

/// Recordings of one room or calendar event that began farther apart than this are of different meetings, in seconds.
pub const KEY_APART_MAX_S: i64 = 2 * 3600;

/// Where only the people speak for it, recordings that began farther apart than this are of different meetings, in seconds: shorter
/// than any slot of a calendar, longer than a recorder waits in the lobby.
pub const PEOPLE_APART_MAX_S: i64 = 300;

/// A room or an event is shared by recurring and back-to-back meetings: where it is not known how long both were recorded, they began
/// at most this far apart, in seconds.
const UNKNOWN_LENGTH_APART_MAX_S: i64 = 600;

/// So close in one room, a recording may be of any length: one of the recorders gave up early.
const AT_ONCE_S: i64 = 180;

/// Fewer people in common prove nothing.
const SHARED_MIN: usize = 2;

/// What one recorder has of a meeting, as far as matching needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The conversation.
    pub id: ConversationId,
    /// Whose recording it is.
    pub recorder: (Vendor, VendorAccount),
    /// Start.
    pub started_at: Timestamp,
    /// End, where it is known.
    pub ended_at: Option<Timestamp>,
    /// The room, by [`join_key`].
    pub join_key: Option<String>,
    /// The event, by [`calendar_key`].
    pub calendar_key: Option<String>,
    /// Addresses of everybody, in normal form, without bots and rooms.
    pub people: BTreeSet<String>,
    /// Those of them who are not the tenant's own.
    pub guests: BTreeSet<String>,
}

/// What speaks for two recordings being of one meeting, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchRule {
    /// The same room at the same time.
    JoinLink,
    /// The same event of a calendar at the same time.
    Calendar,
    /// The same people at the same time.
    People,
}

impl MatchRule {
    /// The name it is stored under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JoinLink => "join-link",
            Self::Calendar => "calendar",
            Self::People => "people",
        }
    }
}

/// Two recordings are of one meeting, and this is why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The rule.
    pub rule: MatchRule,
    /// Seconds between their starts.
    pub apart_s: i64,
    /// How many people are in both.
    pub people_shared: usize,
}

/// Says whether two recordings are of one meeting; it does not matter which is named first.
///
/// Two recordings of one recorder are hardly ever: a series has one link, and people talk twice in a row. Only when both lay over one
/// another in one room have two bots recorded the same, since a room holds one meeting at a time.
pub fn same_meeting(one: &Recording, other: &Recording) -> Option<Match> {
    let apart_s = (one.started_at.as_second() - other.started_at.as_second()).abs();
    let key = shared_key(one, other).filter(|_| apart_s <= KEY_APART_MAX_S);
    let overlapping = overlap(one, other);
    let rule = if one.recorder == other.recorder {
        key.filter(|_| overlapping == Some(true))
    } else {
        let near = apart_s <= AT_ONCE_S || overlapping.unwrap_or(apart_s <= UNKNOWN_LENGTH_APART_MAX_S);
        let people = || {
            let near = apart_s <= PEOPLE_APART_MAX_S && overlapping != Some(false);
            (near && !rooms_differ(one, other) && share_people(one, other)).then_some(MatchRule::People)
        };
        key.filter(|_| near).or_else(people)
    };
    let people_shared = one.people.intersection(&other.people).count();
    rule.map(|rule| Match { rule, apart_s, people_shared })
}

fn shared_key(one: &Recording, other: &Recording) -> Option<MatchRule> {
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    if same(&one.join_key, &other.join_key) {
        return Some(MatchRule::JoinLink);
    }
    same(&one.calendar_key, &other.calendar_key).then_some(MatchRule::Calendar)
}

/// Two numbers are two rooms; of names of rooms one may stand for the other's number.
fn rooms_differ(one: &Recording, other: &Recording) -> bool {
    let number = |recording: &Recording| recording.join_key.clone().filter(|key| keys::is_exact(key));
    number(one).zip(number(other)).is_some_and(|(one, other)| one != other)
}

/// Whether they lay over one another for at least half of the shorter one; not known without both lengths.
fn overlap(one: &Recording, other: &Recording) -> Option<bool> {
    let span = |recording: &Recording| {
        let (start, end) = (recording.started_at.as_millisecond(), recording.ended_at?.as_millisecond());
        (start < end).then_some((start, end))
    };
    let ((start, end), (other_start, other_end)) = (span(one)?, span(other)?);
    let shorter = (end - start).min(other_end - other_start);
    let common = end.min(other_end) - start.max(other_start);
    Some(common * 2 >= shorter)
}

/// At least two people and half of the smaller party; and a guest, if there were any: colleagues are invited to two calls at once, and
/// sit in one of them.
fn share_people(one: &Recording, other: &Recording) -> bool {
    let shared = one.people.intersection(&other.people).count();
    let smaller = one.people.len().min(other.people.len());
    let nobody_visits = one.guests.is_empty() && other.guests.is_empty();
    let guests_meet = nobody_visits || !one.guests.is_disjoint(&other.guests);
    shared >= SHARED_MIN && shared * 2 >= smaller && guests_meet
}

#[cfg(test)]
mod tests;
