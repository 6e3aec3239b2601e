//! Records of a CRM: mapped in memory, written a message's worth at a time or many, each with an outcome of its own.

use std::collections::HashMap;

use model::message::{RawRecord, RawSource, RecordBatch};
use model::{ConnectionId, ContentHash, ConversationId, CrmRecord, TenantId, VendorKey};
use queue::JobError;
use runtime::{Shutdown, failpoint};
use store::conversation_write::{Arrival, Found, Stored, Verdict, lock_standings};
use store::crm::{ChangedRecord, RecordWrites};
use store::{Speaker, Store, StoreError, crm};

use crate::Deps;
use crate::map::{MAPPING, guarded};
use crate::store_batch::{Outcome, store_parts};

/// A record and what it says.
struct Mapped<'a> {
    /// The place of its message among the batches.
    place: usize,
    batch: &'a RecordBatch<'a>,
    key: &'a VendorKey,
    listed_hash: ContentHash,
    record: CrmRecord,
    hash: ContentHash,
    raw: Vec<u8>,
}

/// Stores the records of several messages; the outcome of each message with its place among the deliveries. `None` when the shutdown
/// came while the database was away.
pub(crate) async fn store(
    deps: &Deps,
    batches: &[(usize, RecordBatch<'_>)],
    shutdown: &Shutdown,
) -> Option<Vec<(usize, Outcome)>> {
    let mut outcomes: Vec<Outcome> = batches.iter().map(|_| Outcome::Done(Verdict::Superseded)).collect();
    let mut mapped = Vec::new();
    for (place, (_, batch)) in batches.iter().enumerate() {
        for raw in &batch.records {
            match map(place, batch, raw) {
                Ok(record) => mapped.push(record),
                Err(error) => worsen(&mut outcomes[place], Outcome::Failed(error)),
            }
        }
    }
    let write = |part| write(&deps.store, part);
    for (record, outcome) in store_parts(deps, "records", shutdown, vec![&mapped], write).await? {
        worsen(&mut outcomes[record.place], outcome);
    }
    Some(batches.iter().map(|(index, _)| *index).zip(outcomes).collect())
}

/// A message's outcome is that of its worst record: what could be stored is stored, and delivering it again changes nothing.
fn worsen(outcome: &mut Outcome, other: Outcome) {
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Failed(JobError::Fail { .. }) => 5,
        Outcome::Failed(JobError::Retry { .. }) => 4,
        Outcome::Failed(JobError::Snooze { .. }) => 3,
        Outcome::Done(Verdict::Changed) => 2,
        Outcome::Done(Verdict::Unchanged) => 1,
        Outcome::Done(_) => 0,
    };
    if weight(&other) > weight(outcome) {
        *outcome = other;
    }
}

fn map<'a>(place: usize, batch: &'a RecordBatch<'a>, raw: &'a RawRecord<'a>) -> Result<Mapped<'a>, JobError> {
    let record = guarded(|| mapping::crm_record(batch.vendor, batch.stream, raw.listed, raw.related))?;
    if mapping::record_key(batch.stream, &record.external_id) != raw.key {
        return Err(JobError::fail(MAPPING, format!("the record is another than {}", raw.key)));
    }
    let source = RawSource::Inline { listed: Some(raw.listed), detail: raw.related };
    Ok(Mapped {
        place,
        batch,
        key: &raw.key,
        listed_hash: raw.hash,
        hash: mapping::record_hash(&record),
        raw: serde_json::to_vec(&source).map_err(JobError::undecodable)?,
        record,
    })
}

/// One transaction: where the records stand, what that makes of each document, and the rows.
async fn write(store: &Store, part: &[Mapped<'_>]) -> Result<Vec<Verdict>, StoreError> {
    let mut tenants: Vec<&TenantId> = part.iter().map(|record| &record.batch.tenant).collect();
    tenants.sort();
    tenants.dedup();
    let arrivals: Vec<Arrival<'_>> = part.iter().map(arrival).collect();
    let tx = store.begin(Speaker::Tenants(&tenants)).await?;
    let locked = lock_standings(&tx, &arrivals).await?;
    let newest = newest(part);
    let mut writes = RecordWrites::default();
    let mut verdicts = Vec::with_capacity(part.len());
    for (place, (record, arrival)) in part.iter().zip(&arrivals).enumerate() {
        let standing = locked.standing(arrival.connection_id, arrival.vendor_key);
        let standing = standing.cloned().unwrap_or_default();
        let verdict = if newest[&(arrival.connection_id, arrival.vendor_key)] == place {
            standing.judge(arrival.asked_at, arrival.listed_hash, Found::Content(record.hash))
        } else {
            Verdict::Superseded
        };
        verdicts.push(verdict);
        let stored =
            Stored { arrival: *arrival, content_hash: record.hash, awaits_transcript: false, look: None };
        match verdict {
            Verdict::Unchanged => writes.unchanged.push(stored),
            Verdict::Changed => writes.changed.push(changed(record, stored)),
            Verdict::Superseded | Verdict::Skipped => {}
        }
    }
    crm::write(&tx, &mut writes).await?;
    failpoint!("normalize.written");
    tx.commit().await?;
    Ok(verdicts)
}

/// Of several documents about one record only the newest counts.
fn newest<'a>(part: &'a [Mapped<'_>]) -> HashMap<(ConnectionId, &'a VendorKey), usize> {
    let mut newest: HashMap<(ConnectionId, &VendorKey), usize> = HashMap::new();
    for (place, record) in part.iter().enumerate() {
        let best = newest.entry((record.batch.connection_id, record.key)).or_insert(place);
        if part[*best].batch.asked_at < record.batch.asked_at {
            *best = place;
        }
    }
    newest
}

fn changed<'a>(record: &'a Mapped<'_>, stored: Stored<'a>) -> ChangedRecord<'a> {
    ChangedRecord {
        stored,
        vendor: record.batch.vendor,
        vendor_account: &record.batch.vendor_account,
        record: &record.record,
        raw: &record.raw,
    }
}

fn arrival<'a>(record: &'a Mapped<'_>) -> Arrival<'a> {
    let batch = record.batch;
    Arrival {
        tenant: &batch.tenant,
        connection_id: batch.connection_id,
        stream: batch.stream,
        vendor_key: record.key,
        conversation_id: ConversationId::derive(
            &batch.tenant,
            batch.vendor,
            &batch.vendor_account,
            record.key,
        ),
        asked_at: batch.asked_at,
        listed_hash: record.listed_hash,
    }
}
