//! Waits for the vendor's slots: one permit per request, shared fairly by all workers.

use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Share, Vendor, VendorAccount, Version};
use store::budget::{self, Permit, Request, Reservation};
use store::{Store, StoreError};
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

/// A permit that has ended waits so long for a request of this process that takes it back by the way.
const CARRY: Duration = Duration::from_millis(10);

/// What this process asks of each account.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<HashMap<(Vendor, VendorAccount), Arc<Line>>>);

impl Lines {
    fn of(&self, vendor: Vendor, account: &VendorAccount) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry((vendor, account.clone())).or_default())
    }
}

/// What this process asks of an account, one statement at a time: workers that ask at once would only wait for each other at the
/// account's row, each with a connection in hand. What has ended meanwhile is given back by the same statement.
#[derive(Debug, Default)]
struct Line {
    turn: tokio::sync::Mutex<()>,
    ended: Mutex<Vec<Permit>>,
}

impl Line {
    async fn reserve(&self, store: &Store, request: Request<'_>) -> Result<Reservation, StoreError> {
        let _turn = self.turn.lock().await;
        let ended = self.take_ended();
        budget::reserve(store, &Request { ended: &ended, ..request }).await
    }

    /// Says whether it is the first to wait for somebody to take it back.
    fn end(&self, permit: Permit) -> bool {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(permit);
        ended.len() == 1
    }

    fn take_ended(&self) -> Vec<Permit> {
        take(&mut self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn release(&self, store: &Store) {
        let _turn = self.turn.lock().await;
        if let Err(error) = budget::release(store, &self.take_ended()).await {
            // they expire by themselves
            tracing::warn!(%error, "failed to give permits back");
        }
    }
}

/// A permit whose moment has come.
#[derive(Debug)]
struct OpenPermit {
    permit: Permit,
    line: Arc<Line>,
}

/// The permits of one request, one of each budget. Give them back when it has ended.
#[derive(Debug)]
pub(crate) struct Permits(Vec<OpenPermit>);

impl Permits {
    /// When the vendor is asked: the last to be taken is the latest, and nothing was asked before it.
    pub(crate) fn version(&self) -> Version {
        self.0.iter().map(|open| open.permit.version).max().unwrap_or(Version(0))
    }

    /// Requests were refused or failed since the vendor last answered one.
    pub(crate) fn after_trouble(&self) -> bool {
        self.0.iter().any(|open| open.permit.after_trouble)
    }

    /// Gives them back: by the next request for one, or by itself when none comes at once.
    pub(crate) async fn give_back(self, shared: &Shared) {
        for permit in self.0 {
            give_back(shared, permit).await;
        }
    }
}

/// Of whom a request is to be made, and out of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) vendor: Vendor,
    /// The budgets it needs a permit of. They are taken in order, so the last is the one that all requests need.
    pub(crate) accounts: &'a [&'a VendorAccount],
    pub(crate) share: Share,
    /// It goes through an open circuit.
    pub(crate) past_circuit: bool,
}

/// Waits for a slot of each budget, at most until `deadline`.
pub(crate) async fn wait_for_permits(
    shared: &Shared,
    asked: Asked<'_>,
    deadline: Instant,
) -> Result<Permits, Setback> {
    let mut permits = Permits(Vec::with_capacity(asked.accounts.len()));
    for account in asked.accounts {
        match wait_for_permit(shared, asked, account, deadline).await {
            Ok(permit) => permits.0.push(permit),
            Err(setback) => {
                permits.give_back(shared).await;
                return Err(setback);
            }
        }
    }
    Ok(permits)
}

async fn wait_for_permit(
    shared: &Shared,
    asked: Asked<'_>,
    account: &VendorAccount,
    deadline: Instant,
) -> Result<OpenPermit, Setback> {
    let Asked { vendor, share, past_circuit, .. } = asked;
    let line = shared.lines.of(vendor, account);
    let request =
        Request { vendor, account, share, wait_max: WAIT_MAX, lease: LEASE, ended: &[], past_circuit };
    loop {
        if shared.deps.publisher.is_blocked() {
            // what is fetched now could not be published: a reserved slot would be wasted
            pause(shared, Duration::from_millis(500), deadline).await?;
            continue;
        }
        match line.reserve(&shared.deps.store, request).await.map_err(Setback::Store)? {
            Reservation::Granted(permit) => {
                let open = OpenPermit { permit, line: Arc::clone(&line) };
                if let Some(open) = use_slot(shared, open).await.map_err(Setback::Store)? {
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
/// refused somebody else's request, or failed too often.
async fn use_slot(shared: &Shared, open: OpenPermit) -> Result<Option<OpenPermit>, StoreError> {
    let (from, until) = (open.permit.from.into(), open.permit.until.into());
    let ahead = Instant::saturating_duration_since(&from, Instant::now());
    if let Some(until_the_look) = ahead.checked_sub(LOOK_AHEAD) {
        tokio::time::sleep(until_the_look).await;
        if budget::is_closed(&shared.deps.store, &open.permit).await? {
            give_back(shared, open).await;
            return Ok(None);
        }
    }
    tokio::time::sleep_until(from).await;
    if Instant::now() > until {
        shared.deps.metrics.permits_missed.inc();
        give_back(shared, open).await;
        return Ok(None);
    }
    Ok(Some(open))
}

async fn pause(shared: &Shared, wait: Duration, deadline: Instant) -> Result<(), Setback> {
    if shared.handback.is_begun() {
        return Err(Setback::Handback);
    }
    if Instant::now() + wait > deadline {
        return Err(Setback::NotBefore(wait));
    }
    tokio::select! {
        () = shared.handback.begun() => Err(Setback::Handback),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

async fn give_back(shared: &Shared, permit: OpenPermit) {
    let OpenPermit { permit, line } = permit;
    let is_first = line.end(permit);
    if shared.shutdown.is_begun() {
        // nothing runs later that could do it
        line.release(&shared.deps.store).await;
    } else if is_first {
        let store = shared.deps.store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(CARRY).await;
            line.release(&store).await;
        });
    }
}
