//! A vendor account's day: how many requests it has, which share may spend how many, and what that leaves for a backfill.

use std::time::Duration;

use jiff::Timestamp;
use model::{Share, Vendor, VendorAccount};

use super::seconds;
use crate::{Store, StoreError, Tx};

/// What a share of the day may still spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareLeft {
    /// The vendor.
    pub vendor: Vendor,
    /// Its account.
    pub vendor_account: VendorAccount,
    /// Which share.
    pub share: Share,
    /// Requests it may spend within 24 hours.
    pub allowed: i64,
    /// Requests it has spent.
    pub used: i64,
    /// Requests it may spend now.
    pub left: i64,
    /// When there will be more, if it has spent any.
    pub more_at: Option<Timestamp>,
}

/// When the backfill of a vendor's account will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillOutlook {
    /// The vendor.
    pub vendor: Vendor,
    /// Its account.
    pub vendor_account: VendorAccount,
    /// Slices that are still to be listed.
    pub slices_left: i64,
    /// When they will be, by what slices cost so far; `None` before one has ended.
    pub done_at: Option<Timestamp>,
}

/// What a vendor said of an account's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTold {
    /// The vendor.
    pub vendor: Vendor,
    /// Its account.
    pub vendor_account: VendorAccount,
    /// Requests that everybody who asks the account has together.
    pub limit: i32,
    /// Requests that were used by whomever; ours since it was said are among them.
    pub used: i32,
    /// When it was said.
    pub at: Timestamp,
}

/// Writes down what a vendor said of an account's day: other programs spend of it too.
pub async fn tell_day(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
    used: i32,
    limit: i32,
) -> Result<(), StoreError> {
    store
        .one_statement(
            // what is lost in a crash is said again by the next answers
            "UPDATE vendor_budgets SET day_used_told = $3, day_limit_told = $4, day_told_at = clock_timestamp()
             WHERE vendor = $1 AND vendor_account = $2
             RETURNING set_config('synchronous_commit', 'off', true)",
            &[&vendor.as_str(), &account.as_str(), &used, &limit],
        )
        .await?;
    Ok(())
}

/// What vendors said of the days of the accounts that somebody is connected to.
pub async fn days_told(tx: &Tx) -> Result<Vec<DayTold>, StoreError> {
    let rows = tx
        .query(
            "SELECT vendor, vendor_account, day_limit_told, day_used_told, day_told_at FROM vendor_budgets b
             WHERE day_told_at IS NOT NULL AND EXISTS (
                 SELECT FROM connections c WHERE c.vendor = b.vendor AND c.vendor_account = b.vendor_account)
             ORDER BY vendor, vendor_account",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DayTold {
                vendor: row.try_get::<_, &str>(0)?.parse()?,
                vendor_account: VendorAccount::of(row.try_get(1)?),
                limit: row.try_get(2)?,
                used: row.try_get(3)?,
                at: row.try_get(4)?,
            })
        })
        .collect()
}

/// Sets how many requests an account has within any 24 hours; `None` is no limit.
pub async fn set_day_limit(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    requests_per_day: Option<i32>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE vendor_budgets SET requests_per_day = $3 WHERE vendor = $1 AND vendor_account = $2",
        &[&vendor.as_str(), &account.as_str(), &requests_per_day],
    )
    .await?;
    Ok(())
}

/// How many requests an account has within any 24 hours.
pub async fn day_limit(tx: &Tx, vendor: Vendor, account: &VendorAccount) -> Result<Option<i32>, StoreError> {
    let sql = "SELECT requests_per_day FROM vendor_budgets WHERE vendor = $1 AND vendor_account = $2";
    let row = tx.query_opt(sql, &[&vendor.as_str(), &account.as_str()]).await?;
    row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
}

/// How long a share must wait because it has spent its part of the day; `None` when it need not.
pub(super) async fn spent(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    share: Share,
) -> Result<Option<Duration>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT extract(epoch FROM greatest(more_at - clock_timestamp(), interval '1 minute'))::float8
             FROM vendor_shares WHERE vendor = $1 AND vendor_account = $2 AND share = $3 AND left_over = 0",
            &[&vendor.as_str(), &account.as_str(), &share.as_str()],
        )
        .await?;
    row.map(|row| Ok(seconds(row.try_get(0)?))).transpose()
}

/// Counts requests against a share, of an account with a daily limit; hours that no longer count are swept on the way.
pub(super) async fn count(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    share: Share,
    requests: i32,
) -> Result<(), StoreError> {
    tx.execute(
        // the caller holds the account's row lock: no two writers meet here
        "WITH swept AS (
             DELETE FROM vendor_hours
             WHERE vendor = $1 AND vendor_account = $2 AND hour < clock_timestamp() - interval '26 hours')
         INSERT INTO vendor_hours AS h (vendor, vendor_account, share, hour, requests)
         SELECT $1, $2, $3, date_trunc('hour', clock_timestamp(), 'UTC'), $4 FROM vendor_budgets
         WHERE vendor = $1 AND vendor_account = $2 AND requests_per_day IS NOT NULL
         ON CONFLICT (vendor, vendor_account, share, hour) DO UPDATE SET requests = h.requests + excluded.requests",
        &[&vendor.as_str(), &account.as_str(), &share.as_str(), &requests],
    )
    .await?;
    Ok(())
}

/// What the shares of every account with a daily limit may still spend.
pub async fn shares(tx: &Tx) -> Result<Vec<ShareLeft>, StoreError> {
    let rows = tx
        .query(
            "SELECT s.vendor, s.vendor_account, s.share, s.allowed::bigint, s.used::bigint, s.left_over::bigint,
                    CASE WHEN s.used > 0 OR s.left_over = 0 THEN s.more_at END
             FROM vendor_shares s
             WHERE s.requests_per_day IS NOT NULL
               AND EXISTS (SELECT FROM connections c WHERE c.vendor = s.vendor AND c.vendor_account = s.vendor_account)
             ORDER BY s.vendor, s.vendor_account, s.allowed DESC",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ShareLeft {
                vendor: row.try_get::<_, &str>(0)?.parse()?,
                vendor_account: VendorAccount::of(row.try_get(1)?),
                share: row.try_get::<_, &str>(2)?.parse()?,
                allowed: row.try_get(3)?,
                used: row.try_get(4)?,
                left: row.try_get(5)?,
                more_at: row.try_get(6)?,
            })
        })
        .collect()
}

/// When the backfills of accounts with a daily limit will be done: what slices cost in the last day, times those that are left, first at
/// the account's pace out of what the share has left, then a share a day.
pub async fn backfill_outlooks(tx: &Tx) -> Result<Vec<BackfillOutlook>, StoreError> {
    let rows = tx
        .query(
            "WITH slices AS (
                 SELECT c.vendor, c.vendor_account,
                        count(*) FILTER (WHERE r.state IN ('planned', 'listing', 'parked')) AS to_do,
                        count(*) FILTER (WHERE r.listed_at > clock_timestamp() - interval '25 hours') AS done
                 FROM sync_runs r JOIN connections c USING (connection_id)
                 WHERE r.lane = 'backfill' AND c.disconnected_at IS NULL GROUP BY 1, 2),
             work AS (
                 SELECT l.vendor, l.vendor_account, l.to_do, s.allowed, s.left_over, b.requests_per_second,
                        l.to_do * s.used / nullif(l.done, 0)::float8 AS needed
                 FROM slices l
                 JOIN vendor_shares s ON s.vendor = l.vendor AND s.vendor_account = l.vendor_account AND s.share = 'backfill'
                 JOIN vendor_budgets b ON b.vendor = l.vendor AND b.vendor_account = l.vendor_account
                 WHERE l.to_do > 0 AND s.requests_per_day IS NOT NULL)
             SELECT vendor, vendor_account, to_do,
                    CASE WHEN needed IS NOT NULL THEN clock_timestamp() + make_interval(
                        hours => 25 * ceil(greatest(needed - left_over, 0) / allowed)::integer,
                        secs => least(needed, left_over) / requests_per_second) END
             FROM work ORDER BY vendor, vendor_account",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BackfillOutlook {
                vendor: row.try_get::<_, &str>(0)?.parse()?,
                vendor_account: VendorAccount::of(row.try_get(1)?),
                slices_left: row.try_get(2)?,
                done_at: row.try_get(3)?,
            })
        })
        .collect()
}
