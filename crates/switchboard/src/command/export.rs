//! `export conversations`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use model::TenantId;
use store::{Speaker, tenant, timeline};

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
    let tx = store.begin(Speaker::Tenant(&id)).await?;
    if tenant::load(&tx, &id).await?.is_none() {
        bail!("there is no tenant {id}");
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut cursor = None;
    loop {
        let (conversations, next) = timeline::export_page(&tx, &id, cursor.as_ref(), PAGE).await?;
        let mut write =
            || conversations.iter().try_for_each(|one| writeln!(out, "{}", serde_json::to_string(one)?));
        match write() {
            // whoever reads has seen enough
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written?,
        }
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    out.flush()?;
    tx.commit().await?;
    Ok(ExitCode::SUCCESS)
}
