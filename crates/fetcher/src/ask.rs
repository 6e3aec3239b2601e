//! One request under a permit, and what a refusal means for the run.

use std::time::Duration;

use model::{VendorAccount, Version};
use store::run_claim::ClaimedRun;
use store::{StoreError, budget};
use tokio::time::Instant;
use tracing::Instrument as _;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::permit::{Asked, wait_for_permits};
use crate::{circuit, day};

/// Why a step cannot go on now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Setback {
    /// Not before this wait: the vendor or its budget says so. No attempt is counted.
    #[error("the vendor or its budget says: not before {} s", .0.as_secs_f64().ceil())]
    NotBefore(Duration),
    /// The process is to end; somebody else goes on.
    #[error("the process is to end")]
    Handback,
    /// There is no valid credential.
    #[error("there is no valid credential")]
    NoCredential,
    /// This process cannot open the credential just now, for want of its master key, say. No attempt is counted: nothing is wrong with the
    /// page.
    #[error("cannot open the credential: {0}")]
    Unopened(String),
    /// The vendor refused this generation of the credential, confirmed.
    #[error("the vendor refuses the credential: {reason}")]
    Refused {
        /// Which credential.
        generation: i32,
        /// The vendor's words.
        reason: String,
    },
    /// The vendor refuses to renew this generation of the credential, or nobody knows its token any more: only a person can.
    #[error("the credential cannot be renewed: {reason}")]
    NotRenewed {
        /// Which credential.
        generation: i32,
        /// The vendor's words, or what happened.
        reason: String,
        /// Nobody knows the token, which says nothing about the vendor.
        interrupted: bool,
    },
    /// The page cannot be had; counts as an attempt.
    #[error("{reason}")]
    Page {
        /// Error class.
        class: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The page cannot be had until a person changes something: trying again is of no use.
    #[error("{reason}")]
    Lasting {
        /// Error class.
        class: &'static str,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// The database is away.
    #[error(transparent)]
    Store(StoreError),
    /// The broker does not take what was fetched.
    #[error("the broker does not take what was fetched: {0}")]
    Broker(String),
}

/// What a request came to: the answer with its version, or the vendor's error that concerns this request alone.
pub(crate) type Answer<T> = Result<(T, Version), (VendorError, Version)>;

/// Sends a request under a permit of each budget, the last of which is the one that all requests need. What comes of it is not sorted yet: the vendor may want a refusal confirmed first. A failure that opens the circuit is nobody's: it ends the step.
pub(crate) async fn ask_once<T>(
    shared: &Shared,
    run: &ClaimedRun,
    budgets: &[&VendorAccount],
    deadline: Instant,
    request: impl Future<Output = Result<T, VendorError>>,
) -> Result<Answer<T>, Setback> {
    let waiting = Instant::now();
    let span = tracing::debug_span!("wait_for_permits");
    let asked = Asked { vendor: run.vendor, accounts: budgets, share: run.share, past_circuit: false };
    let permits = wait_for_permits(shared, asked, deadline).instrument(span).await?;
    shared.deps.metrics.waited(run.vendor, waiting.elapsed());
    let started = Instant::now();
    let (answer, day) = vendors::hear_day(request).await;
    runtime::failpoint!("fetch.permitted");
    shared.deps.metrics.asked(run.vendor, &answer, started.elapsed());
    let (version, after_trouble) = (permits.version(), permits.after_trouble());
    permits.give_back(shared).await;
    day::note(shared, run.vendor, &run.vendor_account, day).await?;
    circuit::note(shared, run.vendor, &run.vendor_account, &answer, after_trouble).await?;
    Ok(match answer {
        Ok(value) => Ok((value, version)),
        Err(error) => Err((error, version)),
    })
}

/// A 429 closes the vendor's account for everybody and ends the step; other errors are the caller's.
pub(crate) async fn sort<T>(
    shared: &Shared,
    run: &ClaimedRun,
    answer: Answer<T>,
) -> Result<Answer<T>, Setback> {
    let Err((error, _)) = &answer else { return Ok(answer) };
    if error.failure != Failure::RateLimited {
        return Ok(answer);
    }
    let closed = budget::close(
        &shared.deps.store,
        run.vendor,
        &run.vendor_account,
        error.retry_after(),
        &error.message,
    )
    .await
    .map_err(Setback::Store)?;
    tracing::warn!(vendor = %run.vendor, job.id = %run.id, delay_ms = closed.as_millis(),
        "the vendor limits the rate, its account is closed for a while");
    Err(Setback::NotBefore(closed))
}
