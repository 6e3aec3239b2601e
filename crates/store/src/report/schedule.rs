//! What will run within a day, and what keeps the rest from it.

use jiff::{SignedDuration, Timestamp};
use model::{ConnectionId, ParkCause, RunKind, Stream};
use tokio_postgres::Row;

use super::Doing;
use crate::{StoreError, Tx};

/// So far ahead is told what will run.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// One kind of work of one stream: when it is due, and what of it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Whose it is.
    pub connection_id: ConnectionId,
    /// What it brings in.
    pub stream: Stream,
    /// Why it runs.
    pub kind: RunKind,
    /// When it is due next: a run of the schedule, a record that is to be looked at, a slice that failed.
    pub due_at: Option<Timestamp>,
    /// Seconds between runs of a schedule.
    pub every_s: Option<i32>,
    /// Records that are to be looked at within a day, or failed slices that are to be planned again.
    pub records: i64,
    /// Runs that wait for their turn.
    pub planned: i64,
    /// Runs that are being listed.
    pub listing: i64,
    /// Runs that are parked.
    pub parked: i64,
    /// When the first of those that are being listed goes on, if it waits.
    pub retry_at: Option<Timestamp>,
    /// Failed attempts at its page.
    pub attempt: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Its share of the vendor account's day is spent; until when.
    pub spent_until: Option<Timestamp>,
    /// The time by the clock that all these are of.
    pub now: Timestamp,
}

/// What will become of a kind of work within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It is at it.
    Running,
    /// It will run, or goes on within moments.
    WillRun,
    /// Nothing of it is due within a day.
    NotDue,
    /// It waits until the tenant has accounts.
    Gated,
    /// It waits for a credential, or a vendor.
    Parked,
    /// A person has paused it.
    Paused,
    /// A person has switched it off.
    Disabled,
    /// Its secret is destroyed.
    Disconnected,
    /// The vendor's limit is used up.
    OverQuota,
}

impl Outlook {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WillRun => "will run",
            Self::NotDue => "not due",
            Self::Gated => "gated",
            Self::Parked => "parked",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Disconnected => "disconnected",
            Self::OverQuota => "over quota",
        }
    }

    /// Whether something keeps the work from going on.
    pub const fn is_stopped(self) -> bool {
        !matches!(self, Self::Running | Self::WillRun | Self::NotDue)
    }
}

impl Scheduled {
    /// What will become of it, on a connection that does as `doing` says and is blocked by this: the same that is told of the connection.
    pub fn outlook(&self, doing: Doing, blocked: Option<ParkCause>) -> Outlook {
        match (doing, blocked) {
            (Doing::Disconnected, _) => Outlook::Disconnected,
            (Doing::Disabled, _) => Outlook::Disabled,
            (Doing::Paused, _) | (_, Some(ParkCause::Pause)) => Outlook::Paused,
            (_, Some(ParkCause::Crm)) => Outlook::Gated,
            (_, Some(ParkCause::Quota)) => Outlook::OverQuota,
            (_, Some(ParkCause::Credential | ParkCause::VendorDown)) => Outlook::Parked,
            (_, None) if self.spent_until.is_some() => Outlook::OverQuota,
            (_, None) if self.listing > 0 => Outlook::Running,
            (_, None) if self.planned + self.parked > 0 || self.is_due_within_a_day() => Outlook::WillRun,
            (_, None) => Outlook::NotDue,
        }
    }

    /// How often its schedule begins a run within a day, if it begins when it is due and not before `free_at`.
    pub fn runs_within_a_day(&self, free_at: Option<Timestamp>) -> i64 {
        let Some(due) = self.due_at.filter(|_| self.kind == RunKind::Periodic || self.kind == RunKind::Walk)
        else {
            return 0;
        };
        let first = due.max(self.now).max(free_at.unwrap_or(self.now));
        let left = AHEAD.as_secs() - first.duration_since(self.now).as_secs();
        if left < 0 { 0 } else { 1 + left / i64::from(self.every_s.unwrap_or(i32::MAX).max(1)) }
    }

    fn is_due_within_a_day(&self) -> bool {
        self.due_at.is_some_and(|due| due.duration_since(self.now) <= AHEAD)
    }
}

/// Tells of every kind of work what is due and what is open, of all the transaction speaks for. What a stream always has, its schedule
/// and its walk, is told always; anything else if there is something to do within a day.
pub async fn schedule(tx: &Tx) -> Result<Vec<Scheduled>, StoreError> {
    let rows = tx
        .query(
            "WITH due (connection_id, stream, kind, due_at, every_s, records) AS (
                 SELECT s.connection_id, s.stream, 'periodic', s.due_at, greatest(c.interval_s, s.interval_min_s), 0
                 FROM streams s JOIN connections c USING (connection_id)
                 UNION ALL
                 SELECT s.connection_id, s.stream, 'walk', s.walk_due_at, c.walk_interval_s, 0
                 FROM streams s JOIN connections c USING (connection_id)
                 UNION ALL
                 SELECT s.connection_id, s.stream, 'bootstrap', now(), NULL, 0
                 FROM streams s WHERE s.history_unplanned
                 UNION ALL
                 SELECT connection_id, stream, 'follow-up', min(look_at), NULL, count(*) FROM intake
                 WHERE look_at <= now() + $1 * interval '1 second' GROUP BY connection_id, stream
                 UNION ALL
                 SELECT connection_id, stream, kind, min(replan_at), NULL, count(*) FROM sync_runs
                 WHERE replan_at <= now() + $1 * interval '1 second' GROUP BY connection_id, stream, kind),
             expected AS (
                 SELECT connection_id, stream, kind, min(due_at) AS due_at, max(every_s) AS every_s, sum(records)::bigint AS records
                 FROM due GROUP BY connection_id, stream, kind),
             open AS (
                 SELECT connection_id, stream, kind, count(*) FILTER (WHERE state = 'planned') AS planned,
                        count(*) FILTER (WHERE state = 'listing') AS listing, count(*) FILTER (WHERE state = 'parked') AS parked,
                        min(next_attempt_at) FILTER (WHERE state = 'listing' AND next_attempt_at > now()) AS retry_at,
                        max(attempt) AS attempt,
                        (array_agg(last_error ORDER BY planned_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
                 FROM sync_runs WHERE state IN ('planned', 'listing', 'parked') GROUP BY connection_id, stream, kind)
             SELECT connection_id, stream, kind, e.due_at, e.every_s, coalesce(e.records, 0), coalesce(o.planned, 0),
                    coalesce(o.listing, 0), coalesce(o.parked, 0), o.retry_at, coalesce(o.attempt, 0), o.last_error, v.more_at,
                    clock_timestamp()
             FROM expected e FULL JOIN open o USING (connection_id, stream, kind)
             JOIN connections c USING (connection_id)
             LEFT JOIN vendor_shares v ON v.vendor = c.vendor AND v.vendor_account = c.vendor_account AND v.left_over = 0
                  AND v.share = run_share(kind, false)
             ORDER BY c.tenant_id, c.vendor, c.created_at, connection_id, stream,
                      array_position(ARRAY['periodic', 'follow-up', 'bootstrap', 'backfill', 'walk'], kind)",
            &[&AHEAD.as_secs_f64()],
        )
        .await?;
    rows.iter().map(scheduled).collect()
}

fn scheduled(row: &Row) -> Result<Scheduled, StoreError> {
    Ok(Scheduled {
        connection_id: ConnectionId(row.try_get(0)?),
        stream: row.try_get::<_, &str>(1)?.parse()?,
        kind: row.try_get::<_, &str>(2)?.parse()?,
        due_at: row.try_get(3)?,
        every_s: row.try_get(4)?,
        records: row.try_get(5)?,
        planned: row.try_get(6)?,
        listing: row.try_get(7)?,
        parked: row.try_get(8)?,
        retry_at: row.try_get(9)?,
        attempt: row.try_get(10)?,
        last_error: row.try_get(11)?,
        spent_until: row.try_get(12)?,
        now: row.try_get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periodic(due_in_s: i64) -> Scheduled {
        let now: Timestamp = "2026-03-01T03:00:00Z".parse().expect("a time");
        Scheduled {
            connection_id: ConnectionId(uuid::Uuid::nil()),
            stream: Stream::Conversations,
            kind: RunKind::Periodic,
            due_at: Some(now + SignedDuration::from_secs(due_in_s)),
            every_s: Some(900),
            records: 0,
            planned: 0,
            listing: 0,
            parked: 0,
            retry_at: None,
            attempt: 0,
            last_error: None,
            spent_until: None,
            now,
        }
    }

    #[test]
    fn what_stops_a_connection_stops_its_work_whatever_is_due_or_under_way() {
        let table = [
            (Doing::Disconnected, None, Outlook::Disconnected),
            (Doing::Disabled, Some(ParkCause::Pause), Outlook::Disabled),
            (Doing::Paused, Some(ParkCause::Pause), Outlook::Paused),
            (Doing::Parked(ParkCause::Credential), Some(ParkCause::Credential), Outlook::Parked),
            (Doing::Held, Some(ParkCause::VendorDown), Outlook::Parked),
            (Doing::Parked(ParkCause::Crm), Some(ParkCause::Crm), Outlook::Gated),
            (Doing::Parked(ParkCause::Quota), Some(ParkCause::Quota), Outlook::OverQuota),
            (Doing::Running, None, Outlook::Running),
        ];
        let one = Scheduled { listing: 1, ..periodic(60) };
        for (doing, blocked, outlook) in table {
            assert_eq!(one.outlook(doing, blocked), outlook, "{doing:?}");
        }
        let running = Doing::Running;
        let spent = Scheduled { spent_until: Some(one.now), ..one.clone() };
        assert_eq!(spent.outlook(running, None), Outlook::OverQuota, "its share alone");
        assert_eq!(periodic(60).outlook(running, None), Outlook::WillRun);
        assert_eq!(periodic(90_000).outlook(running, None), Outlook::NotDue);
        assert_eq!(
            Scheduled { planned: 1, ..periodic(90_000) }.outlook(running, None),
            Outlook::WillRun,
            "planned"
        );
    }

    #[test]
    fn a_day_holds_as_many_runs_as_begin_in_it() {
        let one = periodic(60);
        assert_eq!(one.runs_within_a_day(None), 96);
        assert_eq!(one.runs_within_a_day(Some(one.now + SignedDuration::from_hours(23))), 5);
        assert_eq!(one.runs_within_a_day(Some(one.now + SignedDuration::from_hours(25))), 0);
        assert_eq!(periodic(-7_200).runs_within_a_day(None), 97, "what is late begins at once");
        assert_eq!(Scheduled { kind: RunKind::FollowUp, ..one }.runs_within_a_day(None), 0);
    }
}
