//! From matches of two to meetings: the strongest match first, and nobody joins whom something speaks against.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use model::{ConversationId, MeetingId};

use super::{Match, Recording, same_meeting};

/// Two conversations that a person has parted; it does not matter which is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Split(ConversationId, ConversationId);

impl Split {
    /// The pair of two conversations.
    pub fn of(one: ConversationId, other: ConversationId) -> Self {
        Self(one.min(other), one.max(other))
    }
}

/// A copy of the same meeting, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The other conversation.
    pub with: ConversationId,
    /// Why.
    pub by: Match,
}

/// Where a conversation belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The conversation.
    pub id: ConversationId,
    /// Its meeting, named after the copy that began first.
    pub meeting: MeetingId,
    /// The other copies that it matches directly, the strongest match first.
    pub matched: Vec<Matched>,
}

/// Puts every recording into its meeting; the order in which they are given does not matter.
///
/// All that hang together by matches must be there. Matches are taken from the strongest to the weakest, and one that would bring
/// together two conversations that a person has parted, or two calls of one recorder, is left out: so each call of a recorder finds
/// the nearest of another's.
pub fn place(recordings: &[Recording], splits: &BTreeSet<Split>) -> Vec<Placed> {
    let mut recordings: Vec<&Recording> = recordings.iter().collect();
    recordings.sort_by_key(|one| (one.started_at, one.id));
    recordings.dedup_by_key(|one| one.id);
    let is_split =
        |one: usize, other: usize| splits.contains(&Split::of(recordings[one].id, recordings[other].id));
    let edges: Vec<Edge> =
        edges(&recordings).into_iter().filter(|edge| !is_split(edge.one, edge.other)).collect();
    let mut meetings = Meetings::apart(recordings.len());
    for edge in &edges {
        meetings.join(edge, |one, other| {
            let (left, right) = (recordings[one], recordings[other]);
            !is_split(one, other) && (left.recorder != right.recorder || same_meeting(left, right).is_some())
        });
    }
    let placed = |place: usize| {
        // they stand in the order of their starts
        let first = meetings.copies(place).iter().min().map_or(place, |first| *first);
        let matched = edges.iter().filter_map(|edge| Some((edge.from(place)?, edge)));
        let matched = matched.filter(|(with, _)| meetings.of[*with] == meetings.of[place]);
        let matched = matched.map(|(with, edge)| Matched { with: recordings[with].id, by: edge.by.clone() });
        Placed {
            id: recordings[place].id,
            meeting: MeetingId::named_after(recordings[first].id),
            matched: matched.collect(),
        }
    };
    (0..recordings.len()).map(placed).collect()
}

/// A match of two, by their places.
struct Edge {
    one: usize,
    other: usize,
    by: Match,
}

impl Edge {
    /// The other end.
    fn from(&self, place: usize) -> Option<usize> {
        let Self { one, other, .. } = *self;
        (place == one).then_some(other).or_else(|| (place == other).then_some(one))
    }
}

/// All matches of two, the strongest first.
fn edges(recordings: &[&Recording]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (place, recording) in recordings.iter().enumerate() {
        for (behind, later) in recordings.iter().enumerate().skip(place + 1) {
            edges.extend(same_meeting(recording, later).map(|by| Edge { one: place, other: behind, by }));
        }
    }
    edges.sort_by_key(|edge| {
        (edge.by.rule, edge.by.apart_s, Reverse(edge.by.people_shared), edge.one, edge.other)
    });
    edges
}

/// Who is with whom, by place.
struct Meetings {
    of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Meetings {
    fn apart(count: usize) -> Self {
        Self { of: (0..count).collect(), members: (0..count).map(|place| vec![place]).collect() }
    }

    fn copies(&self, place: usize) -> &[usize] {
        &self.members[self.of[place]]
    }

    /// Makes one meeting of the two that a match connects, if all of one may be together with all of the other.
    fn join(&mut self, edge: &Edge, may_be_together: impl Fn(usize, usize) -> bool) {
        let (into, from) = (self.of[edge.one], self.of[edge.other]);
        let (here, there) = (self.copies(edge.one), self.copies(edge.other));
        let mut pairs = here.iter().flat_map(|one| there.iter().map(|other| (*one, *other)));
        if into == from || !pairs.all(|(one, other)| may_be_together(one, other)) {
            return;
        }
        let moved = std::mem::take(&mut self.members[from]);
        for place in &moved {
            self.of[*place] = into;
        }
        self.members[into].extend(moved);
    }
}
