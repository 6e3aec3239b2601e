//! `tenant add`, `tenant list`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use mapping::email::{is_free_mail, is_shared_host, normal_host, registrable_domain};
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
        /// A mail domain of its own people, not of everybody (gmail.com); may be given several times.
        #[arg(long = "domain")]
        domains: Vec<String>,
        /// Let conversations in before there are accounts.
        #[arg(long)]
        ungated: bool,
    },
    /// List the tenants.
    List,
}

pub(crate) async fn run(context: &Context, args: TenantArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        TenantCommand::Add { id, name, domains, ungated } => add(context, id, &name, &domains, ungated).await,
        TenantCommand::List => list(context).await,
    }
}

async fn list(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let all = tenant::list(&tx).await?;
    tx.commit().await?;
    if context.json {
        for one in &all {
            let (id, name) = (&one.id, &one.name);
            output::json(
                &json!({ "tenant": id, "name": name, "domains": one.domains, "gate_open": one.gate_open }),
            )?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all.iter().map(|one| {
        let gate = if one.gate_open { "open" } else { "waits for accounts" };
        vec![one.id.to_string(), one.name.clone(), one.domains.join(", "), gate.to_owned()]
    });
    let headings = ["tenant", "name", "own domains", "calls"];
    output::table(&headings, rows.collect(), "there are no tenants; `switchboard tenant add` adds one");
    Ok(ExitCode::SUCCESS)
}

async fn add(
    context: &Context,
    id: TenantId,
    name: &str,
    domains: &[String],
    ungated: bool,
) -> anyhow::Result<ExitCode> {
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_control) {
        bail!("--name: expected a name for people, in one line");
    }
    let mut own = Vec::new();
    for domain in domains {
        let normal = own_domain(domain)?;
        if !own.contains(&normal) {
            own.push(normal);
        }
    }
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Tenant(&id)).await?;
    if !tenant::add(&tx, &id, name, &own).await? {
        bail!("tenant {id} exists already; nothing was changed");
    }
    if ungated {
        tenant::set_gated(&tx, &id, false).await?;
    }
    tx.commit().await?;
    if own.is_empty() {
        eprintln!(
            "warning: without --domain nobody is known as the tenant's own, so that colleagues count as customers"
        );
    }
    if context.json {
        output::json(&json!({ "tenant": id, "name": name, "domains": own }))?;
    } else {
        output::say!("added tenant {id}; next: `switchboard accounts import --tenant {id} accounts.csv`");
    }
    Ok(ExitCode::SUCCESS)
}

/// A domain as addresses are compared with it: lower case, A-labels, no trailing dot. One that strangers write from as well would make
/// them the tenant's own people.
fn own_domain(given: &str) -> anyhow::Result<String> {
    let Some(host) = normal_host(given.trim().trim_start_matches('@')) else {
        bail!("{given:?} is no mail domain: expected something like example.com");
    };
    if is_free_mail(&host) {
        bail!("{given:?} is a free mail provider: everybody writes from it, so it is nobody's own domain");
    }
    if is_shared_host(&host) {
        bail!("{given:?} is a host that many companies share, so it is nobody's own domain");
    }
    if registrable_domain(&host).is_none() {
        bail!("{given:?} is no domain that a company registers: expected something like example.com");
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_kept_as_addresses_are_compared_with_it() {
        for (given, kept) in [
            ("ACME.com.", "acme.com"),
            (" @Sales.Acme.co.uk ", "sales.acme.co.uk"),
            ("müller.de", "xn--mller-kva.de"),
            ("MÜLLER.DE", "xn--mller-kva.de"),
        ] {
            assert_eq!(own_domain(given).unwrap(), kept);
        }
    }

    #[test]
    fn what_everybody_writes_from_is_nobodys_own() {
        for (given, words) in [
            ("GMail.com", "free mail"),
            ("yahoo.co.uk.", "free mail"),
            ("nonsense", "no mail domain"),
            ("github.io", "no domain that a company registers"),
            ("corp.local", "no domain that a company registers"),
            ("", "no mail domain"),
        ] {
            let error = own_domain(given).unwrap_err().to_string();
            assert!(error.contains(words), "{given}: {error}");
        }
    }
}
