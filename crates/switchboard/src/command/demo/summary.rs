//! The sums of all runs, and whether they add up.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde_json::Value;

use crate::output;

const COLUMNS: [&str; 6] = ["listed", "stored", "unchanged", "skipped", "pending", "dead"];

/// Prints sums by tenant and kind; an error if listed is not the sum of the others.
pub(super) fn print(runs: &[Value]) -> anyhow::Result<()> {
    let mut sums: BTreeMap<(String, String), (i64, [i64; 6])> = BTreeMap::new();
    let (ended, open): (Vec<&Value>, Vec<&Value>) =
        runs.iter().partition(|run| matches!(run["state"].as_str(), Some("settled" | "failed")));
    for run in &ended {
        let name = |field: &str| run[field].as_str().unwrap_or_default().to_owned();
        let (count, sum) = sums.entry((name("tenant"), name("kind"))).or_default();
        *count += 1;
        for (total, column) in sum.iter_mut().zip(COLUMNS) {
            *total += run["sums"][column].as_i64().unwrap_or_default();
        }
    }
    let mut total = [0; 6];
    let mut rows = Vec::new();
    for ((tenant, kind), (count, sum)) in &sums {
        total.iter_mut().zip(sum).for_each(|(total, one)| *total += one);
        rows.push(row(tenant, kind, *count, sum));
    }
    rows.push(row("all", "", i64::try_from(ended.len())?, &total));
    let headings: Vec<&str> = ["tenant", "kind", "runs"].into_iter().chain(COLUMNS).collect();
    output::table(&headings, rows, "no runs");
    let outcomes: i64 = total[1..].iter().sum();
    if total[0] != outcomes {
        bail!("the sums do not add up: {} listed, {outcomes} with an outcome", total[0]);
    }
    println!(
        "{} listed = {} stored + {} unchanged + {} skipped + {} pending + {} dead",
        total[0], total[1], total[2], total[3], total[4], total[5]
    );
    if !open.is_empty() {
        println!(
            "({} runs are open: calls that wait for their transcript are looked at again and again)",
            open.len()
        );
    }
    Ok(())
}

/// What is there in the end: a call is listed by many runs, but stored once.
pub(super) fn print_stored(tenant: &str, exported: &[Value]) {
    let count = |is: &dyn Fn(&Value) -> bool| exported.iter().filter(|one| is(one)).count();
    let meetings: BTreeSet<&str> = exported.iter().filter_map(|one| one["meeting_id"].as_str()).collect();
    println!(
        "{tenant}'s conversations: {} of {} meetings; {} on an account, {} among its own people; {} with a transcript, {} wait for it",
        exported.len(),
        meetings.len(),
        count(&|one| !one["account"].is_null()),
        count(&|one| one["internal"] == true),
        count(&|one| one["transcript"]["status"] == "ready"),
        count(&|one| one["transcript"]["status"] == "pending"),
    );
}

fn row(tenant: &str, kind: &str, runs: i64, sum: &[i64; 6]) -> Vec<String> {
    let mut row = vec![tenant.to_owned(), kind.to_owned(), runs.to_string()];
    row.extend(sum.iter().map(ToString::to_string));
    row
}
