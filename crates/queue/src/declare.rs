//! Puts the table on the broker, and looks at what is there.

use std::time::Duration;

use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind, Queue};

use crate::error::within;
use crate::topology::{self, DEAD_DELIVERY_LIMIT, DELIVERY_LIMIT, Rung, WORK_QUEUES};
use crate::{Config, QueueError, WorkQueue, link};

/// How full a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDepth {
    /// Its name.
    pub queue: String,
    /// Messages that wait, without those in somebody's hands.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

/// Declares everything; what is there already stays as it is. A deploy step, never beside the first publish: RabbitMQ 3.10 loses
/// confirmed messages of a quorum queue if it is killed within a second of declaring it.
///
/// A queue can be there and yet be of no use, when none of its members leads: the broker declares it without a word.
pub async fn declare(config: &Config) -> Result<(), QueueError> {
    on_a_channel(config, "switchboard migrate", async |channel| {
        Declaration { channel, config }.everything().await?;
        for queue in WORK_QUEUES.into_iter().flat_map(WorkQueue::queue_names) {
            try_out(channel, &queue, config.timeout).await?;
        }
        Ok(())
    })
    .await
}

/// How full every queue of the table is, over a connection of its own.
pub async fn depths(config: &Config) -> Result<Vec<QueueDepth>, QueueError> {
    on_a_channel(config, "switchboard depths", async |channel| read_depths(channel, config.timeout).await)
        .await
}

/// Fails with the first exchange or queue that is missing.
pub(crate) async fn check(config: &Config) -> Result<(), QueueError> {
    on_a_channel(config, "switchboard check", async |channel| {
        for (exchange, kind) in exchanges() {
            let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            let declaring = channel.exchange_declare(exchange.into(), kind, options, FieldTable::default());
            within(config.timeout, "looking for an exchange", declaring).await?;
        }
        read_depths(channel, config.timeout).await.map(drop)
    })
    .await
}

/// How full every queue of the table is, and which are missing (`None`), over a connection of its own.
pub async fn depths_or_missing(config: &Config) -> Result<Vec<(String, Option<QueueDepth>)>, QueueError> {
    on_a_connection(config, "switchboard depths", async |connection| {
        let mut found = Vec::new();
        for queue in WORK_QUEUES.into_iter().flat_map(WorkQueue::queue_names) {
            // one each: a queue that is missing costs the channel
            let channel = open_channel(connection, config.timeout).await?;
            let depth = match depth_of(&channel, &queue, config.timeout).await {
                Ok(depth) => Some(depth),
                Err(QueueError::Missing { .. }) => None,
                Err(error) => return Err(error),
            };
            found.push((queue, depth));
        }
        Ok(found)
    })
    .await
}

/// Does something over a connection of its own.
async fn on_a_connection<T>(
    config: &Config,
    name: &str,
    work: impl AsyncFnOnce(&Connection) -> Result<T, QueueError>,
) -> Result<T, QueueError> {
    let connection = link::dial(config, name).await?;
    let result = work(&connection).await;
    link::close(&connection).await;
    result
}

/// The same on a channel of it.
async fn on_a_channel<T>(
    config: &Config,
    name: &str,
    work: impl AsyncFnOnce(&Channel) -> Result<T, QueueError>,
) -> Result<T, QueueError> {
    on_a_connection(config, name, async |connection| {
        work(&open_channel(connection, config.timeout).await?).await
    })
    .await
}

async fn open_channel(connection: &Connection, limit: Duration) -> Result<Channel, QueueError> {
    within(limit, "opening a channel", connection.create_channel()).await
}

async fn read_depths(channel: &Channel, limit: Duration) -> Result<Vec<QueueDepth>, QueueError> {
    let mut depths = Vec::new();
    for queue in WORK_QUEUES.into_iter().flat_map(WorkQueue::queue_names) {
        depths.push(depth_of(channel, &queue, limit).await?);
    }
    Ok(depths)
}

async fn depth_of(channel: &Channel, queue: &str, limit: Duration) -> Result<QueueDepth, QueueError> {
    let found = look_at(channel, queue, limit).await?;
    let (ready, consumers) = (found.message_count(), found.consumer_count());
    Ok(QueueDepth { queue: queue.to_owned(), ready, consumers })
}

async fn look_at(channel: &Channel, queue: &str, limit: Duration) -> Result<Queue, QueueError> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declaring = channel.queue_declare(queue.into(), options, FieldTable::default());
    within(limit, "looking for a queue", declaring).await
}

/// Asks a queue that says it is empty for a message: without a leader it says so too, and fails here. One that holds any has been
/// counted by its leader, and is left in peace. A message that came in between goes back with the channel.
async fn try_out(channel: &Channel, queue: &str, limit: Duration) -> Result<(), QueueError> {
    if look_at(channel, queue, limit).await?.message_count() > 0 {
        return Ok(());
    }
    let asking = channel.basic_get(queue.into(), BasicGetOptions::default());
    match within(limit, "asking a queue for a message", asking).await {
        Ok(_) => Ok(()),
        Err(error) => Err(QueueError::Unusable { queue: queue.to_owned(), reason: error.to_string() }),
    }
}

fn exchanges() -> [(&'static str, ExchangeKind); 4] {
    [
        (topology::FETCH, ExchangeKind::Direct),
        (topology::NORMALIZE, ExchangeKind::Direct),
        (topology::RESOLVE, ExchangeKind::Direct),
        (topology::EVENTS, ExchangeKind::Topic),
    ]
}

struct Declaration<'a> {
    channel: &'a Channel,
    config: &'a Config,
}

impl Declaration<'_> {
    async fn everything(&self) -> Result<(), QueueError> {
        for (exchange, kind) in exchanges() {
            let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            let declaring =
                self.channel.exchange_declare(exchange.into(), kind, options, FieldTable::default());
            within(self.config.timeout, "declaring an exchange", declaring).await?;
        }
        // Targets before sources: a dead-lettered message whose target is missing is held back for minutes.
        for work in WORK_QUEUES {
            self.queue(&work.dead(), dead_arguments()).await?;
            self.queue(work.name, work_arguments(work)).await?;
            for rung in work.ladder {
                let arguments = retry_arguments(work, rung, self.config.ladder_scale);
                self.queue(&work.retry(rung), arguments).await?;
            }
            self.bind(work).await?;
        }
        Ok(())
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), QueueError> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declaring = self.channel.queue_declare(name.into(), options, arguments);
        within(self.config.timeout, "declaring a queue", declaring).await.map(drop)
    }

    async fn bind(&self, work: &WorkQueue) -> Result<(), QueueError> {
        let options = QueueBindOptions::default();
        let key = work.name.into();
        let binding = self.channel.queue_bind(
            work.name.into(),
            work.exchange.into(),
            key,
            options,
            FieldTable::default(),
        );
        within(self.config.timeout, "binding a queue", binding).await
    }
}

fn quorum(arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

/// Dead-letters to a queue by name. Both the strategy and the overflow are needed: without either, a message whose target is
/// missing vanishes silently.
fn dead_lettering_to(queue: &str) -> [(&'static str, AMQPValue); 4] {
    [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(queue)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn dead_arguments() -> FieldTable {
    quorum([("x-delivery-limit", AMQPValue::LongInt(DEAD_DELIVERY_LIMIT))])
}

fn work_arguments(work: &WorkQueue) -> FieldTable {
    let limit = ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT));
    quorum(dead_lettering_to(&work.dead()).into_iter().chain([limit]))
}

fn retry_arguments(work: &WorkQueue, rung: &Rung, scale: f64) -> FieldTable {
    let delay_ms = i32::try_from(rung.delay.mul_f64(scale).as_millis()).unwrap_or(i32::MAX).max(1);
    let delay = ("x-message-ttl", AMQPValue::LongInt(delay_ms));
    quorum(dead_lettering_to(work.name).into_iter().chain([delay]))
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_dead_letters_does_so_at_least_once() {
        for work in WORK_QUEUES {
            let retries = work.ladder.iter().map(|rung| retry_arguments(work, rung, 1.0));
            for arguments in retries.chain([work_arguments(work)]) {
                let of = |name: &str| arguments.inner().get(name).cloned();
                assert_eq!(of("x-queue-type"), Some(text("quorum")));
                assert_eq!(of("x-dead-letter-strategy"), Some(text("at-least-once")));
                assert_eq!(of("x-overflow"), Some(text("reject-publish")));
                assert_eq!(of("x-dead-letter-exchange"), Some(text("")));
            }
            let limit = work_arguments(work).inner().get("x-delivery-limit").and_then(AMQPValue::as_long_int);
            assert!(limit.unwrap() >= 20);
        }
    }
}
