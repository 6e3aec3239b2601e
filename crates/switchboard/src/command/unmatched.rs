//! `unmatched`.

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use model::TenantId;
use store::Speaker;
use store::unmatched::{self, Unmatched};

use crate::context::Context;
use crate::output::{self, or_dash, second, short};

#[derive(Debug, Args)]
pub(crate) struct UnmatchedArgs {
    /// Whose conversations.
    #[arg(long)]
    tenant: TenantId,
    /// At most so many groups, those that would free the most conversations first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
}

pub(crate) async fn run(context: &Context, args: &UnmatchedArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    tenants::check(&store, Some(&args.tenant)).await?;
    let tx = store.begin(Speaker::Tenant(&args.tenant)).await?;
    let groups = unmatched::unmatched(&tx, &args.tenant, args.limit).await?;
    tx.commit().await?;
    if context.json {
        for group in &groups {
            output::json(group)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["domain", "conversations", "frees", "latest", "people", "newest conversation"];
    let none = "every conversation with people from outside is on an account";
    output::table(&headings, groups.iter().map(row).collect(), none);
    if groups.iter().any(|group| group.domain.is_some()) {
        output::say!(
            "give a domain to its account, in the CRM or by `switchboard accounts import`, and its calls follow"
        );
    }
    if groups.iter().any(|group| group.domain.is_none()) {
        output::say!(
            "people without a domain of their own (-) need to be contacts, or `switchboard accounts move`"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row(group: &Unmatched) -> Vec<String> {
    vec![
        or_dash(group.domain.as_ref()),
        group.conversations.to_string(),
        group.frees.to_string(),
        or_dash(group.latest.map(second)),
        short(&group.people.join(", "), 60),
        group.example.to_string(),
    ]
}
