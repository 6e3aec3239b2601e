//! How each connection is doing: what it last brought in, what is next, and what keeps going wrong.

use jiff::Timestamp;
use model::ConnectionId;
use serde::Serialize;

use crate::{StoreError, Tx};

/// How a connection is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulse {
    /// Which one.
    #[serde(skip)]
    pub connection_id: ConnectionId,
    /// When its schedule last listed a window to its end; of several streams, that of the one that is farthest behind.
    pub last_synced_at: Option<Timestamp>,
    /// When its schedule is due next.
    pub due_at: Option<Timestamp>,
    /// Nothing blocks it, and yet it is more than two intervals late.
    pub overdue: bool,
    /// What keeps going wrong since its last sync.
    pub failing: Option<Failing>,
    /// Its credential is marked invalid.
    pub refused: Option<Refused>,
    /// The vendor refuses every request of its account for a while.
    pub closed: Option<Closed>,
    /// The vendor is away.
    pub away: Option<Away>,
    /// Live work has spent its part of the vendor account's day; until when.
    pub spent_until: Option<Timestamp>,
    /// The time by the clock that all these are of.
    #[serde(skip)]
    pub now: Timestamp,
}

/// What keeps going wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// When the first run began that did not come to its end.
    pub since: Timestamp,
    /// Failed attempts of the last one; none where it waits for what a person must mend.
    pub attempt: i32,
    /// What went wrong last.
    pub reason: String,
}

/// A credential that was found invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Since when.
    pub since: Timestamp,
    /// The vendor's words.
    pub reason: String,
}

/// A vendor's account that takes no requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Until when.
    pub until: Timestamp,
    /// What the vendor answered.
    pub reason: String,
}

/// A vendor that does not answer, for whoever's fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// When it is asked next.
    pub probe_at: Timestamp,
    /// Requests in a row that failed.
    pub failures: i32,
    /// What became of the last.
    pub reason: String,
}

/// Tells how every connection is doing that the transaction may see.
pub async fn pulses(tx: &Tx) -> Result<Vec<Pulse>, StoreError> {
    let rows = tx
        .query(
            "SELECT c.connection_id, y.synced_at, y.due_at,
                 -- a few minutes more, so that a short interval is not called late while its run is under way
                 b.cause IS NULL AND v.more_at IS NULL AND y.is_late,
                 f.since, f.attempt, f.reason, k.invalid_at, coalesce(k.invalid_reason, ''),
                 CASE WHEN g.closed_until > clock_timestamp() THEN g.closed_until END, coalesce(g.closed_reason, ''),
                 clock_timestamp(), v.more_at, g.away_since, greatest(g.probe_at, clock_timestamp()), g.failures,
                 coalesce(g.last_failure, '')
             FROM connections c
             JOIN connection_blocks b USING (connection_id)
             LEFT JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
                  AND c.credential_state = 'invalid'
             LEFT JOIN vendor_budgets g ON g.vendor = c.vendor AND g.vendor_account = c.vendor_account
             LEFT JOIN vendor_shares v ON v.vendor = c.vendor AND v.vendor_account = c.vendor_account AND v.share = 'live'
                  AND v.left_over = 0
             CROSS JOIN LATERAL (
                 SELECT min(s.due_at) AS due_at,
                        -- what is listed seldom does not make the rest look old
                        CASE WHEN bool_and(l.listed_at IS NOT NULL) FILTER (WHERE e.every_s = c.interval_s)
                             THEN min(l.listed_at) FILTER (WHERE e.every_s = c.interval_s) END AS synced_at,
                        bool_or(s.due_at < now() - make_interval(secs => 2 * e.every_s)
                                OR coalesce(l.listed_at, c.connected_at) < now() - make_interval(secs => 3 * e.every_s + 300)) AS is_late,
                        array_agg(s.stream) AS streams, array_agg(coalesce(l.planned_at, '-infinity')) AS after
                 FROM streams s
                 CROSS JOIN LATERAL (SELECT greatest(c.interval_s, s.interval_min_s) AS every_s) AS e
                 LEFT JOIN LATERAL (
                     SELECT r.listed_at, r.planned_at FROM sync_runs r
                     WHERE r.tenant_id = s.tenant_id AND r.connection_id = s.connection_id AND r.stream = s.stream
                       AND r.kind = 'periodic' AND r.state IN ('listed', 'settled')
                     ORDER BY r.planned_at DESC LIMIT 1) AS l ON true
                 WHERE s.connection_id = c.connection_id) AS y
             LEFT JOIN LATERAL (
                 SELECT min(coalesce(r.started_at, r.planned_at)) AS since,
                        (array_agg(r.attempt + (r.state = 'failed')::int ORDER BY r.planned_at DESC))[1] AS attempt,
                        (array_agg(coalesce(r.failed_reason, r.last_error) ORDER BY r.planned_at DESC))[1] AS reason
                 FROM unnest(y.streams, y.after) AS o (stream, after)
                 JOIN sync_runs r ON r.tenant_id = c.tenant_id AND r.connection_id = c.connection_id
                      AND r.stream = o.stream AND r.kind = 'periodic' AND r.planned_at > o.after
                 WHERE r.state = 'failed' OR r.state = 'listing' AND r.last_error IS NOT NULL) AS f ON true
             ORDER BY c.tenant_id, c.vendor, c.created_at",
            &[],
        )
        .await?;
    rows.iter().map(pulse).collect()
}

fn pulse(row: &tokio_postgres::Row) -> Result<Pulse, StoreError> {
    let (since, refused, closed): (Option<Timestamp>, Option<Timestamp>, Option<Timestamp>) =
        (row.try_get(4)?, row.try_get(7)?, row.try_get(9)?);
    let reason: Option<String> = row.try_get(6)?;
    Ok(Pulse {
        connection_id: ConnectionId(row.try_get(0)?),
        last_synced_at: row.try_get(1)?,
        due_at: row.try_get(2)?,
        overdue: row.try_get(3)?,
        failing: match since {
            Some(since) => {
                Some(Failing { since, attempt: row.try_get(5)?, reason: reason.unwrap_or_default() })
            }
            None => None,
        },
        refused: match refused {
            Some(since) => Some(Refused { since, reason: row.try_get(8)? }),
            None => None,
        },
        closed: match closed {
            Some(until) => Some(Closed { until, reason: row.try_get(10)? }),
            None => None,
        },
        away: match row.try_get(13)? {
            Some(since) => Some(Away {
                since,
                probe_at: row.try_get(14)?,
                failures: row.try_get(15)?,
                reason: row.try_get(16)?,
            }),
            None => None,
        },
        spent_until: row.try_get(12)?,
        now: row.try_get(11)?,
    })
}
