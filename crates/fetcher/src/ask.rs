//! One request under a permit, and what a refusal means for the run.

use std::time::Duration;

use model::Version;
use store::run_claim::ClaimedRun;
use store::{StoreError, budget};
use tokio::time::Instant;
use vendors::attention::AttentionAuth;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::permit::{give_back, wait_for_permit};
use crate::source::{Endpoint, Source};

/// Why a step cannot go on now.
#[derive(Debug)]
pub(crate) enum Setback {
    /// Not before this wait: the vendor or its budget says so. No attempt is counted.
    NotBefore(Duration),
    /// The process is to end; somebody else goes on.
    Handback,
    /// There is no valid credential.
    NoCredential,
    /// The vendor refused this generation of the credential, confirmed.
    Refused {
        /// Which credential.
        generation: i32,
        /// The vendor's words.
        reason: String,
    },
    /// The page cannot be had; counts as an attempt.
    Page {
        /// Error class.
        class: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The database is away.
    Store(StoreError),
    /// The broker does not take what was fetched.
    Broker(String),
}

/// What a request came to: the answer with its version, or the vendor's error that concerns this request alone.
pub(crate) type Answer<T> = Result<(T, Version), (VendorError, Version)>;

/// Sends a request under a permit; on 401 and 403 once more with the other form of the header.
pub(crate) async fn ask<T, F>(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    endpoint: Endpoint,
    deadline: Instant,
    request: impl Fn(AttentionAuth) -> F,
) -> Result<Answer<T>, Setback>
where
    F: Future<Output = Result<T, VendorError>>,
{
    let auth = source.auth(endpoint);
    let form = auth.form;
    let first = ask_once(shared, run, deadline, request(auth)).await?;
    let refusal = match first {
        Err((error, version)) if is_refusal(&error) => (error, version),
        answer => {
            source.note_answer(shared, run, answer.is_ok()).await?;
            return sort(shared, run, answer).await;
        }
    };
    let second = ask_once(shared, run, deadline, request(source.auth_with(form.other()))).await?;
    match second {
        // a 403 in either form knows the key: it lacks a permission here, and that concerns this request alone
        Err(other) if is_refusal(&other.0) => {
            let forbidden =
                [refusal, other].into_iter().min_by_key(|(error, _)| error.failure != Failure::Forbidden);
            match forbidden {
                Some((error, version)) if error.failure == Failure::Forbidden => Ok(Err((error, version))),
                Some((error, _)) => {
                    Err(Setback::Refused { generation: source.generation, reason: error.message })
                }
                None => Err(Setback::NoCredential),
            }
        }
        answer => {
            if answer.is_ok() {
                source.keep_form(shared, run, endpoint, form.other()).await?;
            }
            source.note_answer(shared, run, answer.is_ok()).await?;
            sort(shared, run, answer).await
        }
    }
}

pub(crate) fn is_refusal(error: &VendorError) -> bool {
    matches!(error.failure, Failure::Credential | Failure::Forbidden)
}

async fn ask_once<T>(
    shared: &Shared,
    run: &ClaimedRun,
    deadline: Instant,
    request: impl Future<Output = Result<T, VendorError>>,
) -> Result<Answer<T>, Setback> {
    let permit = wait_for_permit(shared, run.vendor, &run.vendor_account, deadline).await?;
    let started = Instant::now();
    let answer = request.await;
    shared.deps.metrics.asked(&answer, started.elapsed());
    give_back(shared, permit).await;
    if answer.is_ok() && permit.after_refusals {
        budget::forget_refusals(&shared.deps.store, run.vendor, &run.vendor_account)
            .await
            .map_err(Setback::Store)?;
    }
    Ok(match answer {
        Ok(value) => Ok((value, permit.version)),
        Err(error) => Err((error, permit.version)),
    })
}

/// A 429 closes the vendor's account for everybody and ends the step; other errors are the caller's.
async fn sort<T>(shared: &Shared, run: &ClaimedRun, answer: Answer<T>) -> Result<Answer<T>, Setback> {
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
