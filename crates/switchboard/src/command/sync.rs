//! `sync`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use store::{SliceLength, Speaker};

use crate::command::standing;
use crate::command::times::{begin, between, end};
use crate::context::Context;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Its id, the beginning of it, or TENANT/VENDOR.
    connection: String,
    /// Beginning of a window of the past: 2026-01-31 or 2026-01-31T12:00:00Z.
    #[arg(long, requires = "to")]
    from: Option<String>,
    /// End of the window; a day without a time counts to its end, so that one day is `--from DAY --to DAY`.
    #[arg(long, requires = "from")]
    to: Option<String>,
    /// Walk over all history instead, listing only: finds what was made private, archived, or vanished.
    #[arg(long, conflicts_with = "from")]
    walk: bool,
}

pub(crate) async fn run(context: &Context, args: &SyncArgs) -> anyhow::Result<ExitCode> {
    let window = match (&args.from, &args.to) {
        (Some(from), Some(to)) => Some(between(begin(from)?, end(to)?)?),
        _ => None,
    };
    let store = context.migrated_store().await?;
    let connection = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    let obstacle = standing::of(&tx, &connection, context.attempts_max()?).await?.obstacle();
    tx.commit().await?;
    let words = match window {
        Some(window) => {
            let length = SliceLength::from_env(&context.env)?;
            let slices = desk::sync::window(&store, &connection, window, length).await?;
            format!("planned {slices} backfill runs from {} to {}", window.from, window.to)
        }
        None if args.walk => {
            desk::sync::walk(&store, &connection).await?;
            "a walk over all history is due".to_owned()
        }
        None => {
            desk::sync::now(&store, &connection).await?;
            "a sync is due now".to_owned()
        }
    };
    if context.json {
        output::json(&json!({ "connection": connection.id, "done": words, "waits_because": obstacle }))?;
    } else {
        output::say!("{words}");
        if let Some(obstacle) = obstacle {
            output::say!("note: its runs wait, because {obstacle}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
