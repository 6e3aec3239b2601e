//! `tenant add`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use mapping::email::registrable_domain;
use model::TenantId;
use serde_json::json;
use store::{Speaker, tenant};

use crate::context::Context;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct TenantArgs {
    #[command(subcommand)]
    command: TenantCommand,
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// Add a tenant.
    Add {
        /// Its id: a-z, 0-9, '-' and '_'.
        id: TenantId,
        /// Its name, for people.
        #[arg(long)]
        name: String,
        /// A mail domain of its own people; may be given several times.
        #[arg(long = "domain")]
        domains: Vec<String>,
        /// Let conversations in before there are accounts.
        #[arg(long)]
        ungated: bool,
    },
}

pub(crate) async fn run(context: &Context, args: TenantArgs) -> anyhow::Result<ExitCode> {
    let TenantCommand::Add { id, name, domains, ungated } = args.command;
    let mut own = Vec::new();
    for domain in &domains {
        let lower = domain.trim().trim_start_matches('@').to_lowercase();
        if registrable_domain(&lower).is_none() {
            bail!("{domain:?} is no mail domain: expected something like example.com");
        }
        own.push(lower);
    }
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Tenant(&id)).await?;
    if !tenant::add(&tx, &id, &name, &own).await? {
        bail!("tenant {id} exists already; nothing was changed");
    }
    if ungated {
        tenant::set_gated(&tx, &id, false).await?;
    }
    tx.commit().await?;
    if context.json {
        output::json(&json!({ "tenant": id, "name": name, "domains": own }))?;
    } else {
        println!("added tenant {id}; next: `switchboard accounts import --tenant {id} accounts.csv`");
    }
    Ok(ExitCode::SUCCESS)
}
