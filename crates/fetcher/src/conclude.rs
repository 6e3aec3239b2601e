//! How a step ends, written into the ledger: checkpoint, retry, park, fail, or a credential found invalid.

use std::time::Duration;

use model::ParkCause;
use queue::{JobError, Outgoing, WorkQueue};
use runtime::{Backoff, failpoint};
use store::run_checkpoint::{self, Checkpointed};
use store::run_claim::{self, ClaimedRun, Deferral};
use store::{Speaker, StoreError, credential, dead_letter};
use tokio::time::sleep;

use crate::Shared;
use crate::ask::Setback;
use crate::circuit;
use crate::dead::{Cause, leave_letter};
use crate::page::Gathered;
use crate::source::{NO_TOKEN, not_opened};

/// Waits longer than this are parked, so that people see the cause; shorter ones are only deferred.
const PARK_AFTER: Duration = Duration::from_mins(1);

/// A conflict is over at once.
const CONFLICT: Backoff =
    Backoff { first: Duration::from_millis(50), max: Duration::from_secs(1), multiplier: 2.0 };
/// Conflicts in a row after which the page is given back.
const CONFLICTS_MAX: u32 = 5;

/// What opens the credential is waited for as long as before this attempt at a page: about half a minute.
const OPEN_WAIT_ATTEMPT: u32 = 4;

/// Writes what the step brought in, and sends the nudge for the next.
pub(crate) async fn checkpoint(
    shared: &Shared,
    run: &ClaimedRun,
    gathered: Gathered,
) -> Result<(), JobError> {
    let moved = write_patiently(shared, run, &gathered).await.map_err(JobError::retry)?;
    failpoint!("fetch.checkpointed");
    let records = gathered.listed.len();
    shared.deps.metrics.brought(records);
    match moved {
        Checkpointed::At(step, wait) => {
            tracing::info!(records, page = run.page, "fetched a page");
            shared.deps.metrics.step("done");
            if wait.is_zero() {
                // if this fails the sweep sends another: the step is in the ledger
                let nudge = Outgoing::to_work(WorkQueue::fetch(run.lane), run.nudge(step).encode());
                shared.deps.publisher.publish(nudge).await.map_err(JobError::retry)?;
                failpoint!("fetch.nudged");
            }
        }
        Checkpointed::Listed => {
            tracing::info!(records, page = run.page, "listed a window to its end");
            shared.deps.metrics.step("listed");
        }
        Checkpointed::Passed => shared.deps.metrics.step("lost"),
    }
    Ok(())
}

/// Others write the same rows: what was fetched is not thrown away because two transactions stood in each other's way.
async fn write_patiently(
    shared: &Shared,
    run: &ClaimedRun,
    gathered: &Gathered,
) -> Result<Checkpointed, StoreError> {
    for attempt in 0..CONFLICTS_MAX {
        match write_checkpoint(shared, run, gathered).await {
            Err(StoreError::Conflict(error)) => {
                tracing::warn!(error, page = run.page, "the page could not be written, trying again");
                sleep(CONFLICT.delay(attempt)).await;
            }
            written => return written,
        }
    }
    write_checkpoint(shared, run, gathered).await
}

async fn write_checkpoint(
    shared: &Shared,
    run: &ClaimedRun,
    gathered: &Gathered,
) -> Result<Checkpointed, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    let moved =
        run_checkpoint::checkpoint(&tx, run, &gathered.listed, &gathered.failed, &gathered.next).await?;
    if let Checkpointed::At(step, wait) = moved
        && wait > PARK_AFTER
    {
        // a page that was interrupted for long shows its cause like one that could not begin
        run_claim::park(&tx, &ClaimedRun { step, ..run.clone() }, ParkCause::Quota, None).await?;
    }
    tx.commit().await?;
    Ok(moved)
}

/// Parks the run with what blocks it.
pub(crate) async fn park(shared: &Shared, run: &ClaimedRun, cause: ParkCause) -> Result<(), JobError> {
    let parked = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        run_claim::park(&tx, run, cause, None).await?;
        tx.commit().await
    };
    parked.await.map_err(JobError::retry)?;
    failpoint!("fetch.parked");
    tracing::info!(%cause, "parked the run");
    shared.deps.metrics.step("parked");
    Ok(())
}

/// Writes why the step could not go on.
pub(crate) async fn set_back(shared: &Shared, run: &ClaimedRun, setback: Setback) -> Result<(), JobError> {
    match setback {
        Setback::NotBefore(wait) if wait > PARK_AFTER => park(shared, run, ParkCause::Quota).await,
        Setback::NotBefore(wait) => defer(shared, run, wait, Deferral::Wait).await,
        Setback::Handback => defer(shared, run, Duration::ZERO, Deferral::Wait).await,
        Setback::Unopened(reason) => unopened(shared, run, &reason).await,
        Setback::NoCredential => park(shared, run, ParkCause::Credential).await,
        Setback::Refused { generation, reason } => match reread(shared, run, generation).await {
            Ok(false) => {
                tracing::warn!("what the vendor refuses is not what is kept: trying again with that");
                defer(shared, run, Duration::ZERO, Deferral::Wait).await
            }
            Err(Setback::Unopened(reason)) => unopened(shared, run, &reason).await,
            Err(Setback::Store(error)) => Err(JobError::retry(error)),
            // it is what is kept, or gone where it was kept: there is nothing to wait for
            Ok(true) | Err(_) => refused(shared, run, generation, &reason).await,
        },
        Setback::NotRenewed { generation, reason, interrupted } => {
            not_renewed(shared, run, generation, &reason, interrupted).await
        }
        Setback::Page { class: NO_TOKEN, reason } => without_token(shared, run, &reason).await,
        Setback::Page { class, reason } => page_failed(shared, run, class, &reason).await,
        Setback::Lasting { class, reason } => run_failed(shared, run, class, &reason).await,
        Setback::Store(error) if error.is_transient() => Err(JobError::retry(error)),
        // an error that stays must use attempts up, or the step would go round for ever
        Setback::Store(error) => page_failed(shared, run, "store", &error.to_string()).await,
        Setback::Broker(error) => {
            tracing::warn!(error, "the broker did not take the documents, the page is fetched again");
            defer(shared, run, shared.deps.config.retry.delay(0), Deferral::Wait).await
        }
    }
}

async fn defer(shared: &Shared, run: &ClaimedRun, wait: Duration, why: Deferral<'_>) -> Result<(), JobError> {
    let deferred = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        run_claim::defer(&tx, run, wait, why).await?;
        tx.commit().await
    };
    deferred.await.map_err(JobError::retry)?;
    shared.deps.metrics.step("deferred");
    Ok(())
}

/// The vendor refuses many credentials at once: nobody asks with this one for a while, and its runs are parked until then.
async fn hold(
    shared: &Shared,
    run: &ClaimedRun,
    generation: i32,
    wait: Duration,
    reason: &str,
) -> Result<(), JobError> {
    let held = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        let held = credential::hold(&tx, run.connection_id, generation, wait).await?;
        if held {
            run_claim::park(&tx, run, ParkCause::VendorDown, Some(reason)).await?;
        }
        tx.commit().await?;
        Ok::<_, StoreError>(held)
    };
    if held.await.map_err(JobError::retry)? {
        shared.deps.metrics.step("parked");
        return Ok(());
    }
    // another credential by now, or an answer to this one: look again
    defer(shared, run, Duration::ZERO, Deferral::Wait).await
}

async fn page_failed(
    shared: &Shared,
    run: &ClaimedRun,
    class: &'static str,
    reason: &str,
) -> Result<(), JobError> {
    let config = &shared.deps.config;
    if run.attempt + 1 < config.attempts_max {
        let delay = config.retry.delay(run.attempt);
        tracing::warn!(
            error.class = class,
            error = reason,
            job.attempt = run.attempt + 1,
            delay_ms = delay.as_millis(),
            "failed to fetch a page, trying again"
        );
        return defer(shared, run, delay, Deferral::Failed(reason)).await;
    }
    run_failed(shared, run, class, reason).await
}

async fn run_failed(
    shared: &Shared,
    run: &ClaimedRun,
    class: &'static str,
    reason: &str,
) -> Result<(), JobError> {
    let config = &shared.deps.config;
    tracing::error!(
        error.class = class,
        error = reason,
        job.attempt = run.attempt + 1,
        "failed to fetch a page, and trying again is of no use: the run fails"
    );
    // The letter before the ledger: if this process dies in between, the next attempt leaves the same letter once more. The other
    // way round, a failed run could stay without a letter.
    let cause = Cause { stage: "fetch", class, reason, attempts: run.attempt + 1, vendor_key: None };
    let (letter, queue) =
        leave_letter(shared, run, run.nudge(run.step).encode(), cause).await.map_err(JobError::retry)?;
    failpoint!("fetch.run_letter_left");
    let failed = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        if run_claim::fail(&tx, run, reason, config.replan_after).await? {
            dead_letter::expect(&tx, &run.tenant, letter, queue).await?;
        }
        tx.commit().await
    };
    failed.await.map_err(JobError::retry)?;
    shared.deps.metrics.step("failed");
    Ok(())
}

/// The vendor gave no token, which is as good a sign of its outage as a page that it does not give.
async fn without_token(shared: &Shared, run: &ClaimedRun, reason: &str) -> Result<(), JobError> {
    match circuit::note_failure(shared, run.vendor, &run.vendor_account, reason).await {
        Ok(()) => page_failed(shared, run, NO_TOKEN, reason).await,
        Err(Setback::NotBefore(wait)) => defer(shared, run, wait, Deferral::Wait).await,
        Err(other) => Err(JobError::retry(other)),
    }
}

/// Waits for whatever it is that opens the credential.
async fn unopened(shared: &Shared, run: &ClaimedRun, reason: &str) -> Result<(), JobError> {
    let wait = shared.deps.config.retry.delay(OPEN_WAIT_ATTEMPT);
    tracing::warn!(error = reason, delay_ms = wait.as_millis(), "cannot open the credential");
    defer(shared, run, wait, Deferral::Held(reason)).await
}

/// Before a credential is called invalid it is read again where it is kept: this process may have remembered something else.
async fn reread(shared: &Shared, run: &ClaimedRun, generation: i32) -> Result<bool, Setback> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await.map_err(Setback::Store)?;
    let current = credential::current(&tx, run.connection_id).await.map_err(Setback::Store)?;
    tx.commit().await.map_err(Setback::Store)?;
    match current.filter(|current| current.generation == generation) {
        Some(current) => shared.deps.vault.was_right(&current.kept).await.map_err(not_opened),
        // an older one: whoever marks it finds out
        None => Ok(true),
    }
}

/// One transaction: that generation is invalid, its event is in the outbox, the connection's runs are parked.
async fn refused(shared: &Shared, run: &ClaimedRun, generation: i32, reason: &str) -> Result<(), JobError> {
    if held_in_outage(shared, run, generation, reason).await? {
        return Ok(());
    }
    mark(shared, run, generation, reason, Probing::Rarer).await
}

/// The same of a credential that cannot be renewed. It is not probed: its access token may be answered for a while, and would be no more
/// than that.
async fn not_renewed(
    shared: &Shared,
    run: &ClaimedRun,
    generation: i32,
    reason: &str,
    interrupted: bool,
) -> Result<(), JobError> {
    // a token that got lost here is no sign of an outage there
    if !interrupted && held_in_outage(shared, run, generation, reason).await? {
        return Ok(());
    }
    mark(shared, run, generation, reason, Probing::Never).await
}

/// Whether a credential that was marked is asked with again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probing {
    /// Ever more rarely.
    Rarer,
    Never,
}

/// One of many refusals at once is taken for the vendor's outage: the credential is only held.
async fn held_in_outage(
    shared: &Shared,
    run: &ClaimedRun,
    generation: i32,
    reason: &str,
) -> Result<bool, JobError> {
    let wait = shared.deps.config.outage_wait;
    if !is_outage(shared, run, generation, wait).await.map_err(JobError::retry)? {
        return Ok(false);
    }
    tracing::warn!(
        delay_ms = wait.as_millis(),
        "the vendor refuses many credentials at once: taken for its outage"
    );
    let reason = format!("{reason}; so it does many credentials: taken for its outage");
    hold(shared, run, generation, wait, &reason).await?;
    Ok(true)
}

async fn mark(
    shared: &Shared,
    run: &ClaimedRun,
    generation: i32,
    reason: &str,
    probing: Probing,
) -> Result<(), JobError> {
    let wait = shared.deps.config.outage_wait;
    let marked = async {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
        let marked = credential::invalidate(&tx, &run.tenant, run.connection_id, generation, reason).await?;
        if marked && probing == Probing::Rarer {
            credential::plan_probe(&tx, run.connection_id, generation, wait).await?;
        }
        if marked {
            run_claim::park_connection(&tx, run.connection_id, ParkCause::Credential).await?;
        }
        tx.commit().await?;
        Ok::<_, StoreError>(marked)
    };
    if marked.await.map_err(JobError::retry)? {
        failpoint!("fetch.invalidated");
        tracing::error!(generation, error = reason, connection.id = %run.connection_id,
            "the credential is no longer valid: its runs are parked until a reconnect");
        shared.deps.metrics.step("parked");
        return Ok(());
    }
    // an older generation than the current one, or already marked: look again with what is current
    defer(shared, run, Duration::ZERO, Deferral::Wait).await
}

async fn is_outage(
    shared: &Shared,
    run: &ClaimedRun,
    generation: i32,
    wait: Duration,
) -> Result<bool, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    credential::note_refused(&tx, run.connection_id, generation).await?;
    // committed before it is counted: two that are refused at once would each see only themselves
    tx.commit().await?;
    failpoint!("fetch.refusal_noted");
    let tx = shared.deps.store.begin(Speaker::Everybody).await?;
    let outage = credential::is_outage(&tx, run.vendor, run.connection_id, wait).await?;
    tx.commit().await?;
    Ok(outage)
}
