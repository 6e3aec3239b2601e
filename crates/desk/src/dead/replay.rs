//! Ordering dead letters to be sent again. The stewards carry it out, so that it goes on when whoever ordered it has left.

use anyhow::{Context as _, bail};
use model::ReplayId;
use serde::Serialize;
use serde_json::Value;
use store::dead_letter::{self, LetterFilter};
use store::replay::{self, Holder, Pace, Replay, ReplayedLetter};
use store::report::Count;
use store::{Speaker, Store, Tx, desk_action};

/// What a replay would do, by what is known now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// How many letters it has frozen.
    pub letters: i64,
    /// How many are left out: of another replay that is not over, or forgotten.
    pub left_out: i64,
    /// The replays that are not over to which some of these are left.
    pub held_by: Vec<Holder>,
    /// How many would be written, are superseded, cannot be sent, or are blocked, and by what.
    pub prospects: Vec<Count>,
}

/// Says what a replay of the letters that fit would do, and orders nothing.
pub async fn preview(store: &Store, filter: &LetterFilter) -> anyhow::Result<Preview> {
    let tx = store.begin(Speaker::Everybody).await?;
    let pace = Pace { per_minute: 1, failures_max: 0 };
    let (_, preview) = freeze(&tx, "preview", filter, pace).await?;
    tx.rollback().await?;
    Ok(preview)
}

/// Orders the letters that fit to be sent again; held, it begins only when somebody says `resume`.
pub async fn order(
    store: &Store,
    operator: &str,
    filter: &LetterFilter,
    pace: Pace,
    held: bool,
) -> anyhow::Result<(ReplayId, Preview)> {
    let tx = store.begin(Speaker::Everybody).await?;
    let (id, preview) = freeze(&tx, operator, filter, pace).await?;
    if held {
        replay::stop(&tx, id, "held until somebody resumes it").await?;
    } else {
        // what is closed already needs no steward to say so
        replay::rule_out(&tx, id, i32::MAX).await?;
        replay::finish(&tx, id).await?;
    }
    let letters = u64::try_from(preview.letters)?;
    desk_action::record(&tx, operator, "replay", &filter.as_json(), letters, Some(&id.to_string())).await?;
    tx.commit().await?;
    Ok((id, preview))
}

async fn freeze(
    tx: &Tx,
    operator: &str,
    filter: &LetterFilter,
    pace: Pace,
) -> anyhow::Result<(ReplayId, Preview)> {
    let fit = dead_letter::count(tx, filter).await?;
    let ordered = replay::order(tx, operator, filter, pace).await;
    let (id, frozen) = ordered.context("failed to freeze the letters")?;
    let letters = i64::try_from(frozen)?;
    let prospects = replay::prospects(tx, id).await.context("failed to preview the replay")?;
    let held_by = replay::holders(tx, filter, id).await.context("failed to look for other replays")?;
    Ok((id, Preview { letters, left_out: (fit - letters).max(0), held_by, prospects }))
}

/// Lists replays, the latest first.
pub async fn list(store: &Store, limit: i64) -> anyhow::Result<Vec<Replay>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let replays = replay::list(&tx, None, limit).await.context("failed to list replays")?;
    tx.commit().await?;
    Ok(replays)
}

/// Shows how far a replay is.
pub async fn show(store: &Store, id: ReplayId) -> anyhow::Result<Replay> {
    let tx = store.begin(Speaker::Everybody).await?;
    let found = one(&tx, id).await?;
    tx.commit().await?;
    Ok(found)
}

/// Reports what became of each letter of a replay.
pub async fn report(store: &Store, id: ReplayId) -> anyhow::Result<(Replay, Vec<ReplayedLetter>)> {
    let tx = store.begin(Speaker::Everybody).await?;
    let report = (one(&tx, id).await?, replay::letters(&tx, id).await?);
    tx.commit().await?;
    Ok(report)
}

async fn one(tx: &Tx, id: ReplayId) -> anyhow::Result<Replay> {
    let found = replay::list(tx, Some(id), 1).await?.pop();
    found.with_context(|| format!("there is no replay {id}; `switchboard dead replays` lists them"))
}

/// Stops a running replay where it is; it can go on.
pub async fn stop(store: &Store, operator: &str, id: ReplayId) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    let found = one(&tx, id).await?;
    if !replay::stop(&tx, id, &format!("stopped by {operator}")).await? {
        bail!("replay {id} is not running: it is {}", found.state);
    }
    written_down(tx, operator, "stop", &found.chosen, id, 0).await
}

/// Lets a stopped replay go on; the failures it has had are accepted.
pub async fn resume(store: &Store, operator: &str, id: ReplayId) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    let found = one(&tx, id).await?;
    if !replay::resume(&tx, id).await? {
        bail!("replay {id} is not stopped: it is {}", found.state);
    }
    written_down(tx, operator, "resume", &found.chosen, id, 0).await
}

/// Ends a replay early; returns how many letters are left as they were. What was sent goes on.
pub async fn cancel(store: &Store, operator: &str, id: ReplayId) -> anyhow::Result<u64> {
    let tx = store.begin(Speaker::Everybody).await?;
    let found = one(&tx, id).await?;
    let Some(left) = replay::cancel(&tx, id).await? else {
        bail!("replay {id} is over: it is {}", found.state);
    };
    written_down(tx, operator, "cancel", &found.chosen, id, left).await?;
    Ok(left)
}

async fn written_down(
    tx: Tx,
    operator: &str,
    action: &str,
    chosen: &Value,
    id: ReplayId,
    letters: u64,
) -> anyhow::Result<()> {
    desk_action::record(&tx, operator, action, chosen, letters, Some(&id.to_string())).await?;
    Ok(tx.commit().await?)
}
