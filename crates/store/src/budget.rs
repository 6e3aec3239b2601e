//! What a vendor's account allows, shared by all workers: slots in time, requests in flight, closures.

mod day;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::{Share, Vendor, VendorAccount, Version};
use uuid::Uuid;

use crate::{Speaker, Store, StoreError, Tx};

pub use day::{BackfillOutlook, ShareLeft, backfill_outlooks, day_limit, set_day_limit, shares};

/// How much longer than a second R consecutive slots take. The vendor counts arrivals: a request may be late by
/// [`LATENESS_MAX`] and the network's own jitter comes on top, and still no second may see more than R.
const SLACK_S: f64 = 0.045;

/// A slot missed by more than this is given up, not used late.
pub const LATENESS_MAX: Duration = Duration::from_millis(25);

/// Given to a slot that is free at once, so that the way back from the database is not counted as lateness.
const LEAD_S: f64 = 0.004;

/// A permit for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Identifies it, for giving it back.
    pub id: Uuid,
    /// Not to be used before this moment.
    pub from: Instant,
    /// To be given up after this moment.
    pub until: Instant,
    /// The database's clock at the slot: the version of everything the request returns.
    pub version: Version,
    /// The vendor has refused requests since it last answered one.
    pub after_refusals: bool,
}

/// The answer to asking for a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// A slot was reserved.
    Granted(Permit),
    /// Nothing was reserved: the next slot, or a place in flight, is farther away than the caller waits.
    NotBefore(Duration),
    /// Nothing was reserved: the vendor has closed the account for this long, or the share has spent its part of the day.
    Closed(Duration),
}

/// Sets what a vendor's account allows, keeping the clock of its slots.
pub async fn set_limits(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    requests_per_second: f64,
    in_flight_max: i32,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO vendor_budgets (vendor, vendor_account, requests_per_second, in_flight_max)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (vendor, vendor_account)
         DO UPDATE SET requests_per_second = excluded.requests_per_second, in_flight_max = excluded.in_flight_max",
        &[&vendor.as_str(), &account.as_str(), &requests_per_second, &in_flight_max],
    )
    .await?;
    Ok(())
}

/// What a vendor's account allows: requests per second, and in flight.
pub async fn limits(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
) -> Result<Option<(f64, i32)>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT requests_per_second, in_flight_max FROM vendor_budgets WHERE vendor = $1 AND vendor_account = $2",
            &[&vendor.as_str(), &account.as_str()],
        )
        .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Reserves the next slot if it is at most `wait_max` away, with a lease on a place in flight.
pub async fn reserve(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
    share: Share,
    wait_max: Duration,
    lease: Duration,
) -> Result<Reservation, StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    let reservation = reserve_in(&tx, vendor, account, share, wait_max, lease).await?;
    tx.commit().await?;
    Ok(reservation)
}

async fn reserve_in(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    share: Share,
    wait_max: Duration,
    lease: Duration,
) -> Result<Reservation, StoreError> {
    // The row lock puts all workers in one line. Losing the last reservations in a crash of the database is harmless (its
    // restart takes longer than any slot), so this commit need not wait for the disk.
    let state = tx
        .query_opt(
            "SELECT set_config('synchronous_commit', 'off', true),
                    extract(epoch FROM greatest(closed_until - clock_timestamp(), interval '0'))::float8,
                    extract(epoch FROM greatest(next_slot_at - clock_timestamp(), interval '0'))::float8,
                    (SELECT count(*) FROM vendor_permits p
                     WHERE p.vendor = b.vendor AND p.vendor_account = b.vendor_account
                       AND p.expires_at > clock_timestamp()) >= in_flight_max,
                    requests_per_second, refusals > 0, requests_per_day IS NOT NULL
             FROM vendor_budgets b WHERE vendor = $1 AND vendor_account = $2 FOR UPDATE",
            &[&vendor.as_str(), &account.as_str()],
        )
        .await?
        .ok_or_else(|| StoreError::Other(format!("there is no budget for {vendor} account {account}")))?;
    let (closed_s, wait_s): (f64, f64) = (finite(state.try_get(1)?), finite(state.try_get(2)?));
    if closed_s > 0.0 {
        return Ok(Reservation::Closed(Duration::from_secs_f64(closed_s)));
    }
    let crowded: bool = state.try_get(3)?;
    let rate: f64 = state.try_get(4)?;
    if crowded {
        return Ok(Reservation::NotBefore(Duration::from_secs_f64((1.0 / rate).clamp(0.01, 1.0))));
    }
    if wait_s > wait_max.as_secs_f64() {
        return Ok(Reservation::NotBefore(Duration::from_secs_f64(wait_s)));
    }
    let after_refusals: bool = state.try_get(5)?;
    if state.try_get(6)? {
        if let Some(wait) = day::spent(tx, vendor, account, share).await? {
            return Ok(Reservation::Closed(wait));
        }
        day::count(tx, vendor, account, share, 1).await?;
    }
    let permit = take_slot(tx, vendor, account, (1.0 + SLACK_S) / rate, lease).await?;
    Ok(Reservation::Granted(Permit { after_refusals, ..permit }))
}

/// A distance in time as seconds that a `Duration` can hold.
fn finite(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

async fn take_slot(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    spacing_s: f64,
    lease: Duration,
) -> Result<Permit, StoreError> {
    let id = Uuid::new_v4();
    let asked_at = Instant::now();
    // one statement: the reservation, the lease, and leases of crashed workers swept on the way
    let slot = tx
        .query_one(
            "WITH now AS MATERIALIZED (SELECT clock_timestamp() AS instant),
             slot AS (
                 UPDATE vendor_budgets
                 SET next_slot_at = greatest(next_slot_at, instant + make_interval(secs => $6))
                                    + make_interval(secs => $3)
                 FROM now WHERE vendor = $1 AND vendor_account = $2
                 RETURNING next_slot_at - make_interval(secs => $3) AS at),
             swept AS (
                 DELETE FROM vendor_permits
                 WHERE vendor = $1 AND vendor_account = $2 AND expires_at < clock_timestamp()),
             leased AS (
                 INSERT INTO vendor_permits (permit_id, vendor, vendor_account, expires_at)
                 SELECT $4, $1, $2, at + make_interval(secs => $5) FROM slot)
             SELECT at, extract(epoch FROM at - instant)::float8 FROM slot, now",
            &[&vendor.as_str(), &account.as_str(), &spacing_s, &id, &lease.as_secs_f64(), &LEAD_S],
        )
        .await?;
    let answered_at = Instant::now();
    let at: Timestamp = slot.try_get(0)?;
    let wait = Duration::from_secs_f64(finite(slot.try_get(1)?));
    // The database read its clock somewhere in between: counted from the later moment it is never too early, from the earlier one
    // never later than it seems. The wait in the line of workers was before, and makes no slot late.
    Ok(Permit {
        id,
        from: answered_at + wait,
        until: asked_at + wait + LATENESS_MAX,
        version: Version(at.as_microsecond()),
        after_refusals: false,
    })
}

/// Counts requests that were sent before it was known whose they were, and keeps the account's slots back for a second.
pub async fn hold_back(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    requests: i32,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE vendor_budgets SET next_slot_at = greatest(next_slot_at, clock_timestamp() + interval '1 second')
         WHERE vendor = $1 AND vendor_account = $2",
        &[&vendor.as_str(), &account.as_str()],
    )
    .await?;
    day::count(tx, vendor, account, Share::Live, requests).await
}

/// Gives a permit back once its request has ended.
pub async fn release(store: &Store, permit: Uuid) -> Result<(), StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    tx.execute("DELETE FROM vendor_permits WHERE permit_id = $1", &[&permit]).await?;
    tx.commit().await
}

/// Closes an account after a refusal; returns for how long. Without a wait from the vendor it grows with each refusal
/// in a row: 2 s, 4 s, … 5 min.
pub async fn close(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
    retry_after: Option<Duration>,
    reason: &str,
) -> Result<Duration, StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    let row = tx
        .query_one(
            // several requests in flight are refused together: only one that finds the account open counts as one more
            "UPDATE vendor_budgets SET
                 closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs =>
                     coalesce($3, least(300, 2 ^ least(refusals + 1, 9)) * (1 + random() / 4)))),
                 refusals = refusals + CASE WHEN closed_until > clock_timestamp() THEN 0 ELSE 1 END,
                 closed_reason = $4
             WHERE vendor = $1 AND vendor_account = $2
             RETURNING extract(epoch FROM closed_until - clock_timestamp())::float8",
            &[&vendor.as_str(), &account.as_str(), &retry_after.map(|wait| wait.as_secs_f64()), &reason],
        )
        .await?;
    let closed = Duration::from_secs_f64(finite(row.try_get(0)?));
    tx.commit().await?;
    Ok(closed)
}

/// Forgets refusals after a request that was answered, so that the next one waits briefly again.
pub async fn forget_refusals(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
) -> Result<(), StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    tx.execute(
        "UPDATE vendor_budgets SET refusals = 0, closed_reason = NULL
         WHERE vendor = $1 AND vendor_account = $2 AND closed_until < clock_timestamp()",
        &[&vendor.as_str(), &account.as_str()],
    )
    .await?;
    tx.commit().await
}
