//! The bare side, a process of its own so that its time can be told from ours: no ledger, no permits, no retries, nobody to
//! share with, nothing to lose.

mod attention;
mod hubspot;
mod queue;

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tokio_postgres::{Client, NoTls};

use self::queue::{Publisher, consume};
use crate::rows::{Kind, Rows, copy_referred};

/// What the bare side is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// From a recorder's pages through one queue to rows.
    Pipeline(PipelineArgs),
    /// From a CRM's pages through one queue to rows.
    PipelineRecords(PipelineArgs),
    /// Rows alone, by one connection.
    Write(RowsArgs),
    /// The rows of a CRM's records alone, by one connection.
    WriteRecords(RowsArgs),
}

/// The vendor, the queue and the rows.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// The vendor's API.
    #[arg(long)]
    base_url: String,
    /// The key to it.
    #[arg(long)]
    key: String,
    /// The broker.
    #[arg(long)]
    amqp: String,
    /// A quorum queue.
    #[arg(long)]
    queue: String,
}

/// The rows, and where they go.
#[derive(Debug, Args)]
pub(crate) struct RowsArgs {
    /// The database Switchboard has filled.
    #[arg(long)]
    source: String,
    /// A migrated database.
    #[arg(long)]
    target: String,
    /// Whose rows.
    #[arg(long)]
    tenant: String,
}

/// Does it when told to on standard input, and prints how many seconds it took.
pub(crate) async fn perform(task: Task) -> anyhow::Result<()> {
    let (args, kind) = match &task {
        Task::Pipeline(PipelineArgs { rows, .. }) | Task::Write(rows) => (rows, Kind::Conversations),
        Task::PipelineRecords(PipelineArgs { rows, .. }) | Task::WriteRecords(rows) => (rows, Kind::Records),
    };
    let (source, mut target) = (connect(&args.source).await?, connect(&args.target).await?);
    copy_referred(&source, &target).await?;
    let rows = Rows::read(&source, &args.tenant, kind).await?;
    writeln!(std::io::stdout(), "ready")?;
    let mut told = String::new();
    std::io::stdin().lock().read_line(&mut told)?;
    let began = Instant::now();
    match &task {
        Task::Write(_) | Task::WriteRecords(_) => write_all(&rows, kind.batch(), &mut target).await?,
        Task::Pipeline(PipelineArgs { base_url, key, amqp, queue, .. }) => {
            let fetched = attention::fetch(base_url, key, Publisher::to(amqp, queue).await?);
            let stored = consume(&rows, kind, &mut target, (amqp, queue), attention::keys_of);
            tokio::try_join!(fetched, stored)?;
        }
        Task::PipelineRecords(PipelineArgs { base_url, key, amqp, queue, .. }) => {
            let fetched = hubspot::fetch(base_url, key, Publisher::to(amqp, queue).await?);
            let stored = consume(&rows, kind, &mut target, (amqp, queue), hubspot::keys_of);
            tokio::try_join!(fetched, stored)?;
        }
    }
    writeln!(std::io::stdout(), "{}", began.elapsed().as_secs_f64())?;
    // until the bench has read what this process has spent
    std::io::stdin().lock().read_line(&mut told)?;
    Ok(())
}

/// Connects as whoever the URL names.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("no database")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn write_all(rows: &Rows, batch: usize, target: &mut Client) -> anyhow::Result<()> {
    let mut writer = rows.writer(target);
    for batch in rows.keys.chunks(batch) {
        writer.write(&batch.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
    Ok(())
}
