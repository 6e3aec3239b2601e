//! `runs`.

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use model::{RunState, TenantId};
use serde_json::json;
use store::Speaker;
use store::run::{self, Run, RunFilter};

use crate::context::Context;
use crate::output::{self, or_dash, second, short};

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
    tx.commit().await?;
    if context.json {
        for one in &runs {
            output::json(&as_json(one))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let headings = [
        "run",
        "tenant",
        "vendor",
        "stream",
        "kind",
        "from",
        "to",
        "state",
        "listed",
        "stored",
        "unchanged",
        "skipped",
        "pending",
        "dead",
        "open",
        "remark",
    ];
    output::table(&headings, runs.iter().map(row).collect(), "there are no runs");
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Run) -> Vec<String> {
    let sums = one.sums;
    let numbers =
        [sums.listed, sums.stored, sums.unchanged, sums.skipped, sums.pending, sums.dead, sums.under_way];
    let mut row = vec![
        one.id.to_string(),
        one.tenant.to_string(),
        one.vendor.to_string(),
        one.stream.to_string(),
        one.kind.to_string(),
        second(one.window.from),
        second(one.window.to),
        one.state.to_string(),
    ];
    row.extend(numbers.iter().map(ToString::to_string));
    row.push(short(&remark(one), 80));
    row
}

/// What a person would want to know of its state.
fn remark(one: &Run) -> String {
    match one.state {
        RunState::Parked => format!("parked by {}", or_dash(one.parked_cause)),
        RunState::Failed => one.failed_reason.clone().unwrap_or_default(),
        RunState::Settled if one.gap => "fewer records than the vendor's total".to_owned(),
        _ => one
            .last_error
            .as_ref()
            .map(|error| format!("attempt {}: {error}", one.attempt))
            .unwrap_or_default(),
    }
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
