//! What hangs on a conversation: participants, linked records, transcript. What is missing in the newer version is removed.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Changed, Participant};
use crate::conversation::TranscriptText;
use crate::{StoreError, Tx};

/// Replaces the parts of changed conversations, in one round trip. Rows that stay as they are are not written again: a transcript
/// rewritten for a new title would double its table.
pub(super) async fn replace(tx: &Tx, changed: &[Changed<'_>]) -> Result<(), StoreError> {
    let people = People::of(changed);
    let records = Records::of(changed);
    let spoken = Spoken::of(changed)?;
    let ids: Vec<Uuid> = changed.iter().map(id).collect();
    tx.execute_pipelined(&[
        (
            "DELETE FROM participants p USING unnest($1::uuid[], $2::integer[]) AS n (id, count)
             WHERE p.conversation_id = n.id AND p.ordinal >= n.count",
            &[&ids, &people.counts],
        ),
        (
            UPSERT_PARTICIPANTS,
            &[
                &people.ids, &people.ordinals, &people.tenants, &people.vendor_ids, &people.names, &people.emails,
                &people.email_keys, &people.domains, &people.titles, &people.phones, &people.organizers, &people.votes,
                &people.sides, &people.contacts, &people.users, &people.started, &people.user_ids,
                &people.contact_ids,
            ],
        ),
        (
            "DELETE FROM linked_records r USING unnest($1::uuid[], $2::integer[]) AS n (id, count)
             WHERE r.conversation_id = n.id AND r.ordinal >= n.count",
            &[&ids, &records.counts],
        ),
        (
            "INSERT INTO linked_records AS r (conversation_id, ordinal, tenant_id, external_id, code)
             SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[])
                 AS n (conversation_id, ordinal, tenant_id, external_id, code)
             ORDER BY conversation_id, ordinal
             ON CONFLICT (conversation_id, ordinal) DO UPDATE SET external_id = excluded.external_id, code = excluded.code
             WHERE (r.external_id, r.code) IS DISTINCT FROM (excluded.external_id, excluded.code)",
            &[&records.ids, &records.ordinals, &records.tenants, &records.external_ids, &records.codes],
        ),
        ("DELETE FROM transcripts WHERE conversation_id = ANY ($1)", &[&spoken.silent]),
        (
            // one flat array each, and where every row's part of it begins and ends: arrays of arrays cannot be ragged
            "INSERT INTO transcripts AS t (conversation_id, tenant_id, body, segments, speakers)
             SELECT n.id, n.tenant, n.body, ($4::integer[])[n.first_number:n.last_number],
                    ($5::text[])[n.first_name:n.last_name]
             FROM unnest($1::uuid[], $2::text[], $3::text[], $6::integer[], $7::integer[], $8::integer[], $9::integer[])
                 AS n (id, tenant, body, first_number, last_number, first_name, last_name)
             ORDER BY n.id
             ON CONFLICT (conversation_id) DO UPDATE
             SET body = excluded.body, segments = excluded.segments, speakers = excluded.speakers
             WHERE (t.body, t.segments, t.speakers) IS DISTINCT FROM (excluded.body, excluded.segments, excluded.speakers)",
            &[
                &spoken.ids, &spoken.tenants, &spoken.bodies, &spoken.numbers, &spoken.names, &spoken.first_number,
                &spoken.last_number, &spoken.first_name, &spoken.last_name,
            ],
        ),
    ])
    .await?;
    Ok(())
}

const UPSERT_PARTICIPANTS: &str = "INSERT INTO participants AS p (conversation_id, ordinal, tenant_id, vendor_person_id, name,
         email, email_key, domain, title, phone, organizer, votes, side, contact_external_id, user_external_id,
         started_at, vendor_user_id, vendor_contact_id)
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
         $9::text[], $10::text[], $11::boolean[], $12::boolean[], $13::text[], $14::text[], $15::text[],
         $16::timestamptz[], $17::text[], $18::text[])
         AS n (conversation_id, ordinal, tenant_id, vendor_person_id, name, email, email_key, domain, title, phone,
         organizer, votes, side, contact_external_id, user_external_id, started_at, vendor_user_id, vendor_contact_id)
     ORDER BY conversation_id, ordinal
     ON CONFLICT (conversation_id, ordinal) DO UPDATE SET vendor_person_id = excluded.vendor_person_id,
         name = excluded.name, email = excluded.email, email_key = excluded.email_key, domain = excluded.domain,
         title = excluded.title, phone = excluded.phone, organizer = excluded.organizer, votes = excluded.votes,
         side = excluded.side, contact_external_id = excluded.contact_external_id,
         user_external_id = excluded.user_external_id, started_at = excluded.started_at,
         vendor_user_id = excluded.vendor_user_id, vendor_contact_id = excluded.vendor_contact_id
     WHERE (p.vendor_person_id, p.name, p.email, p.email_key, p.domain, p.title, p.phone, p.organizer, p.votes, p.side,
            p.contact_external_id, p.user_external_id, p.started_at, p.vendor_user_id, p.vendor_contact_id)
         IS DISTINCT FROM (excluded.vendor_person_id, excluded.name, excluded.email, excluded.email_key, excluded.domain,
            excluded.title, excluded.phone, excluded.organizer, excluded.votes, excluded.side,
            excluded.contact_external_id, excluded.user_external_id, excluded.started_at, excluded.vendor_user_id,
            excluded.vendor_contact_id)";

fn id(changed: &Changed<'_>) -> Uuid {
    changed.stored.arrival.conversation_id.0
}

/// A position in a list or an array, as Postgres counts.
fn number(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

#[derive(Default)]
struct People<'a> {
    counts: Vec<i32>,
    ids: Vec<Uuid>,
    ordinals: Vec<i32>,
    tenants: Vec<&'a str>,
    vendor_ids: Vec<Option<&'a str>>,
    names: Vec<Option<&'a str>>,
    emails: Vec<Option<&'a str>>,
    email_keys: Vec<Option<&'a str>>,
    domains: Vec<Option<&'a str>>,
    titles: Vec<Option<&'a str>>,
    phones: Vec<Option<&'a str>>,
    organizers: Vec<bool>,
    votes: Vec<bool>,
    sides: Vec<&'static str>,
    contacts: Vec<Option<&'a str>>,
    users: Vec<Option<&'a str>>,
    started: Vec<Option<Timestamp>>,
    user_ids: Vec<Option<&'a str>>,
    contact_ids: Vec<Option<&'a str>>,
}

impl<'a> People<'a> {
    fn of(changed: &'a [Changed<'a>]) -> Self {
        let mut people = Self::default();
        for row in changed {
            people.counts.push(number(row.participants.len()));
            for (ordinal, participant) in row.participants.iter().enumerate() {
                people.ids.push(id(row));
                people.ordinals.push(number(ordinal));
                people.tenants.push(row.stored.arrival.tenant.as_str());
                people.started.push(row.conversation.started_at);
                people.add(participant);
            }
        }
        people
    }

    fn add(&mut self, participant: &'a Participant<'a>) {
        let attendee = participant.attendee;
        self.vendor_ids.push(attendee.vendor_person_id.as_deref());
        self.user_ids.push(attendee.vendor_user_id.as_deref());
        self.contact_ids.push(attendee.vendor_contact_id.as_deref());
        self.names.push(attendee.name.as_deref());
        self.emails.push(attendee.email.as_deref());
        self.email_keys.push(participant.email_key.as_deref());
        self.domains.push(participant.domain.as_deref());
        self.titles.push(attendee.title.as_deref());
        self.phones.push(attendee.phone.as_deref());
        self.organizers.push(attendee.organizer);
        self.votes.push(participant.votes);
        self.sides.push(participant.side.as_str());
        self.contacts.push(participant.contact_external_id.as_deref());
        self.users.push(participant.user_external_id.as_deref());
    }
}

#[derive(Default)]
struct Records<'a> {
    counts: Vec<i32>,
    ids: Vec<Uuid>,
    ordinals: Vec<i32>,
    tenants: Vec<&'a str>,
    external_ids: Vec<&'a str>,
    codes: Vec<&'a str>,
}

impl<'a> Records<'a> {
    fn of(changed: &'a [Changed<'a>]) -> Self {
        let mut records = Self::default();
        for row in changed {
            records.counts.push(number(row.conversation.linked_records.len()));
            for (ordinal, record) in row.conversation.linked_records.iter().enumerate() {
                records.ids.push(id(row));
                records.ordinals.push(number(ordinal));
                records.tenants.push(row.stored.arrival.tenant.as_str());
                records.external_ids.push(&record.external_id);
                records.codes.push(&record.code);
            }
        }
        records
    }
}

#[derive(Default)]
struct Spoken<'a> {
    silent: Vec<Uuid>,
    ids: Vec<Uuid>,
    tenants: Vec<&'a str>,
    bodies: Vec<String>,
    numbers: Vec<i32>,
    names: Vec<String>,
    first_number: Vec<i32>,
    last_number: Vec<i32>,
    first_name: Vec<i32>,
    last_name: Vec<i32>,
}

impl<'a> Spoken<'a> {
    fn of(changed: &'a [Changed<'a>]) -> Result<Self, StoreError> {
        let mut spoken = Self::default();
        for row in changed {
            let segments = &row.conversation.transcript.segments;
            if segments.is_empty() {
                spoken.silent.push(id(row));
            } else {
                spoken.ids.push(id(row));
                spoken.tenants.push(row.stored.arrival.tenant.as_str());
                spoken.add(TranscriptText::of(segments)?);
            }
        }
        Ok(spoken)
    }

    fn add(&mut self, text: TranscriptText) {
        self.bodies.push(text.body);
        self.first_number.push(number(self.numbers.len() + 1));
        self.numbers.extend(text.segments);
        self.last_number.push(number(self.numbers.len()));
        self.first_name.push(number(self.names.len() + 1));
        self.names.extend(text.speakers);
        self.last_name.push(number(self.names.len()));
    }
}
