//! What is missing of what was asked for, and whether it comes by itself.

use jiff::Timestamp;
use model::{ConnectionId, Stream, Window};
use tokio_postgres::Row;

use crate::{StoreError, Tx};

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A stretch of time that no run has listed to its end.
    NeverListed,
    /// Records that the vendor counts and did not show, in a list that was complete otherwise.
    FewerThanCounted,
    /// Records that were listed, and that nobody has in hand.
    WithoutOutcome,
    /// Records whose transcript or details are to be asked for again.
    Pending,
    /// Records in a group of the dead letters; none where their letter is gone.
    Dead(Option<String>),
}

impl What {
    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NeverListed => "never listed",
            Self::FewerThanCounted => "fewer than the vendor counts",
            Self::WithoutOutcome => "without an outcome",
            Self::Pending => "pending",
            Self::Dead(_) => "dead",
        }
    }
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whose it is.
    pub connection_id: ConnectionId,
    /// What it is of.
    pub stream: Stream,
    /// What is missing.
    pub what: What,
    /// From when on: of records, the first one's time.
    pub from: Timestamp,
    /// Until when: of records, the last one's time.
    pub to: Timestamp,
    /// How many records; zero where nobody knows.
    pub records: i64,
    /// The run or replay that is about to bring it, and how that stands.
    pub under_way: Option<String>,
    /// When it is asked for next by itself.
    pub by_itself_at: Option<Timestamp>,
}

/// Tells what is missing of a window, of all the transaction speaks for.
pub async fn missing(tx: &Tx, window: Window) -> Result<Vec<Missing>, StoreError> {
    let mut all = never_listed(tx, window).await?;
    all.extend(fewer_than_counted(tx, window).await?);
    all.extend(records(tx, window).await?);
    Ok(all)
}

/// Stretches that no run has covered; what a schedule that is not late has still to list is none of them.
async fn never_listed(tx: &Tx, window: Window) -> Result<Vec<Missing>, StoreError> {
    let rows = tx
        .query(
            "SELECT s.connection_id, s.stream, lower(g), upper(g), 0::bigint, o.run, o.replan_at
             FROM streams s JOIN connections c USING (connection_id)
             CROSS JOIN LATERAL (
                 SELECT greatest($1, CASE s.stream WHEN 'conversations' THEN s.live_from - make_interval(days => c.backfill_days)
                                     ELSE 'epoch' END) AS wanted_from,
                        least($2, now() - make_interval(secs => 3 * greatest(c.interval_s, s.interval_min_s) + 300)) AS wanted_to) AS w
             CROSS JOIN LATERAL unnest(CASE WHEN w.wanted_from < w.wanted_to
                 THEN tstzmultirange(tstzrange(w.wanted_from, w.wanted_to)) - s.covered ELSE '{}' END) AS g
             LEFT JOIN LATERAL (
                 SELECT CASE WHEN r.replan_at IS NULL THEN 'run ' || left(r.run_id::text, 8) || ' is ' || r.state END AS run, r.replan_at
                 FROM sync_runs r
                 WHERE r.connection_id = s.connection_id AND r.stream = s.stream AND r.kind IN ('bootstrap', 'periodic', 'backfill')
                   AND (r.state IN ('planned', 'listing', 'parked') OR r.replan_at IS NOT NULL)
                   AND tstzrange(r.window_from, r.window_to) && g
                 ORDER BY r.replan_at NULLS FIRST, r.planned_at LIMIT 1) AS o ON true
             ORDER BY c.tenant_id, c.vendor, c.created_at, s.connection_id, s.stream, lower(g)",
            &[&window.from, &window.to],
        )
        .await?;
    rows.iter().map(|row| missing_of(row, What::NeverListed)).collect()
}

/// What has been listed of a run's window since that run `r` was.
pub(crate) const LISTED_SINCE: &str =
    "SELECT coalesce(range_agg(tstzrange(n.window_from, n.window_to)), '{}') AS since FROM sync_runs n
     WHERE n.tenant_id = r.tenant_id AND n.connection_id = r.connection_id AND n.planned_at > r.planned_at
       AND n.stream = r.stream AND n.kind IN ('bootstrap', 'periodic', 'backfill')
       AND n.state IN ('listed', 'settled') AND n.listed_at > r.listed_at";

/// What was listed to the vendor's end, with fewer records than its total, and not listed again since. Of windows that roll on a
/// quarter of an hour may be left over: that is nothing to tell of.
async fn fewer_than_counted(tx: &Tx, window: Window) -> Result<Vec<Missing>, StoreError> {
    let sql = format!(
        "SELECT r.connection_id, r.stream, greatest(lower(g), r.window_from), upper(g),
             CASE WHEN r.state = 'settled' THEN greatest(r.vendor_total - r.listed, 0) ELSE 0 END, o.run, NULL::timestamptz
         FROM sync_runs r JOIN connections c USING (connection_id)
         CROSS JOIN LATERAL ({LISTED_SINCE}) AS n
         CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(r.window_from, r.window_to)) - n.since) AS g
         LEFT JOIN LATERAL (
             SELECT 'run ' || left(a.run_id::text, 8) || ' is ' || a.state AS run FROM sync_runs a
             WHERE a.connection_id = r.connection_id AND a.stream = r.stream AND a.kind IN ('bootstrap', 'periodic', 'backfill')
               AND a.state IN ('planned', 'listing', 'parked') AND tstzrange(a.window_from, a.window_to) && g LIMIT 1) AS o ON true
         WHERE r.gap AND r.window_to > $1 AND r.window_from < $2 AND r.state IN ('listed', 'settled')
           AND upper(g) - lower(g) > interval '1 hour'
         ORDER BY c.tenant_id, c.vendor, c.created_at, r.connection_id, lower(g)"
    );
    let rows = tx.query(&sql, &[&window.from, &window.to]).await?;
    rows.iter().map(|row| missing_of(row, What::FewerThanCounted)).collect()
}

/// Records without a good end. What a person discarded has one.
async fn records(tx: &Tx, window: Window) -> Result<Vec<Missing>, StoreError> {
    let rows = tx
        .query(
            // a run keeps its records until it is settled
            "WITH open AS (
                 SELECT run_id FROM sync_runs WHERE state IN ('planned', 'listing', 'listed', 'parked')
                 UNION
                 SELECT run_id FROM sync_runs WHERE settle_look_at IS NOT NULL),
             held AS (SELECT DISTINCT i.connection_id, i.vendor_key FROM open JOIN run_items i USING (run_id)),
             records AS (
                 SELECT k.connection_id, k.stream, k.look_at, s.standing, d.state AS letter, d.letter_group,
                        coalesce(k.happened_at, c.started_at, k.first_listed_at, to_timestamp(k.listed_version / 1000000.0)) AS at,
                        s.standing = 'listed' AND h.vendor_key IS NOT NULL AS in_hand
                 FROM intake k
                 JOIN record_standings s USING (connection_id, vendor_key)
                 LEFT JOIN held h ON h.connection_id = k.connection_id AND h.vendor_key = k.vendor_key
                 LEFT JOIN dead_letters d ON s.standing = 'dead' AND d.dead_letter_id = k.dead_letter_id
                 LEFT JOIN conversations c ON k.happened_at IS NULL AND k.stream = 'conversations'
                      AND c.connection_id = k.connection_id AND c.external_id = k.vendor_key
                 WHERE s.standing IN ('pending', 'dead', 'listed'))
             SELECT connection_id, stream, min(at), max(at), count(*), CASE WHEN letter = 'replayed' THEN 'it is sent again' END, min(look_at),
                    standing, letter_group
             FROM records JOIN connections c USING (connection_id)
             WHERE NOT in_hand AND letter IS DISTINCT FROM 'discarded'
               AND (stream <> 'conversations' OR at >= $1 AND at < $2)
             GROUP BY c.tenant_id, c.vendor, c.created_at, connection_id, stream, standing, letter_group, letter
             ORDER BY c.tenant_id, c.vendor, c.created_at, connection_id, stream, standing, letter_group",
            &[&window.from, &window.to],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let what = match row.try_get(7)? {
                "dead" => What::Dead(row.try_get(8)?),
                "pending" => What::Pending,
                _ => What::WithoutOutcome,
            };
            missing_of(row, what)
        })
        .collect()
}

fn missing_of(row: &Row, what: What) -> Result<Missing, StoreError> {
    Ok(Missing {
        connection_id: ConnectionId(row.try_get(0)?),
        stream: row.try_get::<_, &str>(1)?.parse()?,
        what,
        from: row.try_get(2)?,
        to: row.try_get(3)?,
        records: row.try_get(4)?,
        under_way: row.try_get(5)?,
        by_itself_at: row.try_get(6)?,
    })
}
