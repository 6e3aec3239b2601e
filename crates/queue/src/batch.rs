//! Many messages at a time, acked as one: for the normalizer.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use runtime::{Door, Shutdown};
use tokio::time::{Instant, timeout_at};

use crate::consume::pause;
use crate::divert::{Diverter, Plan};
use crate::subscription::Subscription;
use crate::{Broker, Delivery, JobError, Outgoing, QueueError, Source};

/// Limits of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Messages in a batch at most.
    pub messages: u16,
    /// Bytes of bodies in a batch at most; a single larger message makes a batch of its own.
    pub bytes: usize,
    /// How long a batch waits for more after its first message.
    pub linger: Duration,
}

/// One batch loop with its own connection. AMQP's prefetch counts messages, not bytes (RabbitMQ refuses a prefetch size), so bytes
/// are bounded through the count: twice a batch's messages while bodies are small, less when the bodies seen lately are so large
/// that this many would exceed twice a batch's bytes.
pub struct BatchConsumer {
    broker: Broker,
    diverter: Diverter,
    door: Door,
    limits: BatchLimits,
    subscription: Option<Subscription>,
    /// Delivered, but not yet in a batch; in order, so that one multiple ack never reaches them.
    ahead: VecDeque<Delivery>,
    /// A batch is out and not settled.
    unsettled: bool,
    failures: u32,
    body_bytes_lately: usize,
}

impl BatchConsumer {
    /// A loop for this queue; it subscribes with its first batch.
    pub fn new(broker: &Broker, source: impl Into<Source>, limits: BatchLimits) -> Self {
        let source = source.into();
        Self {
            broker: broker.clone(),
            door: broker.consuming_door(&source.queue),
            diverter: broker.diverter(source),
            limits,
            subscription: None,
            ahead: VecDeque::new(),
            unsettled: false,
            failures: 0,
            body_bytes_lately: 0,
        }
    }

    /// Waits for the next batch, in order of delivery; `None` when the shutdown has begun. A message that may kill its worker
    /// (returned three times) comes alone. If the batch before was not settled, its messages come again, after a pause.
    pub async fn next_batch(&mut self, shutdown: &Shutdown) -> Option<Vec<Delivery>> {
        while !shutdown.is_begun() {
            if self.unsettled {
                self.give_back().await;
                self.failures += 1;
                pause(self.failures, shutdown).await;
            }
            tokio::select! {
                () = shutdown.begun() => {}
                collected = self.collect() => match collected {
                    Ok(batch) => {
                        self.unsettled = true;
                        return Some(batch);
                    }
                    Err(error) => {
                        self.door.closed(error.to_string());
                        tracing::warn!(queue = self.diverter.source.queue, %error, "subscribing again");
                        self.unsettled = true;
                    }
                }
            }
        }
        self.give_back().await;
        None
    }

    /// Settles a batch by the outcome of each message: what goes elsewhere is published and confirmed first, then one ack covers
    /// all. If that fails nothing is acked, and all come again. A message without an outcome stays in its queue.
    pub async fn settle(&mut self, batch: Vec<Delivery>, outcomes: &[Result<(), JobError>]) {
        let mut diverted = Vec::new();
        let mut done = Vec::new();
        for (index, delivery) in batch.iter().enumerate() {
            match outcomes.get(index).map_or(Plan::Leave, |outcome| self.diverter.plan(delivery, outcome)) {
                Plan::Ack => done.push(delivery),
                Plan::Leave => {}
                Plan::Publish(message) => {
                    diverted.push(*message);
                    done.push(delivery);
                }
            }
        }
        if self.divert(diverted).await {
            self.ack(&done, batch.len()).await;
        }
        if self.unsettled {
            self.door.closed("a batch could not be settled, its messages come again");
        }
    }

    /// Gives back whatever is in hand and ends the subscription; the next batch opens another.
    pub async fn give_back(&mut self) {
        self.ahead.clear();
        self.unsettled = false;
        if let Some(subscription) = self.subscription.take() {
            subscription.close().await;
        }
    }

    async fn divert(&self, messages: Vec<Outgoing>) -> bool {
        let published = self.broker.publisher().publish_all(messages).await;
        if let Err(error) = &published {
            tracing::warn!(%error, "could not divert messages, the batch comes again");
        }
        published.is_ok()
    }

    async fn ack(&mut self, done: &[&Delivery], batch_len: usize) {
        if done.len() == batch_len {
            if let Some(last) = done.last() {
                last.ack(true, self.broker.config.timeout).await;
            }
            self.unsettled = false;
            self.failures = 0;
            return;
        }
        for delivery in done {
            delivery.ack(false, self.broker.config.timeout).await;
        }
    }

    async fn collect(&mut self) -> Result<Vec<Delivery>, QueueError> {
        self.subscribe().await?;
        let first = self.take().await?;
        let deadline = Instant::now() + self.limits.linger;
        let mut bytes = first.body.len();
        let alone = first.is_suspect();
        let mut batch = vec![first];
        while !alone && batch.len() < usize::from(self.limits.messages) && bytes < self.limits.bytes {
            let Ok(next) = timeout_at(deadline, self.take()).await else { break };
            let next = next?;
            if next.is_suspect() || bytes + next.body.len() > self.limits.bytes {
                self.ahead.push_front(next);
                break;
            }
            bytes += next.body.len();
            batch.push(next);
        }
        self.body_bytes_lately = usize::midpoint(self.body_bytes_lately, bytes / batch.len());
        Ok(batch)
    }

    async fn take(&mut self) -> Result<Delivery, QueueError> {
        if let Some(delivery) = self.ahead.pop_front() {
            return Ok(delivery);
        }
        let subscription = self.subscription.as_mut();
        subscription.ok_or_else(|| QueueError::interrupted("not subscribed"))?.next().await
    }

    /// Subscribes, or fits the prefetch to the bodies seen lately where it is off by a factor of two.
    async fn subscribe(&mut self) -> Result<(), QueueError> {
        let wanted = self.wanted_prefetch();
        let Some(subscription) = self.subscription.as_mut() else {
            let queue = &self.diverter.source.queue;
            self.subscription = Some(Subscription::open(&self.broker, queue, wanted, &self.door).await?);
            return Ok(());
        };
        let now = subscription.prefetch();
        if wanted >= now.saturating_mul(2) || wanted <= now / 2 {
            self.ahead.extend(subscription.change_prefetch(wanted).await?);
        }
        Ok(())
    }

    fn wanted_prefetch(&self) -> u16 {
        prefetch_within(self.limits, self.body_bytes_lately)
    }
}

fn prefetch_within(limits: BatchLimits, body_bytes: usize) -> u16 {
    let by_bytes = limits.bytes.saturating_mul(2) / body_bytes.max(1);
    let by_count = limits.messages.saturating_mul(2);
    u16::try_from(by_bytes).unwrap_or(u16::MAX).min(by_count).max(1)
}

impl fmt::Debug for BatchConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchConsumer").field("queue", &self.diverter.source.queue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefetch_is_two_batches_of_messages_or_of_bytes_whichever_is_less() {
        let limits = BatchLimits { messages: 50, bytes: 4_000_000, linger: Duration::ZERO };
        let of_bodies = |body_bytes| prefetch_within(limits, body_bytes);
        assert_eq!([0, 36_000, 160_000, 4_000_000, 90_000_000].map(of_bodies), [100, 100, 50, 2, 1]);
    }
}
