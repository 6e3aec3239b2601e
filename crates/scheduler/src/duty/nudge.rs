//! Sends the nudges that are missing: of runs just started, of retries that are due, and after a crash.

use anyhow::Context as _;
use model::message::Nudge;
use queue::{JobHeaders, Outgoing, WorkQueue};
use runtime::{failpoint, trace};
use store::{Speaker, run_plan};
use tracing::Span;

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let nudges = run_plan::take_nudges(&tx, deps.config.nudge_again, BATCH.cast_signed()).await?;
    // marked before they are sent: if this process dies in between, the mark grows old and they are sent again
    tx.commit().await?;
    failpoint!("schedule.nudge_marked");
    // they end when the nudges are sent
    let spans: Vec<Span> = nudges.iter().map(begin_trace).collect();
    let messages = nudges.iter().zip(&spans).map(|(nudge, span)| {
        let headers = JobHeaders { traceparent: trace::of(span), ..JobHeaders::default() };
        Outgoing::to_work(WorkQueue::fetch(nudge.lane()), nudge.encode()).with_headers(headers)
    });
    let messages = messages.collect();
    deps.publisher.publish_all(messages).await.context("failed to publish nudges")?;
    Ok(nudges.len() as u64)
}

/// Whatever comes of a nudge is one trace: its pages, their documents, what is stored of them or dies.
fn begin_trace(nudge: &Nudge) -> Span {
    if !trace::is_on() {
        return Span::none();
    }
    tracing::info_span!(parent: None, "nudge", job.id = %nudge.run_id, job.kind = %nudge.kind, vendor = %nudge.vendor,
        tenant = %nudge.tenant, step = nudge.step.0)
}
