//! Numbers by vendor, or by tenant: closed sets and short lists, for whoever draws them.

use std::str::FromStr;

use model::{TenantId, Vendor};
use tokio_postgres::Row;

use super::{Spread, freshness};
use crate::{StoreError, Tx};

/// What a number is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// All connections of a vendor.
    Vendor(Vendor),
    /// All connections of a tenant.
    Tenant(TenantId),
}

/// How soon the calls of the last day were there.
#[derive(Debug, Clone, PartialEq)]
pub struct DayFreshness {
    /// Of whom.
    pub whose: Whose,
    /// Calls that ended within the day, and since their connection is live.
    pub calls: i64,
    /// From a call's end until it was stored.
    pub total: Spread,
    /// Of that, until the vendor listed it to us.
    pub vendor_lag: Spread,
    /// Then until it was stored.
    pub own_lag: Spread,
}

/// How the backfills of a vendor get on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillPace {
    /// The vendor.
    pub vendor: Vendor,
    /// Slices that are still to be listed.
    pub left: i64,
    /// Slices that were listed within the hour.
    pub done_within_hour: i64,
}

/// How the accounts of a vendor stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsBusy {
    /// The vendor.
    pub vendor: Vendor,
    /// Accounts that take no requests for a while: the vendor said 429.
    pub closed: i64,
    /// Accounts whose work is parked: the vendor is away.
    pub away: i64,
    /// Requests in flight.
    pub in_flight: i64,
    /// Requests that may be in flight.
    pub in_flight_max: i64,
}

/// Dead letters of a stage, of a vendor if one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadOf {
    /// The vendor; `None` when the message did not tell, or told nonsense.
    pub vendor: Option<Vendor>,
    /// Where in the pipeline they died.
    pub stage: String,
    /// How many.
    pub count: i64,
    /// Seconds since the oldest was filed.
    pub oldest_s: i64,
}

/// Tells how soon the calls of the last 24 hours were there, by vendor and by tenant. Read by tenant and start, which there is an index for.
pub async fn day_freshness(tx: &Tx) -> Result<Vec<DayFreshness>, StoreError> {
    let rows = tx
        .query(
            "WITH calls AS (
                 SELECT c.tenant_id, c.vendor,
                     extract(epoch FROM greatest(c.first_seen_at - c.ended_at, '0'))::float8 AS total,
                     extract(epoch FROM greatest(k.first_listed_at - c.ended_at, '0'))::float8 AS vendor_lag,
                     extract(epoch FROM greatest(c.first_seen_at - k.first_listed_at, '0'))::float8 AS own_lag
                 FROM tenants t
                 -- no call is longer than a day
                 JOIN conversations c ON c.tenant_id = t.tenant_id AND c.started_at > now() - interval '48 hours'
                 JOIN streams s ON s.connection_id = c.connection_id AND s.stream = 'conversations'
                 JOIN intake k ON k.connection_id = c.connection_id AND k.vendor_key = c.external_id
                 WHERE c.ended_at BETWEEN greatest(s.live_from, now() - interval '24 hours') AND now())
             SELECT vendor, tenant_id, count(*),
                 percentile_cont($1::float8[]) WITHIN GROUP (ORDER BY total),
                 percentile_cont($1::float8[]) WITHIN GROUP (ORDER BY vendor_lag),
                 percentile_cont($1::float8[]) WITHIN GROUP (ORDER BY own_lag)
             FROM calls GROUP BY GROUPING SETS ((vendor), (tenant_id))",
            &[&freshness::PERCENTILES.as_slice()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DayFreshness {
                whose: whose(row)?,
                calls: row.try_get(2)?,
                total: freshness::spread(row, 3)?,
                vendor_lag: freshness::spread(row, 4)?,
                own_lag: freshness::spread(row, 5)?,
            })
        })
        .collect()
}

fn whose(row: &Row) -> Result<Whose, StoreError> {
    Ok(match row.try_get::<_, Option<&str>>(0)? {
        Some(vendor) => Whose::Vendor(vendor.parse()?),
        None => Whose::Tenant(TenantId::parse(row.try_get(1)?)?),
    })
}

/// Tells how the backfills of each vendor get on; a vendor without any is left out.
pub async fn backfill_paces(tx: &Tx) -> Result<Vec<BackfillPace>, StoreError> {
    let rows = tx
        .query(
            "SELECT c.vendor, count(*) FILTER (WHERE r.state IN ('planned', 'listing', 'parked')),
                    count(*) FILTER (WHERE r.state IN ('listed', 'settled'))
             FROM connections c
             JOIN sync_runs r ON r.connection_id = c.connection_id AND r.kind IN ('bootstrap', 'backfill')
                  AND (r.state IN ('planned', 'listing', 'parked')
                       OR r.state IN ('listed', 'settled') AND r.listed_at > clock_timestamp() - interval '1 hour')
             WHERE c.disconnected_at IS NULL GROUP BY c.vendor",
            &[],
        )
        .await?;
    let pace = |row: &Row| {
        let vendor = row.try_get::<_, &str>(0)?.parse()?;
        Ok(BackfillPace { vendor, left: row.try_get(1)?, done_within_hour: row.try_get(2)? })
    };
    rows.iter().map(pace).collect()
}

/// Tells how busy the accounts of each vendor are; a vendor without any is left out.
pub async fn accounts_busy(tx: &Tx) -> Result<Vec<AccountsBusy>, StoreError> {
    let rows = tx
        .query(
            "SELECT vendor, count(*) FILTER (WHERE closed_until > clock_timestamp()), count(away_since),
                    sum((SELECT count(*) FROM unnest(in_flight_until) AS until WHERE until > clock_timestamp()))::bigint,
                    sum(in_flight_max)::bigint
             FROM vendor_budgets GROUP BY vendor",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(AccountsBusy {
                vendor: row.try_get::<_, &str>(0)?.parse()?,
                closed: row.try_get(1)?,
                away: row.try_get(2)?,
                in_flight: row.try_get(3)?,
                in_flight_max: row.try_get(4)?,
            })
        })
        .collect()
}

/// Counts dead letters by vendor and stage, with the age of the oldest.
pub async fn dead_by_vendor(tx: &Tx) -> Result<Vec<DeadOf>, StoreError> {
    let rows = tx
        .query(
            "SELECT vendor, stage, count(*), floor(extract(epoch FROM clock_timestamp() - min(filed_at)))::bigint
             FROM dead_letters WHERE state = 'dead' GROUP BY vendor, stage",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let vendor: Option<&str> = row.try_get(0)?;
            Ok(DeadOf {
                // from a header, which anybody may have written
                vendor: vendor.and_then(|vendor| Vendor::from_str(vendor).ok()),
                stage: row.try_get(1)?,
                count: row.try_get(2)?,
                oldest_s: row.try_get(3)?,
            })
        })
        .collect()
}

/// Counts the dead letters of each tenant; those that are nobody's are left out.
pub async fn dead_by_tenant(tx: &Tx) -> Result<Vec<(TenantId, i64)>, StoreError> {
    let sql = "SELECT t.tenant_id, count(d.tenant_id)
               FROM tenants t LEFT JOIN dead_letters d ON d.tenant_id = t.tenant_id AND d.state = 'dead' GROUP BY 1";
    let rows = tx.query(sql, &[]).await?;
    rows.iter().map(|row| Ok((TenantId::parse(row.try_get(0)?)?, row.try_get(1)?))).collect()
}
