//! Dead letters: found, grouped by cause, noted, discarded and restored, replayed.

mod advice;
pub mod edit;
pub mod replay;

use std::cmp::Ordering;

use anyhow::{Context as _, bail};
use model::DeadLetterId;
use serde::Serialize;
use store::dead_letter::{self, FiledLetter, LetterFilter, LetterGroup};
use store::desk_action::{self, Action};
use store::{Speaker, Store};

/// Letters with one cause, and what to make of them.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What is counted.
    #[serde(flatten)]
    pub letters: LetterGroup,
    /// Where it is going: growing, steady, shrinking, or quiet.
    pub trend: &'static str,
    /// What to do about it.
    pub runbook: &'static str,
}

/// A group with one of its letters, and all that people wrote and did about it.
#[derive(Debug, Clone)]
pub struct GroupInFull {
    /// The group.
    pub group: Group,
    /// The letter that failed last.
    pub example: FiledLetter,
    /// Notes and other actions that named the group, the latest first.
    pub actions: Vec<Action>,
}

/// Groups the letters that fit by cause, the largest first.
pub async fn groups(store: &Store, filter: &LetterFilter) -> anyhow::Result<Vec<Group>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let groups = dead_letter::groups(&tx, filter).await.context("failed to group dead letters")?;
    tx.commit().await?;
    Ok(groups.into_iter().map(made_sense_of).collect())
}

fn made_sense_of(letters: LetterGroup) -> Group {
    let trend = trend(letters.last_hour, letters.hour_before);
    let runbook = advice::line(&letters.stage, &letters.class);
    Group { letters, trend, runbook }
}

fn trend(last_hour: i64, hour_before: i64) -> &'static str {
    match last_hour.cmp(&hour_before) {
        Ordering::Greater => "growing",
        Ordering::Less => "shrinking",
        Ordering::Equal if last_hour > 0 => "steady",
        Ordering::Equal => "quiet",
    }
}

/// Shows one group in full.
pub async fn group(store: &Store, name: &str) -> anyhow::Result<GroupInFull> {
    let filter = LetterFilter { group: Some(name.to_owned()), ..LetterFilter::default() };
    check(store, &filter).await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let group = dead_letter::groups(&tx, &filter).await?.pop();
    let example = match dead_letter::list(&tx, &filter, 1).await?.pop() {
        Some(last) => dead_letter::load(&tx, last.letter.id).await?,
        None => None,
    };
    let actions = desk_action::list(&tx, Some(name), i64::MAX).await?;
    tx.commit().await?;
    let (Some(group), Some(example)) = (group, example) else {
        bail!(
            "no letter of group {name:?} is dead; `switchboard dead list --group {name} --state any` lists them"
        )
    };
    Ok(GroupInFull { group: made_sense_of(group), example, actions })
}

/// Lists the letters that fit, the last to fail first, without their bodies.
pub async fn list(store: &Store, filter: &LetterFilter, limit: i64) -> anyhow::Result<Vec<FiledLetter>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let letters = dead_letter::list(&tx, filter, limit).await.context("failed to list dead letters")?;
    tx.commit().await?;
    Ok(letters)
}

/// Shows one letter with its body.
pub async fn show(store: &Store, id: DeadLetterId) -> anyhow::Result<FiledLetter> {
    let tx = store.begin(Speaker::Everybody).await?;
    let letter = dead_letter::load(&tx, id).await?;
    tx.commit().await?;
    letter.with_context(|| no_letter(id))
}

/// Counts the letters that fit.
pub async fn count(store: &Store, filter: &LetterFilter) -> anyhow::Result<i64> {
    let tx = store.begin(Speaker::Everybody).await?;
    let count = dead_letter::count(&tx, filter).await.context("failed to count dead letters")?;
    tx.commit().await?;
    Ok(count)
}

/// Discards the letters that are dead and fit, with a reason; returns how many.
pub async fn discard(
    store: &Store,
    operator: &str,
    filter: &LetterFilter,
    reason: &str,
) -> anyhow::Result<u64> {
    let tx = store.begin(Speaker::Everybody).await?;
    let discarded =
        dead_letter::discard(&tx, filter, reason).await.context("failed to discard dead letters")?;
    desk_action::record(&tx, operator, "discard", &filter.as_json(), discarded, Some(reason)).await?;
    tx.commit().await?;
    Ok(discarded)
}

/// Takes back that letters were discarded, of those that fit and are not forgotten; returns how many.
pub async fn restore(store: &Store, operator: &str, filter: &LetterFilter) -> anyhow::Result<u64> {
    let tx = store.begin(Speaker::Everybody).await?;
    let restored = dead_letter::restore(&tx, filter).await.context("failed to restore dead letters")?;
    desk_action::record(&tx, operator, "restore", &filter.as_json(), restored, None).await?;
    tx.commit().await?;
    Ok(restored)
}

/// Writes a note to a group, for whoever looks at it next.
pub async fn note(store: &Store, operator: &str, group: &str, words: &str) -> anyhow::Result<()> {
    let filter = LetterFilter { group: Some(group.to_owned()), ..LetterFilter::default() };
    check(store, &filter).await?;
    let tx = store.begin(Speaker::Everybody).await?;
    desk_action::record(&tx, operator, "note", &filter.as_json(), 0, Some(words)).await?;
    tx.commit().await?;
    Ok(())
}

/// Lists what was done about dead letters, the latest first.
pub async fn actions(store: &Store, group: Option<&str>, limit: i64) -> anyhow::Result<Vec<Action>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let actions = desk_action::list(&tx, group, limit).await.context("failed to list actions")?;
    tx.commit().await?;
    Ok(actions)
}

/// Refuses ids, a group and a tenant that no letter has, whatever its state.
pub async fn check(store: &Store, filter: &LetterFilter) -> anyhow::Result<()> {
    crate::tenants::check(store, filter.tenant.as_ref()).await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let unknown = dead_letter::unknown(&tx, filter.ids.as_deref().unwrap_or_default()).await?;
    if let Some(id) = unknown.first() {
        bail!(no_letter(*id));
    }
    if let Some(group) = &filter.group {
        let of = LetterFilter { group: Some(group.clone()), any_state: true, ..LetterFilter::default() };
        if dead_letter::count(&tx, &of).await? == 0 {
            bail!("there is no group {group:?}; `switchboard dead groups` lists them");
        }
    }
    Ok(tx.commit().await?)
}

fn no_letter(id: DeadLetterId) -> String {
    format!("there is no dead letter {id}; `switchboard dead list` lists them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_compares_two_hours() {
        let trends = [(3, 1), (2, 2), (1, 9), (0, 4), (0, 0)].map(|(last, before)| trend(last, before));
        assert_eq!(trends, ["growing", "steady", "shrinking", "shrinking", "quiet"]);
    }
}
