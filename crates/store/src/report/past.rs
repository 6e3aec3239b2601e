//! Why something did not run at a time of the past, by what the ledger keeps.

use jiff::{SignedDuration, Timestamp};
use model::{ConnectionId, ParkCause, RunState, Stream};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{StoreError, Tx, heartbeat};

/// Between two runs of a schedule lies its interval, a tenth more by jitter, and as much as a scheduler may take.
const JITTER: f64 = 1.1;
const SLACK: SignedDuration = SignedDuration::from_mins(2);

/// What the ledger knows of a stream's schedule around a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Which connection.
    pub connection_id: ConnectionId,
    /// What it brings in.
    pub stream: Stream,
    /// When it was first connected.
    pub created_at: Timestamp,
    /// Seconds between runs, as it is set now.
    pub every_s: i32,
    /// The last run of the schedule that was planned until then.
    pub before: Option<PastRun>,
    /// The first that was planned after it.
    pub after: Option<PastRun>,
    /// What kept the connection from its work then.
    pub stopped: Option<Stop>,
    /// No scheduler was at work then: from when until when.
    pub absent: Option<(Timestamp, Option<Timestamp>)>,
    /// What happened at that time has been listed since.
    pub covered: bool,
    /// Runs that were planned before this may have been deleted; of such a time none is told.
    pub kept_from: Option<Timestamp>,
}

/// A run of the schedule, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub run: Uuid,
    /// Where it stands.
    pub state: RunState,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When its first page was asked for.
    pub started_at: Option<Timestamp>,
    /// When the vendor's list had ended, or it failed.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub failed_reason: Option<String>,
    /// What it is parked by.
    pub parked_cause: Option<ParkCause>,
    /// Records that it saw, once it is settled.
    pub listed: i64,
}

/// What kept a connection from its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// disconnected, disabled, paused, or a cause of parking.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: it still does.
    pub until: Option<Timestamp>,
}

/// What was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// There was no such connection yet.
    NotConnected,
    /// Something kept it from its work.
    Stopped,
    /// A run was at it.
    Running,
    /// The last run had failed, and the next was not due.
    Failed,
    /// No scheduler was there to plan it.
    NoScheduler,
    /// A run was planned, and nobody had begun it.
    Waiting,
    /// The last run had ended, and the next was not due.
    BetweenRuns,
    /// It is longer ago than runs are kept.
    NotKept,
    /// Nothing that was kept explains it.
    Unexplained,
}

impl Then {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotConnected => "not connected",
            Self::Stopped => "stopped",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::NoScheduler => "no scheduler",
            Self::Waiting => "waiting",
            Self::BetweenRuns => "between runs",
            Self::NotKept => "not kept",
            Self::Unexplained => "unexplained",
        }
    }
}

impl Past {
    /// Says what was at that time; of several things that could be said, the one that explains the others.
    pub fn then(&self, at: Timestamp) -> Then {
        let over = |run: &PastRun| run.ended_at.is_some_and(|ended| ended <= at);
        let begun = |run: &PastRun| run.started_at.is_some_and(|started| started <= at);
        match &self.before {
            _ if at < self.created_at => Then::NotConnected,
            _ if self.stopped.is_some() => Then::Stopped,
            Some(run) if begun(run) && !over(run) => Then::Running,
            _ if self.absent.is_some() => Then::NoScheduler,
            Some(run) if !over(run) => Then::Waiting,
            Some(run) if run.state == RunState::Failed && self.is_not_due(run, at) => Then::Failed,
            Some(run) if self.is_not_due(run, at) => Then::BetweenRuns,
            _ if self.kept_from.is_some_and(|from| at < from) => Then::NotKept,
            _ => Then::Unexplained,
        }
    }

    fn is_not_due(&self, last: &PastRun, at: Timestamp) -> bool {
        let interval = SignedDuration::from_secs_f64(f64::from(self.every_s) * JITTER) + SLACK;
        at.duration_since(last.planned_at) <= interval
    }
}

/// Tells what is known of every stream's schedule around a time, of all the transaction speaks for.
pub async fn pasts(tx: &Tx, at: Timestamp) -> Result<Vec<Past>, StoreError> {
    let rows = tx
        .query(
            "SELECT s.connection_id, s.stream, c.created_at, greatest(c.interval_s, s.interval_min_s), s.covered @> $1::timestamptz,
                 t.reason, t.since, t.until, a.since, a.until,
                 b.run_id, b.state, b.planned_at, b.started_at, coalesce(b.listed_at, b.ended_at), b.failed_reason, b.parked_cause, b.listed,
                 n.run_id, n.state, n.planned_at, n.started_at, coalesce(n.listed_at, n.ended_at), n.failed_reason, n.parked_cause, n.listed,
                 f.planned_before
             FROM streams s
             JOIN connections c USING (connection_id)
             CROSS JOIN forgotten_runs f
             LEFT JOIN connection_stops t ON t.connection_id = s.connection_id
                 AND t.since <= $1 AND coalesce(t.until, 'infinity') > $1
             LEFT JOIN LATERAL (
                 SELECT since, until FROM absences WHERE role = 'scheduler' AND since <= $1 AND until > $1
                 UNION ALL
                 -- the one that has not ended
                 SELECT seen_at, NULL FROM heartbeats
                 WHERE role = 'scheduler' AND seen_at <= $1 AND seen_at < clock_timestamp() - $2::bigint * interval '1 second'
                 LIMIT 1) AS a ON true
             LEFT JOIN LATERAL (
                 SELECT * FROM sync_runs r
                 WHERE r.tenant_id = s.tenant_id AND r.connection_id = s.connection_id AND r.stream = s.stream
                   AND r.kind = 'periodic' AND r.planned_at <= $1
                 ORDER BY r.planned_at DESC LIMIT 1) AS b ON true
             LEFT JOIN LATERAL (
                 SELECT * FROM sync_runs r
                 WHERE r.tenant_id = s.tenant_id AND r.connection_id = s.connection_id AND r.stream = s.stream
                   AND r.kind = 'periodic' AND r.planned_at > $1
                 ORDER BY r.planned_at LIMIT 1) AS n ON true
             ORDER BY c.tenant_id, c.vendor, c.created_at, s.connection_id, s.stream",
            &[&at, &heartbeat::AWAY_S],
        )
        .await?;
    rows.iter().map(|row| past(row, at)).collect()
}

fn past(row: &Row, at: Timestamp) -> Result<Past, StoreError> {
    let stopped = match row.try_get(5)? {
        Some(reason) => Some(Stop { reason, since: row.try_get(6)?, until: row.try_get(7)? }),
        None => None,
    };
    let absent: Option<Timestamp> = row.try_get(8)?;
    let until: Option<Timestamp> = row.try_get(9)?;
    let kept_from: Option<Timestamp> = row.try_get(26)?;
    // of a time before that, the last and the next run that are left need not be those that were
    let is_kept = kept_from.is_none_or(|from| from <= at);
    Ok(Past {
        connection_id: ConnectionId(row.try_get(0)?),
        stream: row.try_get::<_, &str>(1)?.parse()?,
        created_at: row.try_get(2)?,
        every_s: row.try_get(3)?,
        covered: row.try_get(4)?,
        stopped,
        absent: absent.map(|since| (since, until)),
        before: if is_kept { run(row, 10)? } else { None },
        after: if is_kept { run(row, 18)? } else { None },
        kept_from,
    })
}

fn run(row: &Row, first: usize) -> Result<Option<PastRun>, StoreError> {
    let Some(run) = row.try_get(first)? else { return Ok(None) };
    Ok(Some(PastRun {
        run,
        state: row.try_get::<_, &str>(first + 1)?.parse()?,
        planned_at: row.try_get(first + 2)?,
        started_at: row.try_get(first + 3)?,
        ended_at: row.try_get(first + 4)?,
        failed_reason: row.try_get(first + 5)?,
        parked_cause: row.try_get::<_, Option<&str>>(first + 6)?.map(str::parse).transpose()?,
        listed: row.try_get(first + 7)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_772_334_000 + 60 * minutes).expect("a time")
    }

    fn ran(planned: i64, started: Option<i64>, ended: Option<i64>, state: RunState) -> PastRun {
        PastRun {
            run: Uuid::nil(),
            state,
            planned_at: at(planned),
            started_at: started.map(at),
            ended_at: ended.map(at),
            failed_reason: None,
            parked_cause: None,
            listed: 0,
        }
    }

    fn quiet(before: Option<PastRun>) -> Past {
        Past {
            connection_id: ConnectionId(Uuid::nil()),
            stream: Stream::Conversations,
            created_at: at(-1000),
            every_s: 900,
            before,
            after: None,
            stopped: None,
            absent: None,
            covered: true,
            kept_from: None,
        }
    }

    #[test]
    fn what_explains_the_others_is_said() {
        let settled = || Some(ran(0, Some(0), Some(1), RunState::Settled));
        let stop = Stop { reason: "paused".to_owned(), since: at(-5), until: None };
        let table = [
            (quiet(settled()), 10, Then::BetweenRuns),
            (quiet(settled()), 30, Then::Unexplained),
            (quiet(None), 10, Then::Unexplained),
            (quiet(settled()), -2000, Then::NotConnected),
            (quiet(Some(ran(0, Some(0), Some(12), RunState::Settled))), 10, Then::Running),
            (quiet(Some(ran(0, Some(0), None, RunState::Listing))), 10, Then::Running),
            (quiet(Some(ran(0, None, None, RunState::Parked))), 300, Then::Waiting),
            (quiet(Some(ran(0, Some(20), Some(21), RunState::Settled))), 10, Then::Waiting),
            (quiet(Some(ran(0, Some(0), Some(1), RunState::Failed))), 10, Then::Failed),
            (
                Past { stopped: Some(stop.clone()), ..quiet(Some(ran(0, None, None, RunState::Parked))) },
                10,
                Then::Stopped,
            ),
            (Past { stopped: Some(stop), ..quiet(settled()) }, 10, Then::Stopped),
            (Past { absent: Some((at(5), None)), ..quiet(settled()) }, 30, Then::NoScheduler),
            (Past { kept_from: Some(at(31)), ..quiet(None) }, 30, Then::NotKept),
            (Past { kept_from: Some(at(30)), ..quiet(None) }, 30, Then::Unexplained),
        ];
        for (index, (past, minute, then)) in table.into_iter().enumerate() {
            assert_eq!(past.then(at(minute)), then, "row {index}");
        }
    }
}
