//! The bare side, a process of its own so that its time can be told from ours: no ledger, no permits, no retries, nobody to
//! share with, nothing to lose.

use std::collections::VecDeque;
use std::io::{BufRead as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, PublisherConfirm};
use mapping::attention::listed_row;
use model::Window;
use model::message::RawSource;
use runtime::Clock;
use secrecy::SecretString;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};
use vendors::attention::{Attention, AttentionAuth, HeaderForm, ListPage, ListRequest, end_of_list};
use vendors::{BaseUrl, HttpOptions, VendorHttp};

use crate::rows::{Kind, Rows, copy_referred};

/// Documents in a transaction.
const BATCH: usize = Kind::Conversations.batch();
const LINGER: Duration = Duration::from_millis(20);
const PREFETCH: u16 = 100;
const CONFIRMS_IN_FLIGHT: usize = 256;
const DETAILS_AT_ONCE: usize = 8;

/// What the bare side is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// From the vendor's pages through one queue to rows.
    Pipeline {
        #[command(flatten)]
        rows: RowsArgs,
        /// The vendor's API.
        #[arg(long)]
        base_url: String,
        /// The workspace's key.
        #[arg(long)]
        key: String,
        /// The broker.
        #[arg(long)]
        amqp: String,
        /// A quorum queue.
        #[arg(long)]
        queue: String,
    },
    /// Rows alone, by one connection.
    Write(RowsArgs),
    /// The rows of a CRM's records alone, by one connection.
    WriteRecords(RowsArgs),
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
    /// Whose conversations.
    #[arg(long)]
    tenant: String,
}

/// Does it when told to on standard input, and prints how many seconds it took.
pub(crate) async fn perform(task: Task) -> anyhow::Result<()> {
    let (args, kind) = match &task {
        Task::Pipeline { rows, .. } | Task::Write(rows) => (rows, Kind::Conversations),
        Task::WriteRecords(rows) => (rows, Kind::Records),
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
        Task::Pipeline { base_url, key, amqp, queue, .. } => {
            let vendor = Vendor::new(base_url, key)?;
            tokio::try_join!(fetch(&vendor, amqp, queue), consume(&rows, &mut target, amqp, queue))?;
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

struct Vendor {
    client: Attention,
    auth: AttentionAuth,
}

impl Vendor {
    fn new(base_url: &str, key: &str) -> anyhow::Result<Self> {
        let http = VendorHttp::new(&HttpOptions::default())?;
        let auth = AttentionAuth { key: SecretString::from(key), form: HeaderForm::Bearer };
        Ok(Self { client: Attention::new(http, BaseUrl::parse(base_url, true)?), auth })
    }

    async fn list(&self, page: u32) -> anyhow::Result<(ListPage, bool)> {
        let now = Clock::system().now();
        let day = SignedDuration::from_hours(24);
        let window = Window { from: Timestamp::UNIX_EPOCH, to: now.checked_add(day)? };
        let request = ListRequest { window, page, size: 50 };
        let listed = self.client.list(&self.auth, &request).await?;
        let is_last = end_of_list(&listed, listed.rows.len(), &request, listed.rows.len());
        Ok((listed, is_last))
    }

    /// The same document that a fetcher publishes, but for its envelope.
    async fn document(&self, row: Box<RawValue>) -> anyhow::Result<Vec<u8>> {
        let key = listed_row(&row).vendor_key;
        let detail = self.client.detail(&self.auth, key.as_str()).await?;
        let source = RawSource::Inline { listed: Some(&row), detail: Some(&detail) };
        Ok(serde_json::to_vec(&source)?)
    }
}

async fn fetch(vendor: &Vendor, amqp: &str, queue: &str) -> anyhow::Result<()> {
    let connection = Connection::connect(amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut confirms: VecDeque<PublisherConfirm> = VecDeque::new();
    for page in 1.. {
        let (listed, is_last) = vendor.list(page).await?;
        let mut documents = futures::stream::iter(listed.rows)
            .map(|row| vendor.document(row))
            .buffer_unordered(DETAILS_AT_ONCE);
        while let Some(document) = documents.next().await {
            if confirms.len() >= CONFIRMS_IN_FLIGHT
                && let Some(oldest) = confirms.pop_front()
            {
                oldest.await?;
            }
            confirms.push_back(publish(&channel, queue, &document?).await?);
        }
        if is_last {
            break;
        }
    }
    for confirm in confirms {
        confirm.await?;
    }
    Ok(connection.close(200, "done".into()).await?)
}

async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> lapin::Result<PublisherConfirm> {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    channel.basic_publish("".into(), queue.into(), BasicPublishOptions::default(), body, persistent).await
}

async fn consume(rows: &Rows, target: &mut Client, amqp: &str, queue: &str) -> anyhow::Result<()> {
    let connection = Connection::connect(amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let tag = "".into();
    let mut consumer = channel
        .basic_consume(queue.into(), tag, BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let mut writer = rows.writer(target);
    let mut left = rows.keys.len();
    while left > 0 {
        let batch = next_batch(&mut consumer).await?;
        let keys = batch.iter().map(|delivery| key_of(&delivery.data)).collect::<Result<Vec<_>, _>>()?;
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.sort_unstable();
        writer.write(&keys).await?;
        left = left.saturating_sub(batch.len());
        if let Some(last) = batch.last() {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    Ok(connection.close(200, "done".into()).await?)
}

async fn next_batch(consumer: &mut Consumer) -> anyhow::Result<Vec<Delivery>> {
    let mut batch = vec![consumer.next().await.context("the consumer ended")??];
    while batch.len() < BATCH {
        let Ok(next) = timeout(LINGER, consumer.next()).await else { break };
        batch.push(next.context("the consumer ended")??);
    }
    Ok(batch)
}

/// Reads the document as it must be read to make rows of it; the rows themselves are there already.
fn key_of(body: &[u8]) -> anyhow::Result<String> {
    let RawSource::Inline { listed, detail } = serde_json::from_slice(body)? else {
        anyhow::bail!("not a document")
    };
    let conversation = mapping::attention::conversation(listed, detail)?;
    Ok(conversation.external_id.as_str().to_owned())
}
