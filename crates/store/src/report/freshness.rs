//! How soon calls are there after they ended, and how far back syncs have to look.

use jiff::SignedDuration;
use model::{ConnectionId, TenantId, Vendor};
use serde::Serialize;

use crate::{StoreError, Tx};

/// Lookbacks that are reckoned with: an hour, six, a day, two, four.
const LOOKBACKS_S: [i32; 5] = [3_600, 21_600, 86_400, 172_800, 345_600];

/// What a [`Spread`] is made of.
pub(super) const PERCENTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// How soon a connection's calls are there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Freshness {
    /// Which connection.
    pub connection: ConnectionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The vendor.
    pub vendor: Vendor,
    /// Calls that ended in the time that was asked for, and since the connection is live.
    pub calls: i64,
    /// From a call's end until it was stored.
    pub total: Spread,
    /// Of that, until the vendor listed it to us: its own work, and the wait for our next sync.
    pub vendor_lag: Spread,
    /// Then until it was asked for its content: requests that were due before.
    pub fetch_lag: Spread,
    /// Then until it was stored: queue and our own work.
    pub store_lag: Spread,
    /// How far syncs look back now, in seconds.
    pub lookback_s: i32,
    /// How many calls were listed too late for other lookbacks.
    pub lookbacks: Vec<Lookback>,
}

/// Seconds that half, 95 and 99 of a hundred calls took at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them.
    pub p50_s: f64,
    /// 95 of a hundred.
    pub p95_s: f64,
    /// 99 of a hundred.
    pub p99_s: f64,
}

/// What a lookback would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lookback {
    /// How far syncs would look back, in seconds.
    pub lookback_s: i32,
    /// Calls that were listed so long after their end that only a walk would have found them.
    pub missed: i64,
}

/// Tells how soon the calls of each connection were there that ended within a time until now. Calls from before a connection was live
/// are history, and tell nothing.
pub async fn freshness(tx: &Tx, within: SignedDuration) -> Result<Vec<Freshness>, StoreError> {
    let rows = tx
        .query(
            "WITH calls AS (
                 SELECT c.connection_id,
                     extract(epoch FROM greatest(k.first_listed_at - c.ended_at, '0'))::float8 AS vendor,
                     extract(epoch FROM greatest(a.asked_at - k.first_listed_at, '0'))::float8 AS fetch,
                     extract(epoch FROM greatest(c.first_seen_at - a.asked_at, '0'))::float8 AS store,
                     extract(epoch FROM greatest(c.first_seen_at - c.ended_at, '0'))::float8 AS total
                 FROM conversations c
                 JOIN streams s ON s.connection_id = c.connection_id AND s.stream = 'conversations'
                 JOIN intake k ON k.connection_id = c.connection_id AND k.vendor_key = c.external_id
                 CROSS JOIN LATERAL (
                     SELECT coalesce(to_timestamp(min(d.version) / 1000000.0), k.first_listed_at) AS asked_at
                     FROM raw_documents d
                     WHERE d.connection_id = c.connection_id AND d.vendor_key = c.external_id) AS a
                 WHERE c.ended_at >= greatest(s.live_from, now() - make_interval(secs => $1)))
             SELECT c.connection_id, c.tenant_id, c.vendor, c.lookback_s, count(*),
                 percentile_cont($2::float8[]) WITHIN GROUP (ORDER BY calls.total),
                 percentile_cont($2::float8[]) WITHIN GROUP (ORDER BY calls.vendor),
                 percentile_cont($2::float8[]) WITHIN GROUP (ORDER BY calls.fetch),
                 percentile_cont($2::float8[]) WITHIN GROUP (ORDER BY calls.store),
                 (SELECT array_agg((SELECT count(*) FROM calls l WHERE l.connection_id = c.connection_id AND l.vendor > n.s)
                                   ORDER BY n.s)
                  FROM unnest($3::int[]) AS n (s))
             FROM connections c JOIN calls USING (connection_id)
             GROUP BY c.connection_id ORDER BY c.tenant_id, c.vendor, c.created_at",
            &[&within.as_secs_f64(), &PERCENTILES.as_slice(), &LOOKBACKS_S.as_slice()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let missed: Vec<i64> = row.try_get(9)?;
            let lookbacks = LOOKBACKS_S.iter().zip(missed);
            Ok(Freshness {
                connection: ConnectionId(row.try_get(0)?),
                tenant: TenantId::parse(row.try_get(1)?)?,
                vendor: row.try_get::<_, &str>(2)?.parse()?,
                lookback_s: row.try_get(3)?,
                calls: row.try_get(4)?,
                total: spread(row, 5)?,
                vendor_lag: spread(row, 6)?,
                fetch_lag: spread(row, 7)?,
                store_lag: spread(row, 8)?,
                lookbacks: lookbacks.map(|(&lookback_s, missed)| Lookback { lookback_s, missed }).collect(),
            })
        })
        .collect()
}

/// The seconds to the millisecond.
pub(super) fn spread(row: &tokio_postgres::Row, column: usize) -> Result<Spread, StoreError> {
    let percentiles: Vec<f64> = row.try_get(column)?;
    let at = |index: usize| percentiles.get(index).map_or(0.0, |s| (s * 1000.0).round() / 1000.0);
    Ok(Spread { p50_s: at(0), p95_s: at(1), p99_s: at(2) })
}
