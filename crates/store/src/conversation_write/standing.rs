//! Where the records of a batch stand, locked, and what that makes of each document.

use std::collections::HashMap;

use jiff::Timestamp;
use model::{ConnectionId, ContentHash, SkipReason, VendorKey, Version};
use uuid::Uuid;

use super::Arrival;
use crate::intake::hash;
use crate::{StoreError, Tx};

/// What the intake says of a record, as far as it decides about a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Version of what is stored, or was.
    pub stored_version: Option<Version>,
    /// Version of the last document applied.
    pub document_version: Option<Version>,
    /// Hash of the list row that what is stored belongs to.
    pub stored_hash: Option<ContentHash>,
    /// Version that was skipped last.
    pub skipped_version: Option<Version>,
    /// Why it was skipped.
    pub skipped_reason: Option<SkipReason>,
    /// Hash of what is stored; none when nothing is, or it was withdrawn.
    pub content_hash: Option<ContentHash>,
    /// First seen in the vendor's list.
    pub first_listed_at: Option<Timestamp>,
}

/// What a document says, as far as it matters against a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A conversation with this content.
    Content(ContentHash),
    /// A record that is not kept.
    Skip(SkipReason),
}

/// What is to be done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: a newer one was here.
    Superseded,
    /// Its content is stored already.
    Unchanged,
    /// To be written.
    Changed,
    /// To be skipped, and withdrawn if it was stored.
    Skipped,
}

impl Standing {
    /// Judges a document. That a record is gone at the vendor says nothing about its content: older content that arrives later
    /// is stored all the same, as it would have been had it come first.
    ///
    /// A list that showed the same row again later confirms the row and not the details, so a document of that very row that was asked
    /// for before the list still counts.
    pub fn judge(&self, asked_at: Version, listed_hash: ContentHash, found: Found) -> Verdict {
        let skipped = match (found, self.skipped_reason) {
            (Found::Content(_), Some(SkipReason::Gone)) => None,
            _ => self.skipped_version,
        };
        let sighted = self.stored_version.filter(|_| self.stored_hash != Some(listed_hash));
        if self.document_version.max(sighted).max(skipped).is_some_and(|newest| newest >= asked_at) {
            return Verdict::Superseded;
        }
        match found {
            Found::Skip(_) => Verdict::Skipped,
            Found::Content(content) if self.content_hash == Some(content) => Verdict::Unchanged,
            Found::Content(_) => Verdict::Changed,
        }
    }
}

/// The standings of a batch's records, which nobody else changes until the transaction ends.
#[derive(Debug)]
pub struct Locked {
    /// The database's clock.
    pub now: Timestamp,
    standings: HashMap<(ConnectionId, VendorKey), Standing>,
}

impl Locked {
    /// The standing of a record of the batch.
    pub fn standing(&self, connection: ConnectionId, key: &VendorKey) -> Option<&Standing> {
        self.standings.get(&(connection, key.clone()))
    }
}

/// Locks the intake rows of a batch's records, making those that are not there.
///
/// From here on the transaction has an id, so what it reads of the accounts is covered by the horizon of their changes.
pub async fn lock_standings(tx: &Tx, arrivals: &[Arrival<'_>]) -> Result<Locked, StoreError> {
    let connections: Vec<Uuid> = arrivals.iter().map(|arrival| arrival.connection_id.0).collect();
    let keys: Vec<&str> = arrivals.iter().map(|arrival| arrival.vendor_key.as_str()).collect();
    let tenants: Vec<&str> = arrivals.iter().map(|arrival| arrival.tenant.as_str()).collect();
    let streams: Vec<&str> = arrivals.iter().map(|arrival| arrival.stream.as_str()).collect();
    tx.execute(
        // New rows and old ones in the order of their keys, as whoever lists them does: first the new and then the old would be two
        // orders, and two transactions could wait for one another. A row whose update is refused by its condition is locked all the same.
        "INSERT INTO intake AS k (connection_id, vendor_key, tenant_id, stream)
         SELECT DISTINCT ON (connection_id, vendor_key) connection_id, vendor_key, tenant_id, stream
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS a (connection_id, vendor_key, tenant_id, stream)
         JOIN connections USING (connection_id, tenant_id)
         ORDER BY connection_id, vendor_key
         ON CONFLICT (connection_id, vendor_key) DO UPDATE SET stream = k.stream WHERE false",
        &[&connections, &keys, &tenants, &streams],
    )
    .await?;
    let rows = tx
        .query(
            "SELECT k.connection_id, k.vendor_key, k.stored_version, k.skipped_version, k.skipped_reason, k.content_hash,
                    k.first_listed_at, clock_timestamp(), k.document_version, k.stored_hash
             FROM intake k
             JOIN (SELECT DISTINCT connection_id, vendor_key, tenant_id
                   FROM unnest($1::uuid[], $2::text[], $3::text[]) AS a (connection_id, vendor_key, tenant_id)) AS a
                  USING (connection_id, vendor_key, tenant_id)",
            &[&connections, &keys, &tenants],
        )
        .await?;
    let now = rows.first().map_or(Ok(Timestamp::UNIX_EPOCH), |row| row.try_get(7))?;
    let mut standings = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = (ConnectionId(row.try_get(0)?), VendorKey::of(row.try_get(1)?));
        standings.insert(key, standing(row)?);
    }
    let foreign = arrivals
        .iter()
        .find(|arrival| !standings.contains_key(&(arrival.connection_id, arrival.vendor_key.clone())));
    if let Some(arrival) = foreign {
        let message = format!("connection {} is another tenant's", arrival.connection_id);
        return Err(StoreError::Data { sqlstate: "23000".to_owned(), message });
    }
    Ok(Locked { now, standings })
}

fn standing(row: &tokio_postgres::Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        stored_version: row.try_get::<_, Option<i64>>(2)?.map(Version),
        skipped_version: row.try_get::<_, Option<i64>>(3)?.map(Version),
        skipped_reason: row.try_get::<_, Option<&str>>(4)?.map(str::parse).transpose()?,
        content_hash: hash(row, 5)?,
        first_listed_at: row.try_get(6)?,
        document_version: row.try_get::<_, Option<i64>>(8)?.map(Version),
        stored_hash: hash(row, 9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKIP: Found = Found::Skip(SkipReason::Private);

    fn hash_of(text: &str) -> ContentHash {
        ContentHash::of(text.as_bytes())
    }

    #[test]
    fn only_what_was_asked_for_later_counts() {
        let standing = Standing {
            stored_version: Some(Version(5)),
            document_version: Some(Version(5)),
            content_hash: Some(hash_of("a")),
            ..Standing::default()
        };
        for old in [1, 5] {
            assert_eq!(
                standing.judge(Version(old), hash_of("row"), Found::Content(hash_of("b"))),
                Verdict::Superseded
            );
            assert_eq!(standing.judge(Version(old), hash_of("row"), SKIP), Verdict::Superseded);
        }
        assert_eq!(
            standing.judge(Version(6), hash_of("row"), Found::Content(hash_of("a"))),
            Verdict::Unchanged
        );
        assert_eq!(
            standing.judge(Version(6), hash_of("row"), Found::Content(hash_of("b"))),
            Verdict::Changed
        );
        assert_eq!(standing.judge(Version(6), hash_of("row"), SKIP), Verdict::Skipped);
    }

    #[test]
    fn a_sighting_of_the_same_row_does_not_supersede_details_that_were_asked_for_before_it() {
        let sighted = Standing {
            stored_version: Some(Version(9)),
            document_version: Some(Version(5)),
            stored_hash: Some(hash_of("row")),
            content_hash: Some(hash_of("a")),
            ..Standing::default()
        };
        assert_eq!(sighted.judge(Version(7), hash_of("row"), Found::Content(hash_of("b"))), Verdict::Changed);
        assert_eq!(
            sighted.judge(Version(7), hash_of("older row"), Found::Content(hash_of("b"))),
            Verdict::Superseded
        );
        assert_eq!(
            sighted.judge(Version(4), hash_of("row"), Found::Content(hash_of("b"))),
            Verdict::Superseded
        );
    }

    #[test]
    fn after_a_withdrawal_only_newer_content_comes_back() {
        let withdrawn = Standing {
            stored_version: Some(Version(5)),
            skipped_version: Some(Version(7)),
            skipped_reason: Some(SkipReason::Private),
            ..Standing::default()
        };
        assert_eq!(
            withdrawn.judge(Version(6), hash_of("row"), Found::Content(hash_of("a"))),
            Verdict::Superseded
        );
        assert_eq!(
            withdrawn.judge(Version(8), hash_of("row"), Found::Content(hash_of("a"))),
            Verdict::Changed
        );
    }

    #[test]
    fn content_that_arrives_after_the_record_was_found_gone_is_stored() {
        let gone = Standing {
            skipped_version: Some(Version(7)),
            skipped_reason: Some(SkipReason::Gone),
            ..Standing::default()
        };
        assert_eq!(gone.judge(Version(6), hash_of("row"), Found::Content(hash_of("a"))), Verdict::Changed);
        assert_eq!(gone.judge(Version(6), hash_of("row"), SKIP), Verdict::Superseded);
    }
}
