//! Runs as people and roles see them, and the few changes that are not a fetcher's or a scheduler's.

use jiff::Timestamp;
use model::{
    ConnectionId, Lane, ParkCause, RunId, RunKind, RunState, Step, Stream, TenantId, Vendor, Window,
};
use tokio_postgres::Row;

use crate::{StoreError, Tx};

/// A run with its sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// The connection's vendor.
    pub vendor: Vendor,
    /// What it brings in.
    pub stream: Stream,
    /// Why it exists.
    pub kind: RunKind,
    /// Its lane.
    pub lane: Lane,
    /// What it covers.
    pub window: Window,
    /// Where it stands.
    pub state: RunState,
    /// Counts its moves.
    pub step: Step,
    /// The page to fetch next.
    pub page: i32,
    /// Attempts at the current page.
    pub attempt: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// What blocks it.
    pub parked_cause: Option<ParkCause>,
    /// Why it failed.
    pub failed_reason: Option<String>,
    /// Complete, but with fewer records than the vendor's total.
    pub gap: bool,
    /// The sums.
    pub sums: Sums,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What became of a run's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Sums {
    /// Seen in the vendor's list.
    pub listed: i64,
    /// Stored or changed.
    pub stored: i64,
    /// Known as they are.
    pub unchanged: i64,
    /// Not kept, with a reason.
    pub skipped: i64,
    /// To be looked at again at a date.
    pub pending: i64,
    /// In the dead letters.
    pub dead: i64,
    /// Still on their way; zero once the run is settled.
    pub under_way: i64,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this connection only.
    pub connection: Option<ConnectionId>,
    /// Open runs only.
    pub open: bool,
    /// Newest first, at most so many.
    pub limit: i64,
}

/// Lists runs, newest first; sums of open runs are counted as they stand.
pub async fn list(tx: &Tx, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
    let rows = tx
        .query(
            "SELECT r.run_id, r.tenant_id, r.connection_id, c.vendor, r.stream, r.kind, r.lane, r.window_from,
                    r.window_to, r.state, r.step, r.page, r.attempt, r.last_error, r.next_attempt_at, r.parked_cause,
                    r.failed_reason, r.gap, r.listed + o.listed, r.stored + o.stored, r.unchanged + o.unchanged,
                    r.skipped + o.skipped, r.pending + o.pending, r.dead + o.dead, o.under_way, r.planned_at, r.ended_at
             FROM sync_runs r JOIN connections c USING (connection_id)
             CROSS JOIN LATERAL (
                 SELECT count(*) AS listed, count(*) FILTER (WHERE outcome = 'stored') AS stored,
                        count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
                        count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
                        count(*) FILTER (WHERE outcome = 'pending') AS pending,
                        count(*) FILTER (WHERE outcome = 'dead') AS dead,
                        count(*) FILTER (WHERE outcome IS NULL) AS under_way
                 FROM run_item_outcomes i WHERE i.run_id = r.run_id) AS o
             WHERE ($1::uuid IS NULL OR r.connection_id = $1)
               AND (NOT $2 OR r.state IN ('planned', 'listing', 'listed', 'parked'))
             ORDER BY r.planned_at DESC, r.window_to DESC LIMIT $3",
            &[&filter.connection.map(|id| id.0), &filter.open, &filter.limit],
        )
        .await?;
    rows.iter().map(run).collect()
}

fn run(row: &Row) -> Result<Run, StoreError> {
    Ok(Run {
        id: RunId(row.try_get(0)?),
        tenant: TenantId::parse(row.try_get(1)?)?,
        connection_id: ConnectionId(row.try_get(2)?),
        vendor: row.try_get::<_, &str>(3)?.parse()?,
        stream: row.try_get::<_, &str>(4)?.parse()?,
        kind: row.try_get::<_, &str>(5)?.parse()?,
        lane: row.try_get::<_, &str>(6)?.parse()?,
        window: Window { from: row.try_get(7)?, to: row.try_get(8)? },
        state: row.try_get::<_, &str>(9)?.parse()?,
        step: Step(row.try_get(10)?),
        page: row.try_get(11)?,
        attempt: row.try_get(12)?,
        last_error: row.try_get(13)?,
        next_attempt_at: row.try_get(14)?,
        parked_cause: row.try_get::<_, Option<&str>>(15)?.map(str::parse).transpose()?,
        failed_reason: row.try_get(16)?,
        gap: row.try_get(17)?,
        sums: Sums {
            listed: row.try_get(18)?,
            stored: row.try_get(19)?,
            unchanged: row.try_get(20)?,
            skipped: row.try_get(21)?,
            pending: row.try_get(22)?,
            dead: row.try_get(23)?,
            under_way: row.try_get(24)?,
        },
        planned_at: row.try_get(25)?,
        ended_at: row.try_get(26)?,
    })
}

/// What became of reopening a failed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopened {
    /// It is planned again, from its first page.
    Planned,
    /// It is not failed (any more).
    NotFailed,
    /// Another open run of its kind does its work.
    Superseded,
}

/// Plans a failed run again, from its start; by compare-and-set, so that two replays make one run.
pub async fn reopen(tx: &Tx, id: RunId) -> Result<Reopened, StoreError> {
    let row = tx
        .query_opt(
            "SELECT state = 'failed', EXISTS (
                 SELECT FROM sync_runs o
                 WHERE o.connection_id = r.connection_id AND o.stream = r.stream AND o.kind = r.kind
                   AND r.kind IN ('periodic', 'walk', 'follow-up') AND o.state IN ('planned', 'listing', 'parked'))
             FROM sync_runs r WHERE run_id = $1 FOR UPDATE",
            &[&id.0],
        )
        .await?;
    let Some(row) = row else { return Ok(Reopened::NotFailed) };
    if !row.try_get::<_, bool>(0)? {
        return Ok(Reopened::NotFailed);
    }
    if row.try_get::<_, bool>(1)? {
        return Ok(Reopened::Superseded);
    }
    // a follow-up's records are its plan; any other run lists its records anew
    tx.execute(
        "DELETE FROM run_items WHERE run_id = $1
         AND NOT EXISTS (SELECT FROM sync_runs WHERE run_id = $1 AND kind = 'follow-up')",
        &[&id.0],
    )
    .await?;
    tx.execute(
        "UPDATE sync_runs SET state = 'planned', replayed = true, step = step + 1, page = 1, cursor = NULL, restarts = 0,
             resumed = false, walks = 0, attempt = 0, last_error = NULL,
             next_attempt_at = NULL, failed_reason = NULL, replan_at = NULL, ended_at = NULL, settle_look_at = NULL,
             nudged_at = NULL, nudges = 0, claimed_by = NULL, claim_expires_at = NULL, gap = false,
             listed = 0, stored = 0, unchanged = 0, skipped = 0, pending = 0, dead = 0
         WHERE run_id = $1",
        &[&id.0],
    )
    .await?;
    Ok(Reopened::Planned)
}
