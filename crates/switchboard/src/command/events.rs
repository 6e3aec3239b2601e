//! `events tail`.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use store::{Speaker, outbox};

use crate::context::Context;
use crate::output::{self, second};

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Show the last events; with --follow, new ones as they come.
    Tail {
        /// How many of the past.
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(0..))]
        lines: i64,
        /// Go on until interrupted.
        #[arg(short, long)]
        follow: bool,
    },
}

pub(crate) async fn run(context: &Context, args: EventsArgs) -> anyhow::Result<ExitCode> {
    let EventsCommand::Tail { lines, follow } = args.command;
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let mut position = outbox::position_before_last(&tx, lines).await?;
    tx.commit().await?;
    loop {
        let tx = store.begin(Speaker::Everybody).await?;
        let events = outbox::after(&tx, position, 500).await?;
        tx.commit().await?;
        for event in &events {
            position = event.sequence;
            print(context, event)?;
        }
        if events.is_empty() {
            if !follow {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn print(context: &Context, event: &outbox::Event) -> anyhow::Result<()> {
    if context.json {
        return output::json(&json!({
            "id": event.id, "type": event.kind, "tenant": event.tenant, "occurred_at": event.occurred_at,
            "data": event.body,
        }));
    }
    output::say!("{}  {:<26} {:<12} {}", second(event.occurred_at), event.kind, event.tenant, event.body);
    Ok(())
}
