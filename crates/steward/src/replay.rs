//! Carries out replays: a letter, then five, twenty-five, and a hundred at a time, each wave when all before it have an outcome.

mod send;

use std::time::Duration;

use anyhow::Context as _;
use model::ReplayId;
use queue::Publisher;
use runtime::{Shutdown, failpoint};
use store::replay::{self, Turn};
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
            let before = wave_end(first_open);
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
        format!("{} letters failed, {} are allowed; the last: {last}", turn.failures, turn.pace.failures_max)
    })
}

/// The end of the wave that a place is in.
fn wave_end(place: i32) -> i32 {
    const FIRST: [i32; 3] = [1, 1 + 5, 1 + 5 + 25];
    let full = FIRST[2];
    FIRST.into_iter().find(|end| place < *end).unwrap_or(full + ((place - full) / 100 + 1) * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_of_one_five_twenty_five_and_then_a_hundred() {
        let ends = [0, 1, 5, 6, 30, 31, 130, 131, 1_000].map(wave_end);
        assert_eq!(ends, [1, 6, 6, 31, 31, 131, 131, 231, 1_031]);
    }
}
