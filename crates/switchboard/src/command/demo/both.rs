//! What two recorders have of the same meetings.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::stage::Stage;

/// Says how many meetings both recorded, and shows one as it is on the timeline: once, with its copies.
pub(super) async fn tell(stage: &Stage, tenant: &str) -> anyhow::Result<()> {
    let timeline = stage.read(&["timeline", "--tenant", tenant, "--limit", "1000000"]).await?;
    let meetings: BTreeSet<&str> = timeline.iter().filter_map(|one| one["meeting_id"].as_str()).collect();
    if meetings.len() != timeline.len() {
        bail!("{} entries of {} meetings: one is there twice", timeline.len(), meetings.len());
    }
    let both = timeline.iter().filter(|one| is_of_both(one)).count();
    println!(
        "{both} of {tenant}'s {} meetings were recorded by both; each is one entry with both sources",
        timeline.len()
    );
    let one = newest_of_an_account(&timeline).context("no meeting was recorded by both")?;
    let name = |field: &str| one[field].as_str().unwrap_or_default();
    let (account, meeting) = (name("account_external_id"), name("meeting_id"));
    stage.switchboard(&["timeline", "--tenant", tenant, "--account", account, "--limit", "1"]).await?;
    stage.switchboard(&["meeting", "show", meeting]).await
}

fn is_of_both(entry: &Value) -> bool {
    let copies = entry["sources"].as_array().into_iter().flatten();
    let vendors: BTreeSet<&str> = copies.filter_map(|copy| copy["vendor"].as_str()).collect();
    vendors.len() > 1
}

/// An entry of both that is the first of its account's timeline.
fn newest_of_an_account(timeline: &[Value]) -> Option<&Value> {
    let mut seen = BTreeSet::new();
    let mut firsts = timeline
        .iter()
        .filter(|one| one["account_external_id"].as_str().is_some_and(|account| seen.insert(account)));
    firsts.find(|one| is_of_both(one))
}
