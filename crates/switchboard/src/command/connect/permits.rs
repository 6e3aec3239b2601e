//! Permits for the requests that check a key: fetchers may be at work on the same workspace, and its limit holds for all together.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anyhow::bail;
use model::{Share, Vendor, VendorAccount};
use store::budget::{self, Permit, Request, Reservation};
use store::{Speaker, Store};
use tokio::time::{Instant, sleep, sleep_until};
use vendors::{Failure, VendorError};

/// Longest wait for a slot.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a limit is waited out that a request without a permit has met.
const LIMIT_WAIT_MAX: Duration = Duration::from_secs(10);

/// The wait where the vendor does not say how long.
const LIMIT_WAIT: Duration = Duration::from_secs(2);

/// Longer than the request.
const LEASE: Duration = Duration::from_secs(45);

/// Whose permits the requests of a check need.
pub(super) struct Permits<'a> {
    store: &'a Store,
    vendor: Vendor,
    /// Each account the key may belong to: which one it is, only the answer tells.
    accounts: RefCell<Vec<VendorAccount>>,
    /// Requests that were sent while nobody knew whose they were.
    unpermitted: Cell<i32>,
    /// The limit that this command is about to set: nobody waits for a slot at the one it replaces.
    requests_per_second: Option<f64>,
}

impl<'a> Permits<'a> {
    /// Permits of the accounts that a key may belong to, under the limit that is about to be set.
    pub(super) fn of(
        store: &'a Store,
        vendor: Vendor,
        accounts: Vec<VendorAccount>,
        requests_per_second: Option<f64>,
    ) -> Self {
        let (accounts, unpermitted) = (RefCell::new(accounts), Cell::new(0));
        Self { store, vendor, accounts, unpermitted, requests_per_second }
    }

    /// Now it is known whose the key is. Where another tenant is connected to the same account, its limit holds for what is still to be
    /// asked, and what was asked already is counted.
    pub(super) async fn belong_to(&self, account: &VendorAccount) -> anyhow::Result<()> {
        if self.accounts.borrow().contains(account) {
            return Ok(());
        }
        let tx = self.store.begin(Speaker::Tenants(&[])).await?;
        if budget::limits(&tx, self.vendor, account).await?.is_some() {
            budget::hold_back(&tx, self.vendor, account, self.unpermitted.take()).await?;
            self.accounts.borrow_mut().push(account.clone());
        }
        tx.commit().await?;
        Ok(())
    }

    /// How many requests are not counted yet.
    pub(super) fn unpermitted(&self) -> i32 {
        self.unpermitted.get()
    }

    /// Sends the request that tells whose the key is. As long as nobody knows, it has no permit, and may meet a limit that fetchers use
    /// in full: what is over in a moment is waited for.
    pub(super) async fn ask_whose<T, F>(
        &self,
        request: impl Fn() -> F,
    ) -> anyhow::Result<Result<T, VendorError>>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let deadline = Instant::now() + LIMIT_WAIT_MAX;
        loop {
            let answer = self.send(request()).await?;
            let Err(VendorError { failure: Failure::RateLimited, retry_after, .. }) = &answer else {
                return Ok(answer);
            };
            let again_at = Instant::now() + retry_after.unwrap_or(LIMIT_WAIT);
            if !self.accounts.borrow().is_empty() || again_at > deadline {
                return Ok(answer);
            }
            sleep_until(again_at).await;
        }
    }

    /// Sends a request under a permit of each account.
    pub(super) async fn send<T>(&self, request: impl Future<Output = T>) -> anyhow::Result<T> {
        let accounts = self.accounts.borrow().clone();
        if accounts.is_empty() {
            self.unpermitted.set(self.unpermitted.get() + 1);
        }
        let mut permits = Vec::new();
        let deadline = Instant::now() + WAIT_MAX;
        let reserved = loop {
            match accounts.get(permits.len()) {
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
            let _ = budget::release(self.store, &[permit]).await;
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
            let request = Request {
                vendor,
                account,
                share: Share::Live,
                wait_max: left,
                lease: LEASE,
                ended: &[],
                past_circuit: true,
            };
            let wait = match budget::reserve(store, &request).await? {
                Reservation::Granted(permit) => {
                    sleep_until(permit.from.into()).await;
                    if Instant::now() <= permit.until.into() {
                        return Ok(permit);
                    }
                    budget::release(store, &[permit]).await?;
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
