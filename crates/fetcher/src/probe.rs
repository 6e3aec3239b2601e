//! Keys that were marked invalid are asked with again, less and less often: the refusal may have been the vendor's mistake.

use std::time::Duration;

use jiff::SignedDuration;
use model::{Share, VendorAccount, Window};
use secrets::Owner;
use store::credential::{self, Probe, StoredCredential};
use store::{Speaker, StoreError};
use tokio::time::Instant;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::ask::Setback;
use crate::permit::{Asked, wait_for_permits};
use crate::source::{Source, not_opened};

/// How often is looked for a probe that is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A probe that gets no permit for so long is left to the next one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Probes until the shutdown begins. One at a time, and each under a permit: it takes nothing from the work.
pub(crate) async fn keep_probing(shared: &Shared) {
    while !shared.shutdown.is_begun() {
        match probe_next(shared).await {
            Ok(true) => continue,
            Ok(false) => {}
            // the next probe is planned already
            Err(setback) => tracing::warn!(error = %setback, "failed to probe a credential that was refused"),
        }
        shared.shutdown.rest(LOOK_EVERY.min(shared.deps.config.outage_wait)).await;
    }
}

/// Makes a probe that is due; false when none is.
async fn probe_next(shared: &Shared) -> Result<bool, Setback> {
    let Some(probe) = take(shared).await.map_err(Setback::Store)? else { return Ok(false) };
    let source = Source::open_marked(shared, &probe).await?;
    if source.answers(shared, &probe).await? {
        restore(shared, &probe).await?;
    }
    Ok(true)
}

async fn take(shared: &Shared) -> Result<Option<Probe>, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Everybody).await?;
    let probe = credential::take_probe(&tx, shared.deps.config.outage_wait).await?;
    tx.commit().await?;
    Ok(probe)
}

/// What a probe asks for: little, and what the key is there for.
pub(crate) fn last_hour(shared: &Shared) -> Window {
    let now = shared.deps.clock.now();
    Window { from: now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now), to: now }
}

/// Sends a probe's request under a permit. A vendor in any other trouble answers nothing about the key.
pub(crate) async fn is_answered<T>(
    shared: &Shared,
    probe: &Probe,
    request: impl Future<Output = Result<T, VendorError>>,
) -> Result<bool, Setback> {
    is_answered_under(shared, probe, &[&probe.vendor_account], request).await
}

/// The same under a permit of each of these budgets.
pub(crate) async fn is_answered_under<T>(
    shared: &Shared,
    probe: &Probe,
    budgets: &[&VendorAccount],
    request: impl Future<Output = Result<T, VendorError>>,
) -> Result<bool, Setback> {
    let deadline = Instant::now() + PATIENCE;
    let asked = Asked {
        vendor: probe.vendor,
        accounts: budgets,
        share: Share::Live,
        past_circuit: probe.past_circuit,
    };
    let permits = wait_for_permits(shared, asked, deadline).await?;
    let started = Instant::now();
    let answer = request.await;
    shared.deps.metrics.asked(probe.vendor, &answer, started.elapsed());
    permits.give_back(shared).await;
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.failure == Failure::MissingScope => Ok(true),
        Err(error) if is_refusal(&error) => Ok(false),
        Err(error) => Err(Setback::Page { class: error.error_class(), reason: error.to_string() }),
    }
}

/// The vendor refuses the key.
pub(crate) fn is_refusal(error: &VendorError) -> bool {
    matches!(error.failure, Failure::Credential | Failure::Forbidden)
}

/// Begins a new generation with the same key: should it really be revoked later, that is told of as well.
async fn restore(shared: &Shared, probe: &Probe) -> Result<(), Setback> {
    let (tenant, id) = (&probe.tenant, probe.connection_id);
    let tx = shared.deps.store.begin(Speaker::Tenant(tenant)).await.map_err(Setback::Store)?;
    let marked = credential::current(&tx, id).await.map_err(Setback::Store)?;
    let Some(marked) = marked.filter(|marked| marked.generation == probe.generation) else { return Ok(()) };
    let generation = marked.generation + 1;
    let owner = Owner { tenant, connection_id: id };
    let from = (marked.generation, &marked.kept);
    let kept = shared.deps.vault.carry_over(owner, from, generation).map_err(not_opened)?;
    let successor = StoredCredential { generation, kept, ..marked };
    let restored = credential::restore(&tx, tenant, id, &successor).await.map_err(Setback::Store)?;
    tx.commit().await.map_err(Setback::Store)?;
    if restored {
        tracing::info!(generation, connection.id = %id,
            "the vendor answers the credential again: its runs are released");
    }
    Ok(())
}
