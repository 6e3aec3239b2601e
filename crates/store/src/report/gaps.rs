//! What became of all that a vendor listed, by connection and day, and what is missing.

mod missing;

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::{ConnectionId, Stream, Window};
use serde::Serialize;
use tokio_postgres::Row;

use crate::{StoreError, Tx};

pub(crate) use missing::LISTED_SINCE;
pub use missing::{Missing, What, missing};

/// What became of the records of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Whose they are.
    #[serde(skip)]
    pub connection_id: ConnectionId,
    /// What they are.
    pub stream: Stream,
    /// The day, in UTC; none for a CRM's, whose records are of no day.
    pub day: Option<Date>,
    /// All that the vendor listed.
    pub listed: i64,
    /// Stored.
    pub stored: i64,
    /// Not kept, by reason.
    pub skipped: BTreeMap<String, i64>,
    /// To be looked at again.
    pub pending: i64,
    /// In the dead letters.
    pub dead: i64,
    /// Listed, and on their way.
    pub under_way: i64,
    /// The vendor's own count, where it says one and the day was last fetched by itself; it may go by the end of a call, and differ from
    /// `listed` by what lies across midnight.
    pub vendor_total: Option<i64>,
}

/// Tells of every day of a window, and of every stream whose records have no days, what became of the records, of all the transaction
/// speaks for. A day that was asked for and had nothing is told, too. Days before a connection's history are not.
pub async fn days(tx: &Tx, window: Window) -> Result<Vec<Day>, StoreError> {
    let rows = tx
        .query(
            // a record is of the day on which its call took place; what was listed before that was kept is of the day of its
            // conversation, or of the day on which it was listed first
            "WITH records AS (
                 SELECT k.connection_id, k.stream, s.standing,
                        CASE WHEN s.standing = 'skipped' THEN coalesce(k.skipped_reason, 'unknown') END AS reason,
                        CASE WHEN k.stream = 'conversations' THEN
                            (coalesce(k.happened_at, c.started_at, k.first_listed_at) AT TIME ZONE 'UTC')::date END AS day
                 FROM intake k
                 JOIN record_standings s USING (connection_id, vendor_key)
                 LEFT JOIN conversations c ON k.happened_at IS NULL AND k.stream = 'conversations'
                      AND c.connection_id = k.connection_id AND c.external_id = k.vendor_key
                 WHERE s.standing <> 'unknown'
                   AND (k.stream <> 'conversations' OR coalesce(k.happened_at, c.started_at, k.first_listed_at) >= $1
                        AND coalesce(k.happened_at, c.started_at, k.first_listed_at) < $2)),
             counts AS (
                 SELECT connection_id, stream, day, standing, reason, count(*) AS count FROM records
                 GROUP BY connection_id, stream, day, standing, reason),
             asked AS (
                 SELECT s.connection_id, s.stream, d.day::date AS day
                 FROM streams s JOIN connections c USING (connection_id)
                 CROSS JOIN LATERAL generate_series(
                     date_trunc('day', greatest($1, s.live_from - make_interval(days => c.backfill_days)) AT TIME ZONE 'UTC'),
                     (least($2, now()) - interval '1 microsecond') AT TIME ZONE 'UTC', interval '1 day') AS d (day)
                 WHERE s.stream = 'conversations')
             SELECT connection_id, stream, day, n.standing, n.reason, n.count, t.vendor_total
             FROM asked a FULL JOIN counts n USING (connection_id, stream, day)
             JOIN connections c USING (connection_id)
             LEFT JOIN LATERAL (
                 SELECT r.vendor_total FROM sync_runs r
                 WHERE r.tenant_id = c.tenant_id AND r.connection_id = c.connection_id AND r.stream = 'conversations'
                   AND r.kind = 'backfill' AND r.vendor_total IS NOT NULL AND r.listed_at IS NOT NULL
                   AND r.planned_at >= day AND r.window_from = day::timestamp AT TIME ZONE 'UTC'
                   AND r.window_to = (day + 1)::timestamp AT TIME ZONE 'UTC'
                 ORDER BY r.planned_at DESC LIMIT 1) AS t ON day IS NOT NULL
             ORDER BY c.tenant_id, c.vendor, c.created_at, connection_id, stream, day",
            &[&window.from, &window.to],
        )
        .await?;
    let mut days: Vec<Day> = Vec::new();
    for row in &rows {
        take(&mut days, row)?;
    }
    Ok(days)
}

/// Adds a count to its day.
fn take(days: &mut Vec<Day>, row: &Row) -> Result<(), StoreError> {
    let (connection_id, stream) = (ConnectionId(row.try_get(0)?), row.try_get::<_, &str>(1)?.parse()?);
    let day: Option<Date> = row.try_get(2)?;
    let is_last = |last: &Day| (last.connection_id, last.stream, last.day) == (connection_id, stream, day);
    if !days.last().is_some_and(is_last) {
        days.push(Day {
            connection_id,
            stream,
            day,
            listed: 0,
            stored: 0,
            skipped: BTreeMap::new(),
            pending: 0,
            dead: 0,
            under_way: 0,
            vendor_total: row.try_get(6)?,
        });
    }
    let (Some(last), Some(standing)) = (days.last_mut(), row.try_get::<_, Option<&str>>(3)?) else {
        return Ok(());
    };
    let count: i64 = row.try_get(5)?;
    last.listed += count;
    match standing {
        "stored" => last.stored += count,
        "pending" => last.pending += count,
        "dead" => last.dead += count,
        "skipped" => *last.skipped.entry(row.try_get(4)?).or_default() += count,
        _ => last.under_way += count,
    }
    Ok(())
}
