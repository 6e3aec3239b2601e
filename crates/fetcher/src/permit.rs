//! Waits for the vendor's slots: one permit per request, shared fairly by all workers.

use std::time::Duration;

use model::{Share, Vendor, VendorAccount, Version};
use store::StoreError;
use store::budget::{self, Permit, Reservation};
use tokio::time::Instant;

use crate::Shared;
use crate::ask::Setback;

/// A slot farther away than this is not reserved.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A crashed worker's place in flight is free after this; longer than any request.
const LEASE: Duration = Duration::from_secs(45);

/// So long before its slot a worker looks whether the account is still open: late, and yet in time for the slot
/// even if the database takes a while.
const LOOK_AHEAD: Duration = Duration::from_millis(50);

/// A permit whose moment has come. Give it back when the request has ended.
#[derive(Debug)]
pub(crate) struct OpenPermit {
    permit: Permit,
    pub(crate) version: Version,
    /// The vendor has refused requests since it last answered one.
    pub(crate) after_refusals: bool,
}

/// Waits for a slot, at most until `deadline`.
pub(crate) async fn wait_for_permit(
    shared: &Shared,
    vendor: Vendor,
    account: &VendorAccount,
    share: Share,
    deadline: Instant,
) -> Result<OpenPermit, Setback> {
    loop {
        if shared.deps.publisher.is_blocked() {
            // what is fetched now could not be published: a reserved slot would be wasted
            pause(shared, Duration::from_millis(500), deadline).await?;
            continue;
        }
        let reservation = budget::reserve(&shared.deps.store, vendor, account, share, WAIT_MAX, LEASE).await;
        match reservation.map_err(Setback::Store)? {
            Reservation::Granted(permit) => {
                if let Some(open) = use_slot(shared, permit).await.map_err(Setback::Store)? {
                    return Ok(open);
                }
            }
            Reservation::NotBefore(wait) => {
                shared.deps.metrics.permit_waits.inc();
                let until_reservable = wait.saturating_sub(WAIT_MAX).max(Duration::from_millis(20)).min(wait);
                pause(shared, until_reservable, deadline).await?;
            }
            Reservation::Closed(wait) => return Err(Setback::NotBefore(wait)),
        }
    }
}

/// Waits for the slot's moment. A slot missed by too much is given up, not used late; so is one that was reserved before the vendor
/// refused somebody else's request.
async fn use_slot(shared: &Shared, permit: Permit) -> Result<Option<OpenPermit>, StoreError> {
    let ahead = permit.from.saturating_duration_since(Instant::now().into_std());
    if let Some(until_the_look) = ahead.checked_sub(LOOK_AHEAD) {
        tokio::time::sleep(until_the_look).await;
        if budget::is_closed(&shared.deps.store, &permit).await? {
            release(shared, &permit).await;
            return Ok(None);
        }
    }
    tokio::time::sleep_until(permit.from.into()).await;
    if Instant::now() > permit.until.into() {
        shared.deps.metrics.permits_missed.inc();
        release(shared, &permit).await;
        return Ok(None);
    }
    Ok(Some(OpenPermit { version: permit.version, after_refusals: permit.after_refusals, permit }))
}

async fn pause(shared: &Shared, wait: Duration, deadline: Instant) -> Result<(), Setback> {
    if shared.shutdown.is_begun() {
        return Err(Setback::Handback);
    }
    if Instant::now() + wait > deadline {
        return Err(Setback::NotBefore(wait));
    }
    tokio::select! {
        () = shared.shutdown.begun() => Err(Setback::Handback),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

/// Gives a permit back after its request has ended.
pub(crate) async fn give_back(shared: &Shared, permit: OpenPermit) {
    release(shared, &permit.permit).await;
}

async fn release(shared: &Shared, permit: &Permit) {
    if let Err(error) = budget::release(&shared.deps.store, permit).await {
        // it expires by itself
        tracing::warn!(%error, "failed to give a permit back");
    }
}
