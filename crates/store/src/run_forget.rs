//! Forgetting: runs that ended long ago are deleted, as far as nothing needs them any more.
//!
//! What a connection has covered, and where its records stand, is not in its runs. What reads runs is left what it reads.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::report::LISTED_SINCE;
use crate::{StoreError, Tx};

/// How much is gone through at a time.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Connections.
    pub connections: i64,
    /// Runs of each; what more there is waits for its next turn.
    pub runs: i64,
}

impl Default for Stretch {
    fn default() -> Self {
        Self { connections: 20, runs: 500 }
    }
}

/// What became of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgot {
    /// Runs that were deleted.
    pub runs: u64,
    /// It was the last; the next one begins anew.
    pub was_last: bool,
}

/// Deletes old runs of the next connections; `None` when somebody else is at it.
///
/// Old are those that ended longer ago than `age`. Kept of them are the last that settled of each stream and kind, and what was planned
/// after it; whatever a dead letter names that is neither closed nor forgotten, nor sent again by a replay that is over and forgotten itself
/// (of what died once more the letter is dead once more); what does not add up; a failed slice that is planned again;
/// a list that was short, with what has listed parts of its window since; and the vendor's total of a day.
pub async fn forget_old(tx: &Tx, age: Duration, stretch: Stretch) -> Result<Option<Forgot>, StoreError> {
    let turn = tx
        .query_opt(
            "SELECT after_connection, now() - make_interval(secs => $1) FROM forgotten_runs FOR UPDATE SKIP LOCKED",
            &[&age.as_secs_f64()],
        )
        .await?;
    let Some(turn) = turn else { return Ok(None) };
    let (after, before): (Uuid, Timestamp) = (turn.try_get(0)?, turn.try_get(1)?);
    let sql =
        "SELECT connection_id FROM connections WHERE connection_id > $1 ORDER BY connection_id LIMIT $2";
    let rows = tx.query(sql, &[&after, &stretch.connections]).await?;
    let connections: Vec<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    close_gaps(tx, &connections, before).await?;
    let runs = delete(tx, &connections, before, stretch.runs).await?;
    let is_full = i64::try_from(connections.len()) == Ok(stretch.connections);
    let last = connections.last().filter(|_| is_full);
    tx.execute(
        "UPDATE forgotten_runs SET after_connection = $1,
             planned_before = CASE WHEN $3 THEN greatest(planned_before, $2) ELSE planned_before END",
        &[&last.copied().unwrap_or_default(), &before, &(runs > 0)],
    )
    .await?;
    Ok(Some(Forgot { runs, was_last: last.is_none() }))
}

/// What was short and has been listed since tells of nothing that is missing; what has listed it since need not be kept for it. Of walks
/// the next says more.
async fn close_gaps(tx: &Tx, connections: &[Uuid], before: Timestamp) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE sync_runs r SET gap = false
         WHERE r.gap AND r.connection_id = ANY ($1) AND r.state = 'settled' AND r.planned_at < $2
           AND CASE r.kind
               WHEN 'walk' THEN EXISTS (
                   SELECT FROM sync_runs w WHERE w.tenant_id = r.tenant_id AND w.connection_id = r.connection_id
                      AND w.planned_at > r.planned_at AND w.stream = r.stream AND w.kind = 'walk' AND w.state = 'settled')
               ELSE NOT EXISTS (
                   SELECT FROM ({LISTED_SINCE}) AS n,
                       unnest(tstzmultirange(tstzrange(r.window_from, r.window_to)) - n.since) AS g
                   WHERE upper(g) - lower(g) > interval '1 hour') END"
    );
    tx.execute(&sql, &[&connections, &before]).await
}

async fn delete(tx: &Tx, connections: &[Uuid], before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "WITH old AS MATERIALIZED (
             SELECT o.run_id
             FROM unnest($1::uuid[]) AS u (connection_id)
             JOIN connections c USING (connection_id)
             CROSS JOIN LATERAL (
                 SELECT r.run_id FROM sync_runs r
                 JOIN (SELECT DISTINCT ON (stream, kind) stream, kind, planned_at, run_id FROM sync_runs
                       WHERE tenant_id = c.tenant_id AND connection_id = c.connection_id AND planned_at < $2 AND state = 'settled'
                       ORDER BY stream, kind, planned_at DESC, run_id DESC) AS l USING (stream, kind)
                 WHERE r.tenant_id = c.tenant_id AND r.connection_id = c.connection_id AND r.planned_at < $2
                   -- slices of one history are planned at the same moment
                   AND (r.planned_at < l.planned_at OR r.planned_at = l.planned_at AND r.run_id < l.run_id)
                   AND r.ended_at < $2 AND r.state IN ('settled', 'failed') AND r.settle_look_at IS NULL AND r.replan_at IS NULL
                   AND r.listed = r.stored + r.unchanged + r.skipped + r.pending + r.dead AND NOT r.gap
                   AND NOT EXISTS (SELECT FROM dead_letters d
                                   WHERE d.run_id = r.run_id AND d.state <> 'closed' AND d.forgotten_at IS NULL
                                     AND NOT (d.state = 'replayed' AND d.replay_settled >= d.replays
                                              AND NOT EXISTS (SELECT FROM replay_letters l WHERE l.dead_letter_id = d.dead_letter_id)))
                   AND NOT EXISTS (SELECT FROM sync_runs g
                                   WHERE g.gap AND g.connection_id = c.connection_id AND g.stream = r.stream AND g.planned_at < r.planned_at
                                     AND tstzrange(g.window_from, g.window_to) && tstzrange(r.window_from, r.window_to))
                   AND NOT (r.kind = 'backfill' AND r.vendor_total IS NOT NULL AND r.window_to - r.window_from = interval '1 day'
                            AND NOT EXISTS (SELECT FROM sync_runs t
                                            WHERE t.tenant_id = c.tenant_id AND t.connection_id = c.connection_id
                                              AND t.planned_at > r.planned_at AND t.stream = r.stream AND t.kind = 'backfill'
                                              AND t.window_from = r.window_from AND t.window_to = r.window_to
                                              AND t.vendor_total IS NOT NULL AND t.listed_at IS NOT NULL))
                 ORDER BY r.planned_at LIMIT $3 OFFSET 0) AS o)
         DELETE FROM sync_runs r USING old
         -- a failed one may have been opened again meanwhile
         WHERE r.run_id = old.run_id AND (r.state IN ('settled', 'failed')) IS TRUE",
        &[&connections, &before, &limit],
    )
    .await
}
