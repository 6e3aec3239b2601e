//! One connection that consumes one queue.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use runtime::Door;

use crate::error::within;
use crate::{Broker, Delivery, QueueError, link};

pub(crate) struct Subscription {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    queue: String,
    prefetch: u16,
    timeout: Duration,
}

impl Subscription {
    /// Connects and subscribes, and says at the door whether it could.
    pub(crate) async fn open(
        broker: &Broker,
        queue: &str,
        prefetch: u16,
        door: &Door,
    ) -> Result<Self, QueueError> {
        let opened = Self::connect(broker, queue, prefetch).await;
        match &opened {
            Ok(_) => door.opened(),
            Err(error) => door.closed(error.to_string()),
        }
        opened
    }

    async fn connect(broker: &Broker, queue: &str, prefetch: u16) -> Result<Self, QueueError> {
        let timeout = broker.config.timeout;
        let connection = link::dial(&broker.config, &broker.consuming_name(queue)).await?;
        let subscribing = async {
            let channel = within(timeout, "opening a channel", connection.create_channel()).await?;
            let consumer = start(&channel, queue, prefetch, timeout).await?;
            Ok((channel, consumer))
        };
        match subscribing.await {
            Ok((channel, consumer)) => {
                Ok(Self { connection, channel, consumer, queue: queue.to_owned(), prefetch, timeout })
            }
            Err(error) => {
                link::close(&connection).await;
                Err(error)
            }
        }
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
        link::close(&self.connection).await;
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
