//! `migrate`: schema, rights and topology.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;
use store::{Store, StoreConfig};

use crate::context::Context;
use crate::output;

pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let store = Store::new(&StoreConfig::of_migrations(&context.env)?, "migrate")?;
    let applied = store::migrate(&store, None).await?;
    let granted =
        store::rights::grant(&store).await.context("the database is migrated, rights are not granted")?;
    queue::declare(&queue::Config::of_migrations(&context.env)?)
        .await
        .context("the database is migrated, the broker is not")?;
    if context.json {
        output::json(&json!({ "applied": applied, "granted": granted }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rights = match granted.len() {
        0 => "no roles to grant rights to (deploy/security.md)".to_owned(),
        roles => format!("rights are granted to {roles} roles"),
    };
    if applied.is_empty() {
        output::say!("the database is up to date; {rights}; exchanges and queues are declared");
    } else {
        output::say!("migrations applied: {}; {rights}; exchanges and queues are declared", applied.len());
    }
    Ok(ExitCode::SUCCESS)
}
