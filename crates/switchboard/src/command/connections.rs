//! `connections`, `enable`, `disable`, `pause`, `resume`, `disconnect`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use store::connection::{self, Connection};
use store::{Speaker, credential, crm, vanish};

use crate::cli::{OfTenant, OneConnection};
use crate::command::ask::confirmed;
use crate::command::standing::{self, Standing};
use crate::context::Context;
use crate::output;

pub(crate) async fn list(context: &Context, args: OfTenant) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    desk::tenants::check(&store, args.tenant.as_ref()).await?;
    let tx = store.begin(args.tenant.as_ref().map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let all = standing::all(&tx, context.attempts_max()?).await?;
    tx.commit().await?;
    if context.json {
        for one in &all {
            output::json(&one.as_json())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all.iter().map(row).collect();
    let headings = ["connection", "tenant", "vendor", "account", "credential", "last sync", "next", "status"];
    output::table(&headings, rows, "there are no connections; `switchboard connect` makes one");
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Standing) -> Vec<String> {
    let [last, next] = one.times();
    let connection = &one.connection;
    vec![
        connection.id.to_string(),
        connection.tenant.to_string(),
        connection.vendor.to_string(),
        connection.vendor_account.to_string(),
        connection.credential_state.clone(),
        last,
        next,
        one.words(),
    ]
}

pub(crate) async fn set_enabled(
    context: &Context,
    args: &OneConnection,
    enabled: bool,
) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    refuse_disconnected(&one, enabled)?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::set_enabled(&tx, one.id, enabled).await?;
    let after = standing::of(&tx, &one, context.attempts_max()?).await?;
    tx.commit().await?;
    if enabled { began(context, &after, "enabled") } else { done(context, &one, "disabled") }
}

pub(crate) async fn set_paused(
    context: &Context,
    args: &OneConnection,
    paused: bool,
) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    refuse_disconnected(&one, !paused)?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::set_paused(&tx, one.id, paused).await?;
    let after = standing::of(&tx, &one, context.attempts_max()?).await?;
    tx.commit().await?;
    if paused { done(context, &one, "paused") } else { began(context, &after, "resumed") }
}

/// What has no secret any more cannot begin.
fn refuse_disconnected(one: &Connection, begins: bool) -> anyhow::Result<()> {
    if begins && one.disconnected_at.is_some() {
        bail!("it is disconnected: connect it again: `{}`", standing::connect(&one.tenant, one.vendor));
    }
    Ok(())
}

/// Says that it goes on, or what still stops it.
fn began(context: &Context, after: &Standing, what: &str) -> anyhow::Result<ExitCode> {
    match after.obstacle() {
        Some(obstacle) => done(context, &after.connection, &format!("{what}, but {obstacle}")),
        None => done(context, &after.connection, what),
    }
}

#[derive(Debug, Args)]
pub(crate) struct DisconnectArgs {
    #[command(flatten)]
    which: OneConnection,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn disconnect(context: &Context, args: &DisconnectArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.which.connection).await?;
    let name = desk::connections::name(&one);
    if !args.yes && !confirmed(&format!("destroy the secret of {name} ({})", one.id))? {
        return done(context, &one, "nothing was changed");
    }
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    let stored = credential::current(&tx, one.id).await?;
    tx.commit().await?;
    if let Some(stored) = stored.filter(|stored| !stored.kept.is_in_row()) {
        // before its row is deleted: as long as that is there, whoever could not destroy the secret can try again
        let destroyed = context.vault()?.destroy(&stored.kept).await;
        destroyed.context("the secret could not be destroyed; nothing was changed")?;
    }
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::disconnect(&tx, one.id).await?;
    tx.commit().await?;
    done(context, &one, "disconnected: the secret is destroyed, the data is kept")
}

pub(crate) async fn withdraw_vanished(context: &Context, args: &OneConnection) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    let withdrawn = vanish::withdraw(&tx, one.id).await?;
    let gone = crm::gone::apply_held(&tx, one.id).await?;
    tx.commit().await?;
    let what = if one.vendor.is_crm() {
        format!("{gone} records taken for gone")
    } else {
        format!("{withdrawn} conversations withdrawn")
    };
    done(context, &one, &what)
}

fn done(context: &Context, one: &Connection, what: &str) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(&json!({ "connection": one.id, "done": what }))?;
    } else {
        output::say!("{} ({}): {what}", one.id, desk::connections::name(one));
    }
    Ok(ExitCode::SUCCESS)
}
