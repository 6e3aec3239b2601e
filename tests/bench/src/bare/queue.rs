//! One quorum queue and its documents, with confirms on one side and batches on the other.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, PublisherConfirm};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::rows::{Kind, Rows};

const LINGER: Duration = Duration::from_millis(20);
const PREFETCH: u16 = 100;
const CONFIRMS_IN_FLIGHT: usize = 256;

/// Publishes to one queue.
pub(super) struct Publisher<'a> {
    connection: Connection,
    channel: Channel,
    queue: &'a str,
    confirms: VecDeque<PublisherConfirm>,
}

impl<'a> Publisher<'a> {
    pub(super) async fn to(amqp: &str, queue: &'a str) -> anyhow::Result<Self> {
        let connection = Connection::connect(amqp, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel, queue, confirms: VecDeque::new() })
    }

    pub(super) async fn publish(&mut self, body: &[u8]) -> anyhow::Result<()> {
        if self.confirms.len() >= CONFIRMS_IN_FLIGHT
            && let Some(oldest) = self.confirms.pop_front()
        {
            oldest.await?;
        }
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let confirm =
            self.channel.basic_publish("".into(), self.queue.into(), options, body, persistent).await?;
        self.confirms.push_back(confirm);
        Ok(())
    }

    /// Waits for what is not confirmed yet.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        for confirm in self.confirms {
            confirm.await?;
        }
        Ok(self.connection.close(200, "done".into()).await?)
    }
}

/// Takes documents until all rows are written; `keys_of` says whose a document is.
pub(super) async fn consume(
    rows: &Rows,
    kind: Kind,
    target: &mut Client,
    (amqp, queue): (&str, &str),
    keys_of: fn(&[u8]) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<()> {
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
        let batch = next_batch(&mut consumer, kind.messages()).await?;
        let mut keys = Vec::new();
        for delivery in &batch {
            keys.extend(keys_of(&delivery.data)?);
        }
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.sort_unstable();
        writer.write(&keys).await?;
        left = left.saturating_sub(keys.len());
        if let Some(last) = batch.last() {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    Ok(connection.close(200, "done".into()).await?)
}

async fn next_batch(consumer: &mut Consumer, most: usize) -> anyhow::Result<Vec<Delivery>> {
    let mut batch = vec![consumer.next().await.context("the consumer ended")??];
    while batch.len() < most {
        let Ok(next) = timeout(LINGER, consumer.next()).await else { break };
        batch.push(next.context("the consumer ended")??);
    }
    Ok(batch)
}
