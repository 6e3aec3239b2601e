//! One channel that consumes one queue.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use crate::error::within;
use crate::link::Link;
use crate::{Delivery, QueueError};

pub(crate) struct Subscription {
    channel: Channel,
    consumer: Consumer,
    queue: String,
    prefetch: u16,
    timeout: Duration,
}

impl Subscription {
    pub(crate) async fn open(
        link: &Link,
        queue: &str,
        prefetch: u16,
        timeout: Duration,
    ) -> Result<Self, QueueError> {
        let channel = link.channel().await?;
        let consumer = start(&channel, queue, prefetch, timeout).await?;
        Ok(Self { channel, consumer, queue: queue.to_owned(), prefetch, timeout })
    }

    /// The next message. An error is the end of this subscription: everything unsettled comes again.
    pub(crate) async fn next(&mut self) -> Result<Delivery, QueueError> {
        match self.consumer.next().await {
            Some(delivery) => Ok(delivery?.into()),
            None => Err(QueueError::interrupted("the broker ended the subscription")),
        }
    }

    pub(crate) fn prefetch(&self) -> u16 {
        self.prefetch
    }

    /// Changes how many messages may be in hand, and gives those that are here already. A prefetch holds for new consumers only,
    /// so the old one is cancelled; its messages stay with the channel and can be acked as before. Those that the broker is just
    /// sending it takes back, and gives again.
    pub(crate) async fn change_prefetch(&mut self, prefetch: u16) -> Result<Vec<Delivery>, QueueError> {
        self.cancel().await?;
        let mut here = Vec::new();
        while let Some(delivery) = self.consumer.next().await {
            here.push(delivery?.into());
        }
        self.consumer = start(&self.channel, &self.queue, prefetch, self.timeout).await?;
        self.prefetch = prefetch;
        Ok(here)
    }

    /// Takes nothing more; what is in hand can still be settled.
    pub(crate) async fn cancel(&mut self) -> Result<(), QueueError> {
        let cancelling = self.channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        within(self.timeout, "cancelling a consumer", cancelling).await
    }

    /// Gives back what is unsettled.
    pub(crate) async fn close(self) {
        let closing = self.channel.close(200, "closed".into());
        if let Err(error) = within(self.timeout, "closing a channel", closing).await {
            tracing::debug!(queue = self.queue, %error, "the channel was closed already");
        }
    }
}

async fn start(
    channel: &Channel,
    queue: &str,
    prefetch: u16,
    timeout: Duration,
) -> Result<Consumer, QueueError> {
    within(timeout, "limiting the prefetch", channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let tag_by_broker = "".into();
    let consuming = channel.basic_consume(
        queue.into(),
        tag_by_broker,
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    within(timeout, "subscribing", consuming).await
}
