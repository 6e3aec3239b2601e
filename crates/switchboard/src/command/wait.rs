//! `wait --idle`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use desk::idle::{self, Left};
use desk::tenants;
use model::TenantId;

use crate::context::Context;
use crate::output::{self, second};

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Until nothing is due, queued, running or retrying.
    #[arg(long, required = true)]
    idle: bool,
    /// Look at this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Give up after so many seconds, a year at most, with exit code 1.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    timeout: u64,
}

pub(crate) async fn run(context: &Context, args: WaitArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    tenants::check(&store, args.tenant.as_ref()).await?;
    let broker = context.queue_config()?;
    let timeout = Duration::from_secs(args.timeout);
    let show = std::io::stderr().is_terminal();
    let progress = |left: &Left| {
        if show {
            eprint!("\r\x1b[K{}", words(left));
        }
    };
    let outcome = idle::wait(&store, &broker, args.tenant.as_ref(), timeout, progress).await?;
    if show {
        eprint!("\r\x1b[K");
    }
    let (left, code) = match outcome {
        Ok(left) => (left, ExitCode::SUCCESS),
        Err(left) => (left, ExitCode::FAILURE),
    };
    if context.json {
        let mut told = serde_json::to_value(&left)?;
        told["idle"] = (code == ExitCode::SUCCESS).into();
        output::json(&told)?;
    } else if code == ExitCode::SUCCESS {
        output::say!("idle{}", standing(&left));
    } else {
        output::say!("not idle after {} s: {}{}", args.timeout, words(&left), standing(&left));
        output::say!("`switchboard status` says who works, and `switchboard runs` at what");
    }
    Ok(code)
}

fn words(left: &Left) -> String {
    let ledger = &left.ledger;
    let parts = [
        (ledger.due, "due"),
        (ledger.runs, "runs"),
        (ledger.records_under_way, "records under way"),
        (ledger.looks_due, "looks due"),
        (ledger.account_changes, "account changes"),
        (ledger.batches_to_link, "batches to link again"),
        (ledger.batches_to_match, "batches to match"),
        (ledger.replays_under_way, "replays under way"),
        (ledger.letters_unfiled, "dead letters to file"),
        (ledger.events, "events"),
        (i64::try_from(left.messages).unwrap_or(i64::MAX), "messages"),
    ];
    let named = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let retried = (ledger.records_retrying > 0).then(|| {
        let next = ledger.next_retry_at.map(|at| format!(", next at {}", second(at))).unwrap_or_default();
        format!("{} records retried{next}", ledger.records_retrying)
    });
    named.chain(retried).collect::<Vec<_>>().join(", ")
}

/// What does not count as work left, but is worth knowing.
fn standing(left: &Left) -> String {
    let mut parts: Vec<String> =
        left.ledger.parked.iter().map(|one| format!("{} runs parked by {}", one.count, one.name)).collect();
    let standing = [
        (left.ledger.transcripts_pending, "calls wait for their transcript"),
        (left.ledger.records_held, "records are held with their connection"),
        (left.ledger.slices_to_replan, "failed slices are planned again later"),
    ];
    let named = standing.iter().filter(|(count, _)| *count > 0);
    parts.extend(named.map(|(count, what)| format!("{count} {what}")));
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
