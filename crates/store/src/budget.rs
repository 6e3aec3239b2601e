//! What a vendor's account allows, shared by all workers: slots in time, requests in flight, closures, and its circuit.

mod circuit;
mod day;
mod slot;

use std::time::Duration;

use model::{Share, Vendor, VendorAccount};

use crate::{Speaker, Store, StoreError, Tx};

pub use circuit::{
    CircuitProbe, Noted, close_circuit, keep_circuit_open, note_answer, note_failure, put_off_probe,
    take_probe,
};
pub use day::{
    BackfillOutlook, DayTold, ShareLeft, backfill_outlooks, day_limit, days_told, set_day_limit, shares,
    tell_day,
};
pub use slot::{CIRCUIT_WAIT, LATENESS_MAX, Permit, Request, Reservation, is_closed, release, reserve};

/// Sets what a vendor's account allows, keeping the clock of its slots; the next one is no farther away than the new rate asks for.
pub async fn set_limits(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    requests_per_second: f64,
    in_flight_max: i32,
) -> Result<(), StoreError> {
    bring_nearer(tx, vendor, account, requests_per_second).await?;
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

/// Brings the next slot as near as a rate that somebody is about to set allows; what is reserved stays, and so does the limit.
pub async fn hasten(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
    requests_per_second: f64,
) -> Result<(), StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    bring_nearer(&tx, vendor, account, requests_per_second).await?;
    tx.commit().await
}

async fn bring_nearer(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    requests_per_second: f64,
) -> Result<(), StoreError> {
    tx.execute(
        // the last slot that was given away may still be to come
        "UPDATE vendor_budgets SET next_slot_at = least(next_slot_at,
             greatest(next_slot_at - make_interval(secs => (1 + $4::float8) / requests_per_second), clock_timestamp())
             + make_interval(secs => (1 + $4::float8) / $3::float8))
         WHERE vendor = $1 AND vendor_account = $2",
        &[&vendor.as_str(), &account.as_str(), &requests_per_second, &slot::SLACK_S],
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
    let closed = seconds(row.try_get(0)?);
    tx.commit().await?;
    Ok(closed)
}

/// A distance in time that a `Duration` can hold.
fn seconds(distance: f64) -> Duration {
    Duration::from_secs_f64(if distance.is_finite() { distance.max(0.0) } else { 0.0 })
}
