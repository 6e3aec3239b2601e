//! Carries out replays: a letter, then five, twenty-five, and a hundred at a time, each wave when all before it have an outcome.

mod send;

use std::time::Duration;

use anyhow::Context as _;
use model::ReplayId;
use queue::Publisher;
use runtime::{Shutdown, failpoint};
use store::replay::{self, Turn, Wave};
use store::{Speaker, Store};

use crate::Deps;

/// Between two steps of a replay; as many letters are sent in a step as the rate allows in this time.
const EVERY: Duration = Duration::from_millis(500);
const STEPS_PER_MINUTE: i32 = 120;

/// Carries replays out until the shutdown begins.
pub(crate) async fn keep_replaying(deps: &Deps, shutdown: &Shutdown) {
    let publisher = deps.broker.publisher();
    while !shutdown.is_begun() {
        if let Err(error) = step_all(&deps.store, &publisher).await {
            tracing::warn!(error = format!("{error:#}"), "failed to look after replays");
        }
        shutdown.rest(EVERY).await;
    }
}

async fn step_all(store: &Store, publisher: &Publisher) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    replay::note_outcomes(&tx).await.context("failed to note what became of letters")?;
    let running = replay::running(&tx).await?;
    tx.commit().await?;
    for id in running {
        if let Err(error) = step(store, publisher, id).await {
            tracing::warn!(replay.id = %id, error = format!("{error:#}"), "a replay could not go on, trying again");
        }
    }
    Ok(())
}

/// The turn's transaction only holds the replay: each letter is marked in one of its own, so that nothing waits for the others, and
/// whoever takes over from a process that died goes on behind the last one.
async fn step(store: &Store, publisher: &Publisher, id: ReplayId) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    let Some(turn) = replay::take_turn(&tx, id).await? else { return Ok(()) };
    match (turn.first_open, too_many_failures(&turn)) {
        (None, _) => {
            replay::finish(&tx, id).await?;
            tracing::info!(replay.id = %id, failures = turn.failures, "a replay is done");
        }
        (Some(_), Some(because)) => {
            tracing::warn!(replay.id = %id, because, "stopped a replay; see `switchboard dead report`");
            replay::stop(&tx, id, &because).await?;
        }
        (Some(first_open), None) => {
            let before = Wave::of(first_open).end;
            replay::rule_out(&tx, id, before).await?;
            let limit = if turn.may_send { (turn.pace.per_minute / STEPS_PER_MINUTE).max(1) } else { 0 };
            let letters = replay::sendable(&tx, id, before, limit.into()).await?;
            for letter in &letters {
                send::send(store, publisher, id, letter).await?;
                failpoint!("replay.sent");
            }
            replay::pause_after(&tx, id, letters.len() as u64).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn too_many_failures(turn: &Turn) -> Option<String> {
    (turn.failures > i64::from(turn.pace.failures_max)).then(|| {
        let last = turn.last_failure.as_deref().unwrap_or("no words");
        format!("{} failed, {} allowed; the last: {last}", turn.failures, turn.pace.failures_max)
    })
}
