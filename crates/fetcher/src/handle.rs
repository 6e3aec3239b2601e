//! One nudge in, one step of a run out: the order of it.

use std::sync::Arc;
use std::time::Duration;

use model::message::Nudge;
use model::{RunKind, Stream};
use queue::{ConsumerConfig, Delivery, JobError, WorkQueue};
use runtime::{Shutdown, failpoint, trace};
use store::run_claim::{self, ClaimedRun};
use store::{Speaker, StoreError};
use tokio::time::Instant;
use tracing::{Instrument as _, field};

use crate::ask::Setback;
use crate::claim::ClaimKeeper;
use crate::page::Gathered;
use crate::source::Source;
use crate::{Shared, conclude, follow_up, page, users};

/// Takes the nudges of one lane.
pub(crate) async fn consume(shared: Arc<Shared>, queue: &'static WorkQueue, shutdown: &Shutdown) {
    let config = &shared.deps.config;
    let consumer = ConsumerConfig {
        prefetch: config.pages_at_once,
        concurrency: usize::from(config.pages_at_once),
        // the budget, one last request, and the writing
        timeout: config.page_budget + config.http.total_timeout * 2 + Duration::from_mins(1),
    };
    let broker = shared.deps.broker.clone();
    let handler = move |delivery: Arc<Delivery>| {
        let shared = Arc::clone(&shared);
        async move {
            let _in_hand = shared.deps.metrics.begin(queue);
            let nudge = Nudge::decode(&delivery.body).map_err(JobError::undecodable)?;
            let span = tracing::info_span!("fetch_page", job.id = %nudge.run_id, job.kind = %nudge.kind,
                vendor = %nudge.vendor, tenant = %nudge.tenant, step = nudge.step.0, trace.id = field::Empty);
            trace::follow(&span, delivery.headers.traceparent.as_deref());
            handle(&shared, &nudge).instrument(span).await
        }
    };
    queue::consume(&broker, queue, consumer, handler, shutdown).await;
}

async fn handle(shared: &Arc<Shared>, nudge: &Nudge) -> Result<(), JobError> {
    let claimed = claim(shared, nudge).await.map_err(JobError::retry)?;
    let Some(run) = claimed else {
        // a copy of a nudge, or one whose step has passed: the ledger knows better
        shared.deps.metrics.step("void");
        return Ok(());
    };
    failpoint!("fetch.claimed");
    if let Some(cause) = run.blocked {
        return conclude::park(shared, &run, cause).await;
    }
    let keeper = ClaimKeeper::start(shared, &run);
    let gathered = gather(shared, &run).await;
    if keeper.is_lost() {
        tracing::warn!("lost the claim, another worker has the run");
        shared.deps.metrics.step("lost");
        return Ok(());
    }
    drop(keeper);
    match gathered {
        Ok(gathered) => conclude::checkpoint(shared, &run, gathered).await,
        Err(setback) => conclude::set_back(shared, &run, setback).await,
    }
}

async fn claim(shared: &Shared, nudge: &Nudge) -> Result<Option<ClaimedRun>, StoreError> {
    let deps = &shared.deps;
    let tx = deps.store.begin(Speaker::Tenant(&nudge.tenant)).await?;
    let run = run_claim::claim(&tx, nudge.run_id, nudge.step, &deps.worker, deps.config.claim).await?;
    tx.commit().await?;
    Ok(run)
}

async fn gather(shared: &Shared, run: &ClaimedRun) -> Result<Gathered, Setback> {
    let deadline = Instant::now() + shared.deps.config.page_budget;
    let source = Source::open(shared, run).await?;
    match (&source, run.stream, run.kind) {
        (_, Stream::Users, _) => users::gather(shared, run, &source, deadline).await,
        (Source::HubSpot(source), ..) => source.gather(shared, run, deadline).await,
        (Source::Salesforce(source), ..) => source.gather(shared, run, deadline).await,
        (_, Stream::Conversations, RunKind::FollowUp) => {
            follow_up::gather(shared, run, &source, deadline).await
        }
        (_, Stream::Conversations, _) => page::gather(shared, run, &source, deadline).await,
        (_, stream, _) => {
            let reason = format!("{} has no {stream}", run.vendor);
            Err(Setback::Lasting { class: "vendor-stream", reason })
        }
    }
}
