//! Batches of conversations to be linked and matched again: rows of the ledger, and what becomes of them.

use std::time::Duration;

use jiff::Timestamp;
use model::message::ResolveBatch;
use model::{ConversationId, DeadLetterId, ResolveBatchId, TenantId};
use uuid::Uuid;

use crate::{StoreError, Tx, run_plan};

/// Links conversations again that no change of accounts touches.
pub async fn again(tx: &Tx, tenant: &TenantId, ids: &[ConversationId]) -> Result<(), StoreError> {
    let now = run_plan::database_now(tx).await?;
    add(tx, tenant, ids, now).await
}

pub(super) async fn add(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[ConversationId],
    changed_at: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let most = i64::try_from(ResolveBatch::CONVERSATIONS_MAX).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at)
         SELECT gen_random_uuid(), $1, array_agg(id ORDER BY place), $3
         FROM unnest($2::uuid[]) WITH ORDINALITY AS c (id, place) GROUP BY (place - 1) / $4",
        &[&tenant.as_str(), &ids, &changed_at, &most],
    )
    .await?;
    Ok(())
}

/// Puts small batches of one tenant together that only wait to be matched and were never sent: while much is written, each of its
/// transactions leaves one, and a message and a transaction for each would cost more than the matching.
pub async fn join_small(tx: &Tx) -> Result<(), StoreError> {
    // a heap is cut at half a message, and so its last batch fits
    let half = i64::try_from(ResolveBatch::CONVERSATIONS_MAX / 2).unwrap_or(i64::MAX);
    tx.execute(
        "WITH small AS MATERIALIZED (
             SELECT batch_id, tenant_id, conversation_ids, changed_at, cardinality(conversation_ids) AS size
             FROM resolve_batches
             WHERE sends = 0 AND dead_letter_id IS NULL AND NOT relinks AND cardinality(conversation_ids) <= $1::bigint
             ORDER BY changed_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         heaped AS (
             SELECT *, (sum(size) OVER (PARTITION BY tenant_id ORDER BY changed_at, batch_id) - size) / $1 AS heap FROM small),
         heaps AS (
             SELECT (array_agg(batch_id ORDER BY changed_at, batch_id))[1] AS kept, array_agg(batch_id) AS batches
             FROM heaped GROUP BY tenant_id, heap HAVING count(*) > 1),
         gone AS (
             DELETE FROM resolve_batches b USING heaps WHERE b.batch_id = ANY (heaps.batches) AND b.batch_id <> heaps.kept)
         UPDATE resolve_batches b
         SET conversation_ids = ARRAY (SELECT DISTINCT id FROM small s, unnest(s.conversation_ids) AS id
                                       WHERE s.batch_id = ANY (heaps.batches))
         FROM heaps WHERE b.batch_id = heaps.kept",
        &[&half],
    )
    .await?;
    Ok(())
}

/// Takes the batches whose message is to be sent: for the first time, or again because nobody has worked it off for so long. Marks
/// them as sent; if a message is then not sent, a later call takes its batch again.
///
/// What was just written is matched before what is linked again; and of what is linked again no more is sent than is worked off, so
/// that the meeting of a new call never waits behind a whole CRM.
pub async fn take_unsent(
    tx: &Tx,
    again_after: Duration,
    limit: i64,
) -> Result<Vec<ResolveBatch>, StoreError> {
    let due = "(sent_at IS NULL OR sent_at < now() - make_interval(secs => $1 * 2 ^ least(sends - 1, 6)))";
    let open = "FROM resolve_batches WHERE dead_letter_id IS NULL";
    // a batch that is worked on just now is locked, and passed over; a message that was lost keeps its place for a minute
    let sql = format!(
        "WITH to_match AS (
             SELECT batch_id {open} AND NOT relinks AND {due} ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED),
         to_link AS (
             SELECT batch_id {open} AND relinks AND {due} ORDER BY changed_at
             LIMIT greatest(0, $2 - (SELECT count(*) {open} AND relinks AND NOT {due} AND sent_at > now() - interval '1 minute'))
             FOR UPDATE SKIP LOCKED)
         UPDATE resolve_batches SET sent_at = now(), sends = sends + 1
         WHERE batch_id IN (SELECT batch_id FROM to_match UNION ALL SELECT batch_id FROM to_link)
         RETURNING batch_id, tenant_id, conversation_ids"
    );
    let rows = tx.query(&sql, &[&again_after.as_secs_f64(), &limit]).await?;
    rows.iter()
        .map(|row| {
            let ids: Vec<Uuid> = row.try_get(2)?;
            Ok(ResolveBatch {
                version: ResolveBatch::VERSION,
                tenant: TenantId::parse(row.try_get(1)?)?,
                batch_id: Some(ResolveBatchId(row.try_get(0)?)),
                conversation_ids: ids.into_iter().map(ConversationId).collect(),
            })
        })
        .collect()
}

/// What is to be done with the conversations of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Make up for what older rules left out, then find their accounts and their meetings again.
    GoOver,
    /// Find their accounts and their meetings again.
    LinkAndMatch,
    /// Find their meetings again.
    Match,
}

/// Says what is still to be done with a batch, and keeps others from it until the transaction ends: a second runner waits here, and
/// then finds it gone.
pub async fn still_wanted(tx: &Tx, id: ResolveBatchId) -> Result<Option<Task>, StoreError> {
    let sql = "SELECT relinks, goes_over FROM resolve_batches WHERE batch_id = $1 FOR UPDATE";
    let Some(row) = tx.query_opt(sql, &[&id.0]).await? else { return Ok(None) };
    Ok(Some(match (row.try_get(0)?, row.try_get(1)?) {
        (_, true) => Task::GoOver,
        (true, false) => Task::LinkAndMatch,
        (false, false) => Task::Match,
    }))
}

/// Ends a batch, in the transaction that has matched its conversations, which comes after they are linked.
pub async fn finish(tx: &Tx, id: ResolveBatchId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM resolve_batches WHERE batch_id = $1", &[&id.0]).await?;
    Ok(())
}

/// Notes that a batch's message is dead: it waits for a person.
pub async fn mark_dead(tx: &Tx, id: ResolveBatchId, letter: DeadLetterId) -> Result<(), StoreError> {
    let sql = "UPDATE resolve_batches SET dead_letter_id = $2 WHERE batch_id = $1";
    tx.execute(sql, &[&id.0, &letter.0]).await?;
    Ok(())
}

/// Lets the batch of a dead letter be sent again, under another id, so that a second death is told apart, and by itself, so that it takes
/// no other along; returns that id, or `None` when there is no batch.
pub async fn reopen(tx: &Tx, letter: DeadLetterId) -> Result<Option<ResolveBatchId>, StoreError> {
    let sql =
        "UPDATE resolve_batches SET batch_id = gen_random_uuid(), dead_letter_id = NULL, sent_at = NULL, sends = 1
         WHERE dead_letter_id = $1 RETURNING batch_id";
    tx.query_opt(sql, &[&letter.0]).await?.map(|row| Ok(ResolveBatchId(row.try_get(0)?))).transpose()
}
