//! `export conversations`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::TenantId;
use store::{Speaker, timeline};

use crate::context::Context;

/// Conversations read at a time.
const PAGE: i64 = 200;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Debug, Subcommand)]
enum ExportCommand {
    /// One JSON object a line, by start and then by the vendor's id.
    Conversations {
        /// Whose conversations.
        #[arg(long)]
        tenant: TenantId,
    },
}

pub(crate) async fn run(context: &Context, args: ExportArgs) -> anyhow::Result<ExitCode> {
    let ExportCommand::Conversations { tenant: id } = args.command;
    let store = context.migrated_store().await?;
    desk::tenants::check(&store, Some(&id)).await?;
    let tx = store.begin(Speaker::Tenant(&id)).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut cursor = None;
    loop {
        let (conversations, next) = timeline::export_page(&tx, &id, cursor.as_ref(), PAGE).await?;
        let mut write =
            || conversations.iter().try_for_each(|one| writeln!(out, "{}", serde_json::to_string(one)?));
        match write() {
            // whoever reads has seen enough
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("cannot write to standard output")?,
        }
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    match out.flush() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        written => written.context("cannot write to standard output")?,
    }
    tx.commit().await?;
    Ok(ExitCode::SUCCESS)
}
