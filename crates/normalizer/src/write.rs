//! Judges drafts against what is stored, and writes what they change, in one transaction.

use std::collections::{BTreeMap, HashMap};

use model::{ConnectionId, TenantId, TranscriptStatus, VendorKey};
use runtime::failpoint;
use store::conversation_write::{self, Changed, Locked, Skipped, Stored, Verdict, Writes};
use store::{Speaker, StoreError};

use crate::Deps;
use crate::look::next_look;
use crate::lookup::{Known, Lookup};
use crate::people::{resolved, voters};
use crate::read::{Content, Draft};

/// Writes a batch; returns each draft's verdict, in order.
pub(crate) async fn write(deps: &Deps, drafts: &[&Draft<'_>]) -> Result<Vec<Verdict>, StoreError> {
    let mut tenants: Vec<&TenantId> = drafts.iter().map(|draft| &draft.document.tenant).collect();
    tenants.sort();
    tenants.dedup();
    let arrivals: Vec<_> = drafts.iter().map(|draft| draft.arrival()).collect();
    let tx = deps.store.begin(Speaker::Tenants(&tenants)).await?;
    let locked = conversation_write::lock_standings(&tx, &arrivals).await?;
    let verdicts = judge(drafts, &locked);
    let mut lookup = Lookup::default();
    let changed = || drafts.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Changed);
    for (draft, _) in changed() {
        if let Content::Conversation(conversation) = &draft.content {
            lookup.add(
                &draft.document.tenant,
                &voters(&conversation.attendees),
                &conversation.linked_records,
            );
        }
    }
    let known = if changed().next().is_some() { lookup.ask(&tx).await? } else { BTreeMap::default() };
    let mut writes = Writes::default();
    for (draft, verdict) in drafts.iter().zip(&verdicts) {
        add(&mut writes, deps, draft, *verdict, &locked, known.get(&draft.document.tenant));
    }
    conversation_write::write(&tx, &mut writes).await?;
    failpoint!("normalize.written");
    tx.commit().await?;
    failpoint!("normalize.committed");
    Ok(verdicts)
}

/// Of several drafts of one record only the newest counts; the others are superseded by it.
fn judge(drafts: &[&Draft<'_>], locked: &Locked) -> Vec<Verdict> {
    let mut newest: HashMap<(ConnectionId, &VendorKey), usize> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let place = newest.entry((draft.document.connection_id, &draft.document.vendor_key)).or_insert(index);
        if drafts[*place].document.asked_at < draft.document.asked_at {
            *place = index;
        }
    }
    let judged = drafts.iter().enumerate().map(|(index, draft)| {
        let (connection, key) = (draft.document.connection_id, &draft.document.vendor_key);
        if newest[&(connection, key)] != index {
            return Verdict::Superseded;
        }
        let standing = locked.standing(connection, key).cloned().unwrap_or_default();
        standing.judge(draft.document.asked_at, draft.found)
    });
    judged.collect()
}

fn add<'a>(
    writes: &mut Writes<'a>,
    deps: &Deps,
    draft: &'a Draft<'_>,
    verdict: Verdict,
    locked: &Locked,
    known: Option<&Known>,
) {
    match (verdict, &draft.content) {
        (Verdict::Superseded, _) => {}
        (_, Content::Skip(reason)) => {
            writes.skipped.push(Skipped { arrival: draft.arrival(), reason: *reason, raw: Some(&draft.raw) });
        }
        (Verdict::Unchanged, Content::Conversation(_)) => writes.unchanged.push(stored(deps, draft, locked)),
        (_, Content::Conversation(conversation)) => {
            let nobody = Known::default();
            let voters = voters(&conversation.attendees);
            let linked = &conversation.linked_records;
            let people = resolved(&conversation.attendees, &voters, linked, known.unwrap_or(&nobody));
            writes.changed.push(Changed {
                stored: stored(deps, draft, locked),
                vendor: draft.document.vendor,
                vendor_account: &draft.document.vendor_account,
                conversation,
                internal: people.internal,
                participants: people.participants,
                link: people.link,
                raw: &draft.raw,
            });
        }
    }
}

fn stored<'a>(deps: &Deps, draft: &'a Draft<'_>, locked: &Locked) -> Stored<'a> {
    let Content::Conversation(conversation) = &draft.content else {
        unreachable!("only conversations are stored")
    };
    let conversation_write::Found::Content(content_hash) = draft.found else {
        unreachable!("a conversation was found as content")
    };
    let awaits_transcript = conversation.transcript.status == TranscriptStatus::Pending;
    let standing = locked.standing(draft.document.connection_id, &draft.document.vendor_key);
    let first_listed_at = standing.and_then(|standing| standing.first_listed_at);
    let ended_at = conversation.ended_at.or(conversation.started_at);
    let look =
        next_look(locked.now, awaits_transcript, first_listed_at, ended_at, deps.config.follow_up_first);
    Stored { arrival: draft.arrival(), content_hash, awaits_transcript, look }
}
