//! Documents about conversations: stored many at a time, each with an outcome of its own.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use mapping::email::EmailKey;
use mapping::meeting::{calendar_key, join_key};
use model::{ConnectionId, Conversation, TenantId, TranscriptStatus, VendorKey};
use runtime::{Shutdown, failpoint};
use store::conversation_write::{
    Arrival, Changed, Locked, Skipped, Stored, Verdict, Writes, lock_standings, write as write_rows,
};
use store::directory::Wanted;
use store::meeting::MeetingKeys;
use store::{Speaker, Store, StoreError};

use crate::look::next_look;
use crate::map::{Mapped, Says};
use crate::people::{self, People};
use crate::store_batch::{Outcome, store_parts};
use crate::{Deps, LookPolicy};

/// Stores mapped documents; each with its place in the batch and its outcome. `None` when the shutdown came while the database was
/// away: the batch is to be given back.
pub(crate) async fn store(
    deps: &Deps,
    mapped: &[Mapped<'_>],
    shutdown: &Shutdown,
) -> Option<Vec<(usize, Outcome)>> {
    // of one record's documents in a transaction only the newest counts, but "gone" says nothing about content: it comes after
    let (gone, kept): (Vec<&Mapped<'_>>, Vec<_>) = mapped.iter().partition(|mapped| mapped.is_gone());
    let write = |part| write(&deps.store, deps.config.look, part);
    let outcomes = store_parts(deps, "conversations", shutdown, vec![&gone, &kept], write).await?;
    Some(outcomes.into_iter().map(|(mapped, outcome)| (mapped.index, outcome)).collect())
}

/// One transaction: where the records stand, what that makes of each document, who the people are, and the rows. Says what became of
/// each, in their order.
async fn write(
    store: &Store,
    look: LookPolicy,
    documents: &[&Mapped<'_>],
) -> Result<Vec<Verdict>, StoreError> {
    let tenants: BTreeSet<&TenantId> = documents.iter().map(|mapped| &mapped.document.tenant).collect();
    let tenants: Vec<&TenantId> = tenants.into_iter().collect();
    let arrivals: Vec<Arrival<'_>> = documents.iter().map(|mapped| arrival(mapped)).collect();
    let tx = store.begin(Speaker::Tenants(&tenants)).await?;
    let locked = lock_standings(&tx, &arrivals).await?;
    let verdicts = judge(&locked, documents);
    let people = People::look_up(&tx, &wanted(documents, &verdicts)).await?;
    let mut writes = rows(&locked, look, documents, &verdicts, &people);
    write_rows(&tx, &mut writes).await?;
    failpoint!("normalize.written");
    tx.commit().await?;
    Ok(verdicts)
}

fn arrival<'a>(mapped: &'a Mapped<'_>) -> Arrival<'a> {
    let document = mapped.document;
    Arrival {
        tenant: &document.tenant,
        connection_id: document.connection_id,
        stream: document.stream,
        vendor_key: &document.vendor_key,
        conversation_id: document.conversation_id(),
        asked_at: document.asked_at,
        listed_hash: document.listed_hash,
    }
}

/// Judges each document; of several about one record only the newest counts.
fn judge(locked: &Locked, documents: &[&Mapped<'_>]) -> Vec<Verdict> {
    let mut newest: HashMap<(ConnectionId, &VendorKey), usize> = HashMap::new();
    for (place, mapped) in documents.iter().enumerate() {
        let record = (mapped.document.connection_id, &mapped.document.vendor_key);
        let best = newest.entry(record).or_insert(place);
        if documents[*best].document.asked_at < mapped.document.asked_at {
            *best = place;
        }
    }
    let verdict = |(place, mapped): (usize, &&Mapped<'_>)| {
        let (connection, key) = (mapped.document.connection_id, &mapped.document.vendor_key);
        let standing = locked.standing(connection, key).filter(|_| newest[&(connection, key)] == place);
        standing.map_or(Verdict::Superseded, |standing| {
            standing.judge(mapped.document.asked_at, mapped.document.listed_hash, mapped.found())
        })
    };
    documents.iter().enumerate().map(verdict).collect()
}

/// Only what is written needs to know its people.
fn wanted(documents: &[&Mapped<'_>], verdicts: &[Verdict]) -> Wanted {
    let mut wanted = Wanted::default();
    for (mapped, verdict) in documents.iter().zip(verdicts) {
        if let (Verdict::Changed, Says::Content { conversation, .. }) = (verdict, &mapped.says) {
            let tenant = &mapped.document.tenant;
            people::want(&mut wanted, tenant, &conversation.attendees, &conversation.linked_records);
        }
    }
    wanted
}

fn rows<'a>(
    locked: &Locked,
    look: LookPolicy,
    documents: &'a [&'a Mapped<'a>],
    verdicts: &[Verdict],
    people: &People,
) -> Writes<'a> {
    let mut writes = Writes::default();
    for (mapped, verdict) in documents.iter().zip(verdicts) {
        match (verdict, &mapped.says) {
            (Verdict::Skipped, Says::Skip { reason, raw }) => {
                let raw = raw.as_ref().map(Cow::as_ref);
                writes.skipped.push(Skipped { arrival: arrival(mapped), reason: *reason, raw });
            }
            (Verdict::Unchanged, _) => writes.unchanged.extend(stored(locked, look, mapped)),
            (Verdict::Changed, _) => writes.changed.extend(changed(locked, look, mapped, people)),
            _ => {}
        }
    }
    writes
}

fn stored<'a>(locked: &Locked, look: LookPolicy, mapped: &'a Mapped<'_>) -> Option<Stored<'a>> {
    let Says::Content { conversation, hash, .. } = &mapped.says else { return None };
    let arrival = arrival(mapped);
    let awaits_transcript = conversation.transcript.status == TranscriptStatus::Pending;
    let first_listed_at = locked
        .standing(arrival.connection_id, arrival.vendor_key)
        .and_then(|standing| standing.first_listed_at);
    let look = next_look(conversation, awaits_transcript, first_listed_at, locked.now, look);
    Some(Stored { arrival, content_hash: *hash, awaits_transcript, look })
}

fn changed<'a>(
    locked: &Locked,
    look: LookPolicy,
    mapped: &'a Mapped<'_>,
    people: &People,
) -> Option<Changed<'a>> {
    let stored = stored(locked, look, mapped)?;
    let Says::Content { conversation, raw, .. } = &mapped.says else { return None };
    let document = mapped.document;
    let resolved = people.resolve(
        &document.tenant,
        document.vendor,
        &conversation.attendees,
        &conversation.linked_records,
    );
    Some(Changed {
        stored,
        vendor: document.vendor,
        vendor_account: &document.vendor_account,
        conversation,
        keys: MeetingKeys {
            join: conversation.join_url.as_deref().and_then(join_key),
            calendar: conversation.calendar_event_id.as_deref().and_then(calendar_key),
        },
        owner_email_key: owner_email_key(conversation),
        internal: resolved.internal,
        participants: resolved.participants,
        link: resolved.link,
        raw,
    })
}

fn owner_email_key(conversation: &Conversation) -> Option<String> {
    let email = conversation.owner.as_ref()?.email.as_deref()?;
    Some(EmailKey::parse(email)?.as_str().to_owned())
}
