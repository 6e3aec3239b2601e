//! A page of a CRM's records: what each needs, and what became of it. The row of a CRM's list is complete, so there are no details.

use std::collections::HashSet;

use mapping::ListedRecord;
use model::message::{RawRecord, RecordBatch};
use model::{ContentHash, ItemDecision, Version};
use queue::{Outgoing, WorkQueue};
use serde_json::value::RawValue;
use store::run_checkpoint::{Listed, Next};
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, intake};

use crate::Shared;
use crate::ask::Setback;
use crate::page::Gathered;

/// Bytes of records in one message at most: several messages make a batch of the normalizer.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// A record of a page.
pub(crate) struct Record {
    pub(crate) listed: ListedRecord,
    pub(crate) row: Box<RawValue>,
    /// What it is connected with, where that is asked for apart.
    pub(crate) related: Option<Box<RawValue>>,
}

/// Publishes what is new or changed of a page, and says what was decided about each record.
pub(crate) async fn take(
    shared: &Shared,
    run: &ClaimedRun,
    mut records: Vec<Record>,
    asked_at: Version,
    next: Next,
) -> Result<Gathered, Setback> {
    let mut seen = HashSet::new();
    records.retain(|record| seen.insert(record.listed.key.clone()));
    let decisions = decide(shared, run, &records).await.map_err(Setback::Store)?;
    let mut listed = Vec::with_capacity(records.len());
    let mut changed = Vec::new();
    for (record, decision) in records.iter().zip(decisions) {
        let Some(decision) = decision else { continue };
        if decision == ItemDecision::Published {
            changed.push(record);
        }
        let ListedRecord { key, hash, .. } = &record.listed;
        listed.push(Listed { key: key.clone(), version: asked_at, hash: *hash, decision, happened_at: None });
    }
    publish(shared, run, &changed, asked_at).await?;
    runtime::failpoint!("fetch.published");
    Ok(Gathered { listed, failed: Vec::new(), next })
}

/// What each record needs; nothing for those that this run has dealt with.
async fn decide(
    shared: &Shared,
    run: &ClaimedRun,
    records: &[Record],
) -> Result<Vec<Option<ItemDecision>>, StoreError> {
    let keys: Vec<&str> = records.iter().map(|record| record.listed.key.as_str()).collect();
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    let standings = intake::standings(&tx, run.id, run.connection_id, &keys).await?;
    tx.commit().await?;
    Ok(records
        .iter()
        .map(|record| {
            let ListedRecord { key, hash, .. } = &record.listed;
            let standing = standings.get(key);
            if standing.is_some_and(|standing| standing.decided_hash == Some(*hash)) {
                return None;
            }
            let decision = standing.and_then(|standing| standing.decide(*hash, false));
            Some(decision.unwrap_or(ItemDecision::Published))
        })
        .collect())
}

async fn publish(
    shared: &Shared,
    run: &ClaimedRun,
    records: &[&Record],
    asked_at: Version,
) -> Result<(), Setback> {
    let mut messages = Vec::new();
    let mut bytes = 0;
    for batch in batches(records) {
        let message = RecordBatch {
            version: RecordBatch::VERSION,
            tenant: run.tenant.clone(),
            connection_id: run.connection_id,
            vendor: run.vendor,
            vendor_account: run.vendor_account.clone(),
            stream: run.stream,
            run_id: run.id,
            lane: run.lane,
            asked_at,
            records: batch.iter().map(|record| raw(record)).collect(),
        };
        let body = message.encode();
        bytes += body.len();
        messages.push(Outgoing::to_work(WorkQueue::normalize(run.lane), body));
    }
    shared.deps.metrics.documents.inc_by(messages.len() as u64);
    shared.deps.metrics.document_bytes.inc_by(bytes as u64);
    shared.deps.publisher.publish_all(messages).await.map_err(|error| Setback::Broker(error.to_string()))
}

fn raw(record: &Record) -> RawRecord<'_> {
    RawRecord {
        key: record.listed.key.clone(),
        hash: record.listed.hash,
        listed: &record.row,
        related: record.related.as_deref(),
    }
}

/// Cuts records into messages, by number and by size.
fn batches<'a>(records: &'a [&'a Record]) -> Vec<&'a [&'a Record]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        let size = record.row.get().len() + record.related.as_ref().map_or(0, |related| related.get().len());
        if index > start && (bytes + size > BATCH_BYTES_MAX || index - start == RecordBatch::RECORDS_MAX) {
            batches.push(&records[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < records.len() {
        batches.push(&records[start..]);
    }
    batches
}

/// What a follow-up is to ask for next: records whose document got lost.
pub(crate) async fn looks(
    shared: &Shared,
    run: &ClaimedRun,
    most: usize,
) -> Result<Vec<intake::Look>, Setback> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let looks = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        let looks = intake::looks_left(&tx, run.id, shared.deps.config.give_up_age, most).await?;
        tx.commit().await?;
        Ok(looks)
    };
    looks.await.map_err(Setback::Store)
}

/// The vendor's ids of records, whose keys begin with what they are.
pub(crate) fn ids(looks: &[intake::Look]) -> Vec<String> {
    looks.iter().filter_map(|look| look.key.as_str().split_once('/').map(|(_, id)| id.to_owned())).collect()
}

/// What a follow-up asked for and did not get is not asked for by it again: the next list will show it, or the walks will miss it.
pub(crate) fn settle_unanswered(gathered: &mut Gathered, looks: &[intake::Look], asked_at: Version) {
    let answered: HashSet<_> = gathered.listed.iter().map(|listed| listed.key.clone()).collect();
    for look in looks.iter().filter(|look| !answered.contains(&look.key)) {
        let hash = look.listed_hash.unwrap_or_else(|| ContentHash::of(b""));
        gathered.listed.push(Listed {
            key: look.key.clone(),
            version: asked_at,
            hash,
            decision: ItemDecision::Skipped,
            happened_at: None,
        });
    }
}
