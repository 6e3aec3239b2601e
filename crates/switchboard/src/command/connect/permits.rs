//! Permits for the requests that check a key: fetchers may be at work on the same workspace, and its limit holds for all together.

use std::time::Duration;

use anyhow::bail;
use model::{Share, Vendor, VendorAccount};
use store::Store;
use store::budget::{self, Permit, Reservation};
use tokio::time::{Instant, sleep, sleep_until};

/// Longest wait for a slot.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Longer than the request.
const LEASE: Duration = Duration::from_secs(45);

/// Whose permits the requests of a check need.
pub(super) struct Permits<'a> {
    pub(super) store: &'a Store,
    pub(super) vendor: Vendor,
    /// Each account the key may belong to: which one it is, only the answer tells.
    pub(super) accounts: Vec<VendorAccount>,
    /// The limit that this command is about to set: nobody waits for a slot at the one it replaces.
    pub(super) requests_per_second: Option<f64>,
}

impl Permits<'_> {
    /// Sends a request under a permit of each account.
    pub(super) async fn send<T>(&self, request: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut permits = Vec::new();
        let deadline = Instant::now() + WAIT_MAX;
        let reserved = loop {
            match self.accounts.get(permits.len()) {
                None => break Ok(()),
                Some(account) => match self.reserve(account, deadline).await {
                    Ok(permit) => permits.push(permit),
                    Err(error) => break Err(error),
                },
            }
        };
        let answer = match reserved {
            Ok(()) => Ok(request.await),
            Err(error) => Err(error),
        };
        for permit in permits {
            // one that cannot be given back expires
            let _ = budget::release(self.store, &permit).await;
        }
        answer
    }

    /// Waits for a slot and its moment; one that is missed is given back, not used late.
    async fn reserve(&self, account: &VendorAccount, deadline: Instant) -> anyhow::Result<Permit> {
        let (store, vendor) = (self.store, self.vendor);
        loop {
            if let Some(rate) = self.requests_per_second {
                budget::hasten(store, vendor, account, rate).await?;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = match budget::reserve(store, vendor, account, Share::Live, left, LEASE).await? {
                Reservation::Granted(permit) => {
                    sleep_until(permit.from.into()).await;
                    if Instant::now() <= permit.until.into() {
                        return Ok(permit);
                    }
                    budget::release(store, &permit).await?;
                    continue;
                }
                Reservation::NotBefore(wait) | Reservation::Closed(wait) => wait,
            };
            if wait > left {
                bail!(
                    "the limit of account {account} leaves no room for {} s: try again then; nothing was saved",
                    wait.as_secs().max(1)
                );
            }
            sleep(wait).await;
        }
    }
}
