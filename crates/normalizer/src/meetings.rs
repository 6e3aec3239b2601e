//! Which conversations are copies of one meeting: the database's candidates, handed to the pure rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mapping::meeting::{
    KEY_APART_MAX_S, MatchRule, Matched, PEOPLE_APART_MAX_S, Placed, Recording, Split, same_meeting,
};
use model::{ConversationId, MeetingId, TenantId};
use serde_json::{Value, json};
use store::conversation::decision;
use store::meeting::{self, MeetingCopy, Near, Placement, Reach};
use store::{StoreError, Tx};

/// Copies that hang together by more steps than this, or are more than this, are no meeting but broken data: the others are left
/// where they are.
const STEPS_MAX: usize = 20;
const COPIES_MAX: usize = 1000;

const REACH: Reach = Reach {
    by_key: Duration::from_secs(KEY_APART_MAX_S.unsigned_abs()),
    by_people: Duration::from_secs(PEOPLE_APART_MAX_S.unsigned_abs()),
};

/// Finds the meetings of conversations anew, and of everything that hangs together with them; returns how many moved to another one.
///
/// All of it is placed from scratch, by what the conversations say and never by where they are, so the order in which they came does
/// not matter.
pub(crate) async fn match_again(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[ConversationId],
) -> Result<usize, StoreError> {
    meeting::lock(tx, tenant).await?;
    let copies = gather(tx, tenant, ids).await?;
    if copies.is_empty() {
        return Ok(0);
    }
    let ids: Vec<ConversationId> = copies.keys().copied().collect();
    let splits = meeting::splits(tx, &ids).await?;
    let splits: BTreeSet<Split> = splits.into_iter().map(|(one, other)| Split::of(one, other)).collect();
    let recordings: Vec<Recording> = copies.values().filter_map(recording).collect();
    let mut placements: BTreeMap<ConversationId, Placement> =
        ids.into_iter().map(|id| (id, alone(id))).collect();
    for placed in mapping::meeting::place(&recordings, &splits) {
        placements.insert(placed.id, placement(&placed, &copies));
    }
    let moved = meeting::place(tx, tenant, &placements.into_values().collect::<Vec<_>>()).await?;
    if copies.values().any(|copy| copy.is_withdrawn) {
        let were_in: Vec<_> = copies.values().map(|copy| (copy.id, copy.meeting)).collect();
        decision::hand_on(tx, tenant, &were_in).await?;
    }
    Ok(moved)
}

/// Those of these conversations that have another one near or are not stored as being alone, those they are together with, and whatever
/// matches one that was gathered. Most calls were recorded once, and nothing is to be done about them.
async fn gather(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[ConversationId],
) -> Result<BTreeMap<ConversationId, MeetingCopy>, StoreError> {
    let mut near = meeting::near(tx, tenant, ids, REACH).await?;
    let involved: BTreeSet<ConversationId> = near.iter().map(|near| near.of).collect();
    let mut copies = load(tx, &Vec::from_iter(involved)).await?;
    for _ in 0..STEPS_MAX {
        let found: BTreeSet<ConversationId> = near.iter().map(|near| near.id).collect();
        let unknown: Vec<ConversationId> = found.into_iter().filter(|id| !copies.contains_key(id)).collect();
        let mut loaded = load(tx, &unknown).await?;
        let joins = |near: &&Near| near.is_together || is_match(copies.get(&near.of), loaded.get(&near.id));
        let joining: BTreeSet<ConversationId> = near.iter().filter(joins).map(|near| near.id).collect();
        loaded.retain(|id, _| joining.contains(id));
        let asked: Vec<ConversationId> = loaded.keys().copied().collect();
        copies.extend(loaded);
        if asked.is_empty() {
            return Ok(copies);
        }
        if copies.len() > COPIES_MAX.max(ids.len() * 2) {
            break;
        }
        near = meeting::near(tx, tenant, &asked, REACH).await?;
    }
    tracing::warn!(conversations = copies.len(), "more hangs together than can be of one meeting");
    Ok(copies)
}

async fn load(tx: &Tx, ids: &[ConversationId]) -> Result<BTreeMap<ConversationId, MeetingCopy>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(meeting::load(tx, ids).await?.into_iter().map(|copy| (copy.id, copy)).collect())
}

fn is_match(one: Option<&MeetingCopy>, other: Option<&MeetingCopy>) -> bool {
    let both = one.and_then(recording).zip(other.and_then(recording));
    both.is_some_and(|(one, other)| same_meeting(&one, &other).is_some())
}

/// As the rules see it; what was withdrawn, or has no start, they do not see.
fn recording(copy: &MeetingCopy) -> Option<Recording> {
    let started_at = copy.started_at.filter(|_| !copy.is_withdrawn)?;
    let people = |all: bool| {
        copy.people.iter().filter(move |(_, is_guest)| all || *is_guest).map(|(key, _)| key.clone())
    };
    Some(Recording {
        id: copy.id,
        recorder: (copy.vendor, copy.vendor_account.clone()),
        started_at,
        ended_at: copy.ended_at,
        join_key: copy.keys.join.clone(),
        calendar_key: copy.keys.calendar.clone(),
        people: people(true).collect(),
        guests: people(false).collect(),
    })
}

fn alone(id: ConversationId) -> Placement {
    Placement { id, meeting: MeetingId::named_after(id), evidence: json!([]) }
}

fn placement(placed: &Placed, copies: &BTreeMap<ConversationId, MeetingCopy>) -> Placement {
    let key = copies.get(&placed.id).map(|copy| &copy.keys);
    let said = |matched: &Matched| -> Value {
        let by = &matched.by;
        let key = match by.rule {
            MatchRule::JoinLink => key.and_then(|keys| keys.join.as_deref()),
            MatchRule::Calendar => key.and_then(|keys| keys.calendar.as_deref()),
            MatchRule::People => None,
        };
        json!({ "with": matched.with, "rule": by.rule.as_str(), "key": key, "starts_apart_s": by.apart_s,
                "people_shared": by.people_shared })
    };
    let evidence = placed.matched.iter().map(said).collect();
    Placement { id: placed.id, meeting: placed.meeting, evidence }
}
