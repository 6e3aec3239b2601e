//! Sends the nudges that are missing: of runs just started, of retries that are due, and after a crash.

use anyhow::Context as _;
use queue::{Outgoing, WorkQueue};
use runtime::failpoint;
use store::{Speaker, run_plan};

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let nudges = run_plan::take_nudges(&tx, deps.config.nudge_again, BATCH.cast_signed()).await?;
    // marked before they are sent: if this process dies in between, the mark grows old and they are sent again
    tx.commit().await?;
    failpoint!("schedule.nudge_marked");
    let messages = nudges
        .iter()
        .map(|nudge| Outgoing::to_work(WorkQueue::fetch(nudge.lane()), nudge.encode()))
        .collect();
    deps.publisher.publish_all(messages).await.context("failed to publish nudges")?;
    Ok(nudges.len() as u64)
}
