//! `migrate`: schema and topology.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use crate::context::Context;
use crate::output;

pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let applied = store::migrate(&context.store()?, None).await?;
    queue::declare(&context.queue_config()?).await.context("the database is migrated, the broker is not")?;
    if context.json {
        output::json(&json!({ "applied": applied }))?;
    } else if applied.is_empty() {
        output::say!("the database is up to date; exchanges and queues are declared");
    } else {
        output::say!("migrations applied: {}; exchanges and queues are declared", applied.len());
    }
    Ok(ExitCode::SUCCESS)
}
