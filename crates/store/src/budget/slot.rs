//! Slots in time and places in flight: a permit is one statement, given and taken back.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::{Share, Vendor, VendorAccount, Version};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{day, seconds};
use crate::lent::Lent;
use crate::{Speaker, Store, StoreError};

/// How much longer than a second R consecutive slots take. The vendor counts arrivals: a request may be late by
/// [`LATENESS_MAX`] and the network's own jitter comes on top, and still no second may see more than R.
pub(super) const SLACK_S: f64 = 0.045;

/// A slot missed by more than this is given up, not used late.
pub const LATENESS_MAX: Duration = Duration::from_millis(25);

/// Given to a slot that is free at once, so that the way back from the database is not counted as lateness.
const LEAD_S: f64 = 0.004;

/// Who meets an open circuit looks again after this: by then its first probe has told whether the vendor is away, and then its work is
/// parked.
pub const CIRCUIT_WAIT: Duration = Duration::from_secs(2);

/// A permit for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    vendor: Vendor,
    account: VendorAccount,
    /// When its place in flight is free again by itself; no two of an account have the same.
    leased_until: Timestamp,
    /// Not to be used before this moment.
    pub from: Instant,
    /// To be given up after this moment.
    pub until: Instant,
    /// The database's clock at the slot: the version of everything the request returns.
    pub version: Version,
    /// Requests were refused or failed since the vendor last answered one: an answer is to be noted.
    pub after_trouble: bool,
    /// It goes through where nobody else does.
    past_circuit: bool,
}

/// The answer to asking for a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// A slot was reserved.
    Granted(Permit),
    /// Nothing was reserved: the next slot, or a place in flight, is farther away than the caller waits.
    NotBefore(Duration),
    /// Nothing was reserved: the vendor has closed the account for this long, the share has spent its part of the day, or the circuit is
    /// open.
    Closed(Duration),
}

/// What a permit is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whose API.
    pub vendor: Vendor,
    /// The account whose limits count.
    pub account: &'a VendorAccount,
    /// Out of whose part of the day.
    pub share: Share,
    /// A slot farther away is not reserved.
    pub wait_max: Duration,
    /// A place in flight is free again by itself after this.
    pub lease: Duration,
    /// Permits of the same account whose requests have ended: given back by the way, whatever comes of this one.
    pub ended: &'a [Permit],
    /// It goes through an open circuit: a probe, or a person who connects.
    pub past_circuit: bool,
}

/// Reserves the next slot if it is near enough, with a lease on a place in flight, out of the share's part of the day.
pub async fn reserve(store: &Store, request: &Request<'_>) -> Result<Reservation, StoreError> {
    let taken = request.take_slot(&store.client().await?, WithinDay::Unlimited).await?;
    if let Some(permit) = taken {
        return Ok(Reservation::Granted(permit));
    }
    release(store, request.ended).await?;
    match request.obstacle(store).await? {
        Some(obstacle) => Ok(obstacle),
        None => reserve_within_day(store, &Request { ended: &[], ..*request }).await,
    }
}

/// The same for an account with a daily limit: the share's part and the slot are taken together, under the row's lock.
async fn reserve_within_day(store: &Store, request: &Request<'_>) -> Result<Reservation, StoreError> {
    let Request { vendor, account, share, .. } = *request;
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    let lock = "SELECT FROM vendor_budgets WHERE vendor = $1 AND vendor_account = $2 FOR UPDATE";
    tx.execute(lock, &[&vendor.as_str(), &account.as_str()]).await?;
    if let Some(wait) = day::spent(&tx, vendor, account, share).await? {
        return Ok(Reservation::Closed(wait));
    }
    let Some(permit) = request.take_slot(tx.client(), WithinDay::Checked).await? else {
        tx.rollback().await?;
        // without an obstacle by now, it is asked for again at once
        return Ok(request.obstacle(store).await?.unwrap_or(Reservation::NotBefore(Duration::ZERO)));
    };
    day::count(&tx, vendor, account, share, 1).await?;
    tx.commit().await?;
    Ok(Reservation::Granted(permit))
}

/// Whether a slot may be taken of an account with a daily limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WithinDay {
    /// No: only of one without, which has much left by what its vendor says.
    Unlimited,
    /// Yes, the share has something left.
    Checked,
}

impl Request<'_> {
    /// One statement on one row: a worker that had to wait for its lock decides by what the row says then. Losing the last
    /// reservations in a crash of the database is harmless (its restart takes longer than any slot), so nobody waits for the disk.
    async fn take_slot(&self, client: &Lent, day: WithinDay) -> Result<Option<Permit>, StoreError> {
        let preparing = client
            .prepare_cached(
                "UPDATE vendor_budgets SET
                     next_slot_at = greatest(next_slot_at, clock_timestamp() + make_interval(secs => $3))
                                    + make_interval(secs => (1 + $4::float8) / requests_per_second),
                     in_flight_until =
                         array(SELECT until FROM unnest(in_flight_until) AS until
                               WHERE until > clock_timestamp() AND until <> ALL ($8))
                         || (greatest(next_slot_at, clock_timestamp() + make_interval(secs => $3))
                             + make_interval(secs => $6)),
                     -- this one counts too, until the vendor says how many there were; all that there are is the most
                     day_used_told = least(day_used_told, day_limit_told - 1) + 1
                 WHERE vendor = $1 AND vendor_account = $2
                   AND closed_until <= clock_timestamp()
                   AND next_slot_at <= clock_timestamp() + make_interval(secs => $5)
                   AND (SELECT count(*) FROM unnest(in_flight_until) AS until
                        WHERE until > clock_timestamp() AND until <> ALL ($8)) < least(in_flight_max, easing)
                   AND (probe_at IS NULL OR $9)
                   AND ($7 OR requests_per_day IS NULL AND coalesce(
                        day_left_told(day_limit_told, day_used_told, day_told_at) > day_limit_told / 4, true))
                 RETURNING set_config('synchronous_commit', 'off', true),
                     in_flight_until[cardinality(in_flight_until)],
                     in_flight_until[cardinality(in_flight_until)] - make_interval(secs => $6),
                     extract(epoch FROM in_flight_until[cardinality(in_flight_until)] - make_interval(secs => $6)
                                        - clock_timestamp())::float8,
                     refusals > 0 OR failures > 0 OR easing IS NOT NULL,
                     extract(epoch FROM clock_timestamp() - statement_timestamp())::float8",
            );
        let statement = client.answer(preparing).await?;
        let (wait_max_s, lease_s) = (self.wait_max.as_secs_f64(), self.lease.as_secs_f64());
        let (within_day, ended) = (day == WithinDay::Checked, leases(self.ended));
        let (vendor, account) = (self.vendor.as_str(), self.account.as_str());
        let params: [&(dyn ToSql + Sync); 9] = [
            &vendor,
            &account,
            &LEAD_S,
            &SLACK_S,
            &wait_max_s,
            &lease_s,
            &within_day,
            &ended,
            &self.past_circuit,
        ];
        let asked_at = Instant::now();
        let row = client.answer(client.query_opt(&statement, &params)).await?;
        let answered_at = Instant::now();
        row.map(|row| self.permit(&row, asked_at, answered_at)).transpose()
    }

    /// The database read its clock at the earliest after the line of workers, at the latest when the answer was here: counted from
    /// the later moment a slot is never too early, from the earlier one never later than it seems.
    fn permit(&self, row: &Row, asked_at: Instant, answered_at: Instant) -> Result<Permit, StoreError> {
        let slot: Timestamp = row.try_get(2)?;
        let (wait, in_line) = (seconds(row.try_get(3)?), seconds(row.try_get(5)?));
        Ok(Permit {
            vendor: self.vendor,
            account: self.account.clone(),
            leased_until: row.try_get(1)?,
            from: answered_at + wait,
            until: asked_at + in_line + wait + LATENESS_MAX,
            version: Version(slot.as_microsecond()),
            after_trouble: row.try_get(4)?,
            past_circuit: self.past_circuit,
        })
    }

    /// Why nothing could be reserved, as it is a moment later; `None` when it is only that the day has to be looked at.
    async fn obstacle(&self, store: &Store) -> Result<Option<Reservation>, StoreError> {
        let row = store
            .one_statement(
                "SELECT extract(epoch FROM closed_until - clock_timestamp())::float8,
                        extract(epoch FROM next_slot_at - clock_timestamp())::float8, requests_per_second,
                        (SELECT count(*) FROM unnest(in_flight_until) AS until WHERE until > clock_timestamp())
                        >= least(in_flight_max, easing),
                        requests_per_day IS NOT NULL
                        OR day_left_told(day_limit_told, day_used_told, day_told_at) IS NOT NULL, probe_at IS NOT NULL
                 FROM vendor_budgets WHERE vendor = $1 AND vendor_account = $2",
                &[&self.vendor.as_str(), &self.account.as_str()],
            )
            .await?;
        let (vendor, account) = (self.vendor, self.account);
        let row = row
            .ok_or_else(|| StoreError::Other(format!("there is no budget for {vendor} account {account}")))?;
        let (closed, wait) = (seconds(row.try_get(0)?), seconds(row.try_get(1)?));
        if !closed.is_zero() {
            return Ok(Some(Reservation::Closed(closed)));
        }
        if row.try_get(5)? && !self.past_circuit {
            return Ok(Some(Reservation::Closed(CIRCUIT_WAIT)));
        }
        // all places in flight are taken, whenever the next slot is: worth another look when a request may have ended
        let until_a_place = Duration::from_secs_f64((1.0 / row.try_get::<_, f64>(2)?).clamp(0.01, 1.0));
        let (crowded, day_limited): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
        if day_limited && !crowded && wait <= self.wait_max {
            return Ok(None);
        }
        let near = if crowded { until_a_place } else { Duration::ZERO };
        Ok(Some(Reservation::NotBefore(wait.max(near))))
    }
}

/// Gives permits of one account back once their requests have ended.
pub async fn release(store: &Store, permits: &[Permit]) -> Result<(), StoreError> {
    let Some(Permit { vendor, account, .. }) = permits.first() else { return Ok(()) };
    store
        .one_statement(
            "UPDATE vendor_budgets SET in_flight_until =
                 array(SELECT until FROM unnest(in_flight_until) AS until WHERE until <> ALL ($3))
             WHERE vendor = $1 AND vendor_account = $2
             RETURNING set_config('synchronous_commit', 'off', true)",
            &[&vendor.as_str(), &account.as_str(), &leases(permits)],
        )
        .await?;
    Ok(())
}

fn leases(permits: &[Permit]) -> Vec<Timestamp> {
    permits.iter().map(|permit| permit.leased_until).collect()
}

/// Whether the account was closed, or its circuit opened, since the permit was given.
pub async fn is_closed(store: &Store, permit: &Permit) -> Result<bool, StoreError> {
    let sql = "SELECT closed_until > clock_timestamp() OR probe_at IS NOT NULL AND NOT $3 FROM vendor_budgets
               WHERE vendor = $1 AND vendor_account = $2";
    let params = [&permit.vendor.as_str() as _, &permit.account.as_str() as _, &permit.past_circuit as _];
    let row = store.one_statement(sql, &params).await?;
    row.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}
