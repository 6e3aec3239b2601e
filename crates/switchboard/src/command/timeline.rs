//! `timeline`.

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use model::{TenantId, Vendor};
use store::Speaker;
use store::timeline::{self, TimelineEntry, TimelineFilter};

use crate::context::Context;
use crate::output::{self, or_dash, second, short};

#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// Whose conversations.
    #[arg(long)]
    tenant: TenantId,
    /// On this account only: its id at its source.
    #[arg(long)]
    account: Option<String>,
    /// With a recording of this vendor only, as it tells it.
    #[arg(long)]
    source: Option<Vendor>,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(0..))]
    limit: i64,
}

pub(crate) async fn run(context: &Context, args: TimelineArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    tenants::check(&store, Some(&args.tenant)).await?;
    tenants::check_account(&store, &args.tenant, args.account.as_deref()).await?;
    let tx = store.begin(Speaker::Tenant(&args.tenant)).await?;
    let filter = TimelineFilter { account: args.account, source: args.source, limit: args.limit };
    let entries = timeline::timeline(&tx, &args.tenant, &filter).await?;
    tx.commit().await?;
    if context.json {
        for one in &entries {
            output::json(one)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let headings =
        ["start", "minutes", "account", "title", "people", "transcript", "sources", "conversation"];
    output::table(&headings, entries.iter().map(row).collect(), "no conversations");
    Ok(ExitCode::SUCCESS)
}

fn row(one: &TimelineEntry) -> Vec<String> {
    vec![
        or_dash(one.started_at.map(second)),
        or_dash(one.duration_s.map(|seconds| format!("{:.0}", seconds / 60.0))),
        or_dash(one.account.as_ref()),
        short(one.title.as_deref().unwrap_or("(untitled)"), 36),
        short(&one.people.join(", "), 40),
        one.transcript_status.clone(),
        one.sources.iter().map(|copy| copy.vendor.as_str()).collect::<Vec<_>>().join(", "),
        one.conversation_id.to_string(),
    ]
}
