//! Intake: where every record a vendor ever listed stands, and what that spares the vendor.

use std::collections::HashMap;

use model::{ConnectionId, ContentHash, ItemDecision, RunId, SkipReason, VendorKey, Version};
use tokio_postgres::Row;

use crate::{StoreError, Tx};

/// What is known of a record when it is listed again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Hash of the list row the stored content belongs to.
    pub stored_hash: Option<ContentHash>,
    /// Hash of the list row it was skipped with.
    pub skipped_hash: Option<ContentHash>,
    /// Why it was skipped.
    pub skipped_reason: Option<SkipReason>,
    /// Hash of the list row that is dead.
    pub dead_hash: Option<ContentHash>,
    /// Hash of the list row whose details could not be had.
    pub failed_hash: Option<ContentHash>,
    /// How often in a row.
    pub failed_attempts: i32,
    /// It failed, and a follow-up will look at it by itself.
    pub look_planned: bool,
    /// Hash of the list row on which the run that asks has decided already.
    pub decided_hash: Option<ContentHash>,
}

impl Standing {
    /// What a row with this hash needs: `None` is details, anything else is decided without asking the vendor.
    ///
    /// The newest of stored and skipped has cleared its rival's hash, so at most one of them matches.
    pub fn decide(&self, hash: ContentHash, admit_private: bool) -> Option<ItemDecision> {
        if self.stored_hash == Some(hash) {
            return Some(ItemDecision::Unchanged);
        }
        let admitted_now = admit_private && self.skipped_reason == Some(SkipReason::Private);
        if self.skipped_hash == Some(hash) && !admitted_now {
            return Some(ItemDecision::Skipped);
        }
        if self.dead_hash == Some(hash) {
            return Some(ItemDecision::Dead);
        }
        if self.failed_hash == Some(hash) && self.look_planned {
            return Some(ItemDecision::Pending);
        }
        None
    }
}

/// Loads where records stand, and what this run has decided about them; unknown ones are absent.
pub async fn standings(
    tx: &Tx,
    run: RunId,
    connection: ConnectionId,
    keys: &[&str],
) -> Result<HashMap<VendorKey, Standing>, StoreError> {
    let rows = tx
        .query(
            "SELECT vendor_key, stored_hash, skipped_hash, skipped_reason, dead_hash, failed_hash, failed_attempts,
                    failed_hash IS NOT NULL AND (look_at IS NOT NULL OR EXISTS (
                        SELECT FROM run_items i WHERE i.connection_id = k.connection_id
                        AND i.vendor_key = k.vendor_key AND i.decision = 'planned')),
                    (SELECT i.hash FROM run_items i
                     WHERE i.run_id = $3 AND i.vendor_key = k.vendor_key AND i.decision <> 'planned')
             FROM intake k WHERE connection_id = $1 AND vendor_key = ANY ($2)",
            &[&connection.0, &keys, &run.0],
        )
        .await?;
    rows.iter().map(|row| Ok((VendorKey::of(row.try_get(0)?), standing(row)?))).collect()
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        stored_hash: hash(row, 1)?,
        skipped_hash: hash(row, 2)?,
        skipped_reason: row.try_get::<_, Option<&str>>(3)?.map(str::parse).transpose()?,
        dead_hash: hash(row, 4)?,
        failed_hash: hash(row, 5)?,
        failed_attempts: row.try_get(6)?,
        look_planned: row.try_get(7)?,
        decided_hash: hash(row, 8)?,
    })
}

pub(crate) fn hash(row: &Row, index: usize) -> Result<Option<ContentHash>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get(index)?;
    // a follow-up of a record that was never listed has an empty hash
    bytes
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| ContentHash::try_from(bytes).map_err(|error| StoreError::Row(error.to_string())))
        .transpose()
}

/// A record that a follow-up is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The vendor's id.
    pub key: VendorKey,
    /// Hash of the list row it was last seen with.
    pub listed_hash: Option<ContentHash>,
    /// Failed requests for its details so far.
    pub failed_attempts: i32,
    /// It is stored and waits for a transcript, for longer than the age at which that is given up.
    pub give_up: bool,
}

/// The records a follow-up has still to look at.
pub async fn looks_left(
    tx: &Tx,
    run: RunId,
    give_up_age: std::time::Duration,
    limit: i64,
) -> Result<Vec<Look>, StoreError> {
    let rows = tx
        .query(
            "SELECT i.vendor_key, k.listed_hash, k.failed_attempts,
                    k.awaits_transcript
                        AND coalesce(k.first_listed_at, k.stored_at, now()) < now() - make_interval(secs => $2)
             FROM run_items i JOIN intake k USING (connection_id, vendor_key)
             WHERE i.run_id = $1 AND i.decision = 'planned' ORDER BY i.vendor_key LIMIT $3",
            &[&run.0, &give_up_age.as_secs_f64(), &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Look {
                key: VendorKey::of(row.try_get(0)?),
                listed_hash: hash(row, 1)?,
                failed_attempts: row.try_get(2)?,
                give_up: row.try_get(3)?,
            })
        })
        .collect()
}

/// Makes records due for a look now; returns how many of them are known.
pub async fn look_now(
    tx: &Tx,
    connection: ConnectionId,
    keys: &[&str],
    reason: &str,
) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE intake SET look_at = now(), look_reason = $3, failed_attempts = 0
         WHERE connection_id = $1 AND vendor_key = ANY ($2)",
        &[&connection.0, &keys, &reason],
    )
    .await
}

/// Notes that a record is dead, at the version that died.
pub async fn mark_dead(
    tx: &Tx,
    connection: ConnectionId,
    key: &VendorKey,
    version: Version,
    hash: Option<ContentHash>,
    dead_letter: model::DeadLetterId,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO intake AS k (connection_id, vendor_key, tenant_id, dead_version, dead_hash, dead_letter_id)
         SELECT connection_id, $2, tenant_id, $3, $4, $5 FROM connections WHERE connection_id = $1
         ON CONFLICT (connection_id, vendor_key) DO UPDATE
         SET dead_version = excluded.dead_version, dead_hash = excluded.dead_hash,
             dead_letter_id = excluded.dead_letter_id
         WHERE coalesce(k.dead_version, 0) < excluded.dead_version",
        &[
            &connection.0,
            &key.as_str(),
            &version.0,
            &hash.as_ref().map(ContentHash::as_bytes),
            &dead_letter.0,
        ],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_spared_only_when_the_hash_is_known() {
        let (old, fresh) = (ContentHash::of(b"old"), ContentHash::of(b"fresh"));
        let stored = Standing { stored_hash: Some(old), ..Standing::default() };
        assert_eq!(stored.decide(old, false), Some(ItemDecision::Unchanged));
        assert_eq!(stored.decide(fresh, false), None);
        let private = Standing {
            skipped_hash: Some(old),
            skipped_reason: Some(SkipReason::Private),
            ..Standing::default()
        };
        assert_eq!(private.decide(old, false), Some(ItemDecision::Skipped));
        assert_eq!(private.decide(old, true), None, "admitted meanwhile");
        let dead = Standing { dead_hash: Some(old), ..Standing::default() };
        assert_eq!(dead.decide(old, false), Some(ItemDecision::Dead));
        let failing = Standing { failed_hash: Some(old), look_planned: true, ..Standing::default() };
        assert_eq!(failing.decide(old, false), Some(ItemDecision::Pending));
        assert_eq!(Standing { look_planned: false, ..failing }.decide(old, false), None);
    }
}
