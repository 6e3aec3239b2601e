//! What the normalizer notes of records: the raw document, and where each stands now.

use jiff::Timestamp;
use model::{ConnectionId, SkipReason, VendorKey, Version};
use uuid::Uuid;

use super::{Arrival, NextLook, Skipped, Stored, Writes};
use crate::{StoreError, Tx};

/// Keeps the documents of what changed, every version once. Of a private record nothing is kept.
pub(super) async fn keep_raw(tx: &Tx, writes: &Writes<'_>) -> Result<(), StoreError> {
    let changed = writes.changed.iter().map(|changed| (changed.stored.arrival, changed.raw));
    let skipped = writes.skipped.iter().filter(|skipped| skipped.reason != SkipReason::Private);
    let skipped = skipped.filter_map(|skipped| Some((skipped.arrival, skipped.raw?)));
    let (arrivals, bodies): (Vec<Arrival<'_>>, Vec<&[u8]>) = changed.chain(skipped).unzip();
    keep(tx, &arrivals, &bodies).await
}

/// Keeps documents, every version once.
pub(crate) async fn keep(tx: &Tx, arrivals: &[Arrival<'_>], bodies: &[&[u8]]) -> Result<(), StoreError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let keys = Columns::of(arrivals.iter());
    tx.execute(
        "INSERT INTO raw_documents (connection_id, vendor_key, version, tenant_id, body)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::bytea[])
             AS n (connection_id, vendor_key, version, tenant_id, body)
         ORDER BY connection_id, vendor_key
         ON CONFLICT DO NOTHING",
        &[&keys.connections, &keys.record_keys, &keys.versions, &keys.tenants, &bodies],
    )
    .await?;
    Ok(())
}

/// Notes where the records of a batch stand now. Their rows are locked, so the order of the updates is free.
pub(super) async fn note(tx: &Tx, writes: &Writes<'_>) -> Result<(), StoreError> {
    let changed: Vec<_> = writes.changed.iter().map(|changed| &changed.stored).collect();
    let unchanged: Vec<_> = writes.unchanged.iter().collect();
    if !changed.is_empty() || !unchanged.is_empty() {
        note_stored(tx, &changed, &unchanged).await?;
    }
    if !writes.skipped.is_empty() {
        note_skipped(tx, &writes.skipped).await?;
    }
    Ok(())
}

/// Notes documents that were stored, or that confirmed what is.
pub(crate) async fn note_stored(
    tx: &Tx,
    changed: &[&Stored<'_>],
    unchanged: &[&Stored<'_>],
) -> Result<(), StoreError> {
    let all = || changed.iter().chain(unchanged).copied();
    let keys = Columns::of(all().map(|stored| &stored.arrival));
    let is_changed: Vec<bool> = (0..keys.record_keys.len()).map(|index| index < changed.len()).collect();
    let contents: Vec<&[u8]> = all().map(|stored| stored.content_hash.as_bytes()).collect();
    let awaits: Vec<bool> = all().map(|stored| stored.awaits_transcript).collect();
    let look_at: Vec<Option<Timestamp>> = all().map(|stored| stored.look.map(|look| look.at)).collect();
    let reasons: Vec<Option<&str>> = all().map(|stored| look_reason(stored.look)).collect();
    tx.execute(
        // a look that was planned because of something newer than this document is kept, if it comes first
        "UPDATE intake k SET
             stored_version = greatest(k.stored_version, n.version), stored_hash = n.listed_hash,
             document_version = n.version,
             stored_at = CASE WHEN n.is_changed THEN now() ELSE k.stored_at END,
             changed_version = CASE WHEN n.is_changed THEN greatest(k.stored_version, n.version) ELSE k.changed_version END,
             content_hash = n.content_hash, awaits_transcript = n.awaits, skipped_hash = NULL,
             failed_attempts = CASE WHEN n.is_changed THEN 0 ELSE k.failed_attempts END,
             look_at = CASE WHEN greatest(k.listed_version, k.failed_version) > n.version
                            THEN least(k.look_at, n.look_at) ELSE n.look_at END,
             look_reason = CASE WHEN greatest(k.listed_version, k.failed_version) > n.version
                                 AND k.look_at <= coalesce(n.look_at, 'infinity') THEN k.look_reason
                                ELSE n.look_reason END
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[], $5::boolean[], $6::bytea[], $7::boolean[],
                     $8::timestamptz[], $9::text[])
             AS n (connection_id, vendor_key, version, listed_hash, is_changed, content_hash, awaits, look_at, look_reason)
         WHERE k.connection_id = n.connection_id AND k.vendor_key = n.vendor_key",
        &[
            &keys.connections, &keys.record_keys, &keys.versions, &keys.hashes, &is_changed, &contents, &awaits, &look_at,
            &reasons,
        ],
    )
    .await?;
    Ok(())
}

fn look_reason(look: Option<NextLook>) -> Option<&'static str> {
    look.map(|look| look.reason)
}

async fn note_skipped(tx: &Tx, skipped: &[Skipped<'_>]) -> Result<(), StoreError> {
    let keys = Columns::of(skipped.iter().map(|skipped| &skipped.arrival));
    let reasons: Vec<&str> = skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    tx.execute(
        // gone: what is stored stays known as it is, and an earlier, graver reason for skipping stays the reason
        "UPDATE intake k SET
             skipped_version = n.version, skipped_hash = n.listed_hash,
             skipped_reason = CASE WHEN n.reason = 'gone' AND k.skipped_version > coalesce(k.stored_version, 0)
                                   THEN k.skipped_reason ELSE n.reason END,
             stored_hash = CASE WHEN n.reason = 'gone' THEN k.stored_hash END,
             content_hash = CASE WHEN n.reason = 'gone' THEN k.content_hash END,
             awaits_transcript = false, failed_attempts = 0, look_at = NULL, look_reason = NULL
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[], $5::text[])
             AS n (connection_id, vendor_key, version, listed_hash, reason)
         WHERE k.connection_id = n.connection_id AND k.vendor_key = n.vendor_key",
        &[&keys.connections, &keys.record_keys, &keys.versions, &keys.hashes, &reasons],
    )
    .await?;
    Ok(())
}

/// The keys of documents as columns, for UNNEST.
#[derive(Default)]
struct Columns<'a> {
    connections: Vec<Uuid>,
    record_keys: Vec<&'a str>,
    tenants: Vec<&'a str>,
    versions: Vec<i64>,
    hashes: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of<'b>(arrivals: impl Iterator<Item = &'a Arrival<'b>>) -> Self
    where
        'b: 'a,
    {
        let mut keys = Self::default();
        for arrival in arrivals {
            keys.connections.push(arrival.connection_id.0);
            keys.record_keys.push(arrival.vendor_key.as_str());
            keys.tenants.push(arrival.tenant.as_str());
            keys.versions.push(arrival.asked_at.0);
            keys.hashes.push(arrival.listed_hash.as_bytes());
        }
        keys
    }
}

/// The versions of a record whose documents are kept, oldest first.
pub async fn raw_versions(
    tx: &Tx,
    connection: ConnectionId,
    key: &VendorKey,
) -> Result<Vec<Version>, StoreError> {
    let sql =
        "SELECT version FROM raw_documents WHERE connection_id = $1 AND vendor_key = $2 ORDER BY version";
    let rows = tx.query(sql, &[&connection.0, &key.as_str()]).await?;
    rows.iter().map(|row| Ok(Version(row.try_get(0)?))).collect()
}
