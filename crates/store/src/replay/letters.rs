//! The letters of a replay: whose turn it is, how each was sent, and what became of it.

use model::{DeadLetterId, ReplayId, ResolveBatchId};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// A letter whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToSend {
    /// Its turn.
    pub place: i32,
    /// The letter.
    pub id: DeadLetterId,
    /// The death that is meant.
    pub deaths: i32,
}

/// How a letter was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Its message was published, with the number of this replay.
    Message(i32),
    /// Its run is planned again.
    Run,
    /// Its record is looked at again.
    Look,
    /// Its conversations are linked again, in this batch.
    Batch(ResolveBatchId),
}

/// Decides about letters before this place that are not to be sent: newer work has taken their place, which closes them, only a person can
/// unblock them, or a person has decided otherwise since.
pub async fn rule_out(tx: &Tx, id: ReplayId, before: i32) -> Result<(), StoreError> {
    tx.execute(
        "WITH ruled_out AS (
             SELECT l.place, d.dead_letter_id,
                    CASE WHEN d.state = 'discarded' AND d.resolved_at > r.ordered_at THEN 'left'
                         -- whoever published it died before it could say so
                         WHEN p.prospect = 'superseded' AND d.replay_settled > d.replays THEN 'succeeded'
                         WHEN p.prospect IN ('superseded', 'impossible') THEN p.prospect
                         WHEN p.prospect IN ('credential', 'crm', 'pause') THEN 'blocked' END AS outcome,
                    CASE WHEN d.state = 'discarded' AND d.resolved_at > r.ordered_at THEN 'discarded since'
                         WHEN p.prospect = 'superseded' THEN coalesce(d.resolution, 'newer work has taken its place')
                         WHEN p.prospect = 'impossible' THEN 'nobody knows its record'
                         ELSE p.prospect END AS words
             FROM replays r JOIN replay_letters l USING (replay_id)
             JOIN dead_letters d USING (dead_letter_id) JOIN letter_prospects p USING (dead_letter_id)
             WHERE r.replay_id = $1 AND l.place < $2 AND l.outcome IS NULL AND l.sent_at IS NULL AND d.deaths = l.deaths),
         closed AS (
             UPDATE dead_letters d SET state = 'closed', resolved_at = now(), resolution = o.words
             FROM ruled_out o WHERE d.dead_letter_id = o.dead_letter_id AND d.state = 'dead' AND o.outcome = 'superseded')
         UPDATE replay_letters l SET decided_at = now(), outcome = o.outcome, words = o.words
         FROM ruled_out o WHERE l.replay_id = $1 AND l.place = o.place AND o.outcome IS NOT NULL",
        &[&id.0, &before],
    )
    .await?;
    Ok(())
}

/// The next letters before this place that can be sent; what waits for the vendor, or for its share of the day, keeps its turn.
pub async fn sendable(tx: &Tx, id: ReplayId, before: i32, limit: i64) -> Result<Vec<ToSend>, StoreError> {
    let rows = tx
        .query(
            "SELECT l.place, l.dead_letter_id, l.deaths FROM replay_letters l JOIN letter_prospects p USING (dead_letter_id)
             WHERE l.replay_id = $1 AND l.place < $2 AND l.outcome IS NULL AND l.sent_at IS NULL AND p.prospect = 'write'
             ORDER BY l.place LIMIT $3",
            &[&id.0, &before, &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ToSend { place: row.try_get(0)?, id: DeadLetterId(row.try_get(1)?), deaths: row.try_get(2)? })
        })
        .collect()
}

/// Notes how a letter was sent, in the transaction that marks the letter; again is harmless.
pub async fn sent(tx: &Tx, id: ReplayId, place: i32, how: Sent) -> Result<(), StoreError> {
    let (sent_as, replay, batch): (&str, Option<i32>, Option<Uuid>) = match how {
        Sent::Message(number) => ("message", Some(number), None),
        Sent::Run => ("run", None, None),
        Sent::Look => ("look", None, None),
        Sent::Batch(batch) => ("batch", None, Some(batch.0)),
    };
    tx.execute(
        "UPDATE replay_letters SET sent_as = $3, sent_at = clock_timestamp(), replay = $4, batch_id = $5
         WHERE replay_id = $1 AND place = $2 AND outcome IS NULL",
        &[&id.0, &place, &sent_as, &replay, &batch],
    )
    .await?;
    Ok(())
}

/// Decides about a letter that was not sent.
pub async fn decide(tx: &Tx, id: ReplayId, place: i32, outcome: &str, words: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE replay_letters SET outcome = $3, words = $4, decided_at = now()
         WHERE replay_id = $1 AND place = $2 AND outcome IS NULL",
        &[&id.0, &place, &outcome, &words],
    )
    .await?;
    Ok(())
}

/// Notes what became of letters that were sent, of every replay; returns of how many. A death is told by whichever letter it left: its
/// own once more, or another one of the same run, record or batch.
pub async fn note_outcomes(tx: &Tx) -> Result<u64, StoreError> {
    tx.execute(
        "WITH open AS (
             SELECT l.replay_id, l.place, l.letter_group, d.dead_letter_id AS own_id,
                    CASE
                        WHEN d.deaths > l.deaths THEN d.dead_letter_id
                        WHEN l.sent_as = 'run' AND r.state = 'failed' THEN (
                            SELECT n.dead_letter_id FROM dead_letters n
                            WHERE n.run_id = d.run_id AND n.stage = 'fetch' AND n.filed_at > l.sent_at
                            ORDER BY n.filed_at DESC LIMIT 1)
                        WHEN l.sent_as = 'look' AND k.dead_version > d.version THEN k.dead_letter_id
                        WHEN l.sent_as = 'batch' THEN b.dead_letter_id
                    END AS died_as,
                    CASE
                        WHEN l.sent_as = 'message' AND d.replay_settled >= l.replay THEN
                            CASE WHEN greatest(k.document_version, k.skipped_version) > d.version THEN 'superseded'
                                 ELSE 'succeeded' END
                        WHEN l.sent_as = 'run' AND r.state IN ('listed', 'settled') THEN 'succeeded'
                        WHEN l.sent_as = 'look' AND greatest(k.document_version, k.skipped_version) >= d.version THEN 'succeeded'
                        WHEN l.sent_as = 'batch' AND b.batch_id IS NULL THEN 'succeeded'
                        WHEN l.sent_as IN ('run', 'look') AND c.cause IN ('credential', 'crm', 'pause') THEN 'blocked'
                    END AS outcome, c.cause
             FROM replay_letters l
             JOIN dead_letters d USING (dead_letter_id)
             LEFT JOIN sync_runs r ON l.sent_as = 'run' AND r.run_id = d.run_id
             LEFT JOIN intake k ON l.sent_as IN ('message', 'look') AND k.connection_id = d.connection_id
                 AND k.vendor_key = d.vendor_key
             LEFT JOIN resolve_batches b ON b.batch_id = l.batch_id
             LEFT JOIN connection_blocks c ON l.sent_as IN ('run', 'look') AND c.connection_id = d.connection_id
             WHERE l.outcome IS NULL AND (l.sent_at IS NOT NULL OR d.deaths > l.deaths))
         UPDATE replay_letters l SET decided_at = now(),
             outcome = CASE WHEN o.died_as IS NULL THEN o.outcome
                            WHEN n.letter_group = l.letter_group THEN 'failed-same' ELSE 'failed-other' END,
             words = CASE WHEN o.died_as IS NOT NULL THEN n.error WHEN o.outcome = 'blocked' THEN o.cause END
         FROM open o LEFT JOIN dead_letters n ON n.dead_letter_id = o.died_as
         WHERE l.replay_id = o.replay_id AND l.place = o.place AND coalesce(o.outcome, n.letter_group) IS NOT NULL",
        &[],
    )
    .await
}
