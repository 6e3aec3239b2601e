//! `runs`.

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use model::{RunState, TenantId};
use serde_json::json;
use store::Speaker;
use store::report::{self, Pulse};
use store::run::{self, Run, RunFilter, Sums};

use crate::command::standing::parked;
use crate::context::Context;
use crate::output::{self, minute, short};

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Of this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Open runs only.
    #[arg(long)]
    open: bool,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(0..))]
    limit: i64,
}

pub(crate) async fn run(context: &Context, args: RunsArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    tenants::check(&store, args.tenant.as_ref()).await?;
    let tx = store.begin(args.tenant.as_ref().map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let filter = RunFilter { connection: None, open: args.open, limit: args.limit };
    let runs = run::list(&tx, &filter).await?;
    let pulses = report::pulses(&tx).await?;
    tx.commit().await?;
    let attempts_max = context.attempts_max()?;
    if context.json {
        for one in &runs {
            output::json(&as_json(one))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = runs.iter().map(|one| {
        let pulse = pulses.iter().find(|pulse| pulse.connection_id == one.connection_id);
        row(one, &remark(one, pulse, attempts_max))
    });
    let headings = ["run", "connection", "kind", "from", "to", "state", "listed", "remark"];
    output::table(&headings, rows.collect(), "there are no runs");
    Ok(ExitCode::SUCCESS)
}

/// Near 120 columns; the whole of everything is in the JSON.
fn row(one: &Run, remark: &str) -> Vec<String> {
    let whole = one.id.to_string();
    vec![
        whole.get(..8).unwrap_or(&whole).to_owned(),
        format!("{}/{}", one.tenant, one.vendor),
        output::work(one.kind, one.stream),
        minute(one.window.from),
        minute(one.window.to),
        one.state.to_string(),
        one.sums.listed.to_string(),
        short(remark, 72),
    ]
}

/// What a person would want to know of its state: a trouble first, then what became of its records.
fn remark(one: &Run, pulse: Option<&Pulse>, attempts_max: u32) -> String {
    let trouble = match (one.state, one.parked_cause) {
        (RunState::Parked, Some(cause)) => Some(parked(cause, pulse)),
        (RunState::Failed, _) => one.failed_reason.clone(),
        (RunState::Settled, _) if one.gap => Some("fewer records than the vendor's total".to_owned()),
        _ => one.last_error.as_ref().map(|error| match one.attempt {
            0 => format!("waits: {error}"),
            attempt => format!("attempt {attempt} of {attempts_max}: {error}"),
        }),
    };
    let outcomes = outcomes(one.sums);
    match trouble {
        Some(trouble) if outcomes.is_empty() => trouble,
        Some(trouble) => format!("{}; {outcomes}", short(&trouble, 40)),
        None => outcomes,
    }
}

/// What became of its records, without what did not happen.
fn outcomes(sums: Sums) -> String {
    let parts = [
        (sums.stored, "stored"),
        (sums.unchanged, "unchanged"),
        (sums.skipped, "skipped"),
        (sums.pending, "pending"),
        (sums.dead, "dead"),
        (sums.under_way, "under way"),
    ];
    let named = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    named.collect::<Vec<_>>().join(", ")
}

fn as_json(one: &Run) -> serde_json::Value {
    json!({
        "run": one.id, "tenant": one.tenant, "connection": one.connection_id, "vendor": one.vendor, "stream": one.stream,
        "kind": one.kind, "lane": one.lane, "window": one.window, "state": one.state, "step": one.step, "page": one.page,
        "attempt": one.attempt, "last_error": one.last_error, "next_attempt_at": one.next_attempt_at,
        "parked_cause": one.parked_cause, "failed_reason": one.failed_reason, "gap": one.gap, "sums": one.sums,
        "planned_at": one.planned_at, "ended_at": one.ended_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_happen_is_not_listed() {
        let sums = Sums { listed: 9, stored: 4, skipped: 5, ..Sums::default() };
        assert_eq!(outcomes(sums), "4 stored, 5 skipped");
        assert_eq!(outcomes(Sums::default()), "");
    }
}
