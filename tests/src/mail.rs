//! Messages in hand: taken out of a queue, doubled, shuffled and put back.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use queue::{BatchConsumer, BatchLimits, Broker, Delivery, Outgoing, Source, WorkQueue};
use runtime::Shutdown;

use crate::Stand;

const BATCH: BatchLimits = BatchLimits { messages: 100, bytes: 4_000_000, linger: Duration::from_millis(20) };

impl Stand {
    /// How many messages wait in a queue.
    pub async fn waiting_in(&self, queue: &WorkQueue) -> usize {
        let depths = queue::depths(self.vhost.config()).await.expect("the queues are there");
        let depth = depths.iter().find(|depth| depth.queue == queue.name).expect("the queue is in the table");
        depth.ready as usize
    }

    /// Takes everything out of a queue that nobody else reads or writes just now.
    pub async fn drain(&self, queue: &'static WorkQueue) -> Vec<Outgoing> {
        let expected = self.waiting_in(queue).await;
        let (broker, shutdown) = (self.vhost.broker(), Shutdown::new());
        let mut consumer = BatchConsumer::new(&broker, queue, BATCH);
        let mut taken = Vec::new();
        while taken.len() < expected {
            let batch = consumer.next_batch(&shutdown).await.expect("no shutdown has begun");
            let copies = batch
                .iter()
                .map(|one| Outgoing::to_work(queue, one.body.clone()).with_headers(one.headers.clone()));
            taken.extend(copies);
            let outcomes: Vec<_> = batch.iter().map(|_| Ok(())).collect();
            consumer.settle(batch, &outcomes).await;
        }
        consumer.give_back().await;
        broker.close().await;
        taken
    }

    /// Takes messages in hand as a worker does, and does nothing with them: they are in no queue, and not done.
    pub async fn hold(&self, source: impl Into<Source>) -> Held {
        let broker = self.vhost.broker();
        let mut consumer = BatchConsumer::new(&broker, source, BATCH);
        let batch = consumer.next_batch(&Shutdown::new()).await.expect("no shutdown has begun");
        Held { broker, consumer, batch }
    }

    /// Publishes messages.
    pub async fn publish(&self, messages: Vec<Outgoing>) {
        let broker = self.vhost.broker();
        broker.publisher().publish_all(messages).await.expect("published");
        broker.close().await;
    }
}

/// Messages in hand.
pub struct Held {
    broker: Broker,
    consumer: BatchConsumer,
    batch: Vec<Delivery>,
}

impl Held {
    /// Puts them back where they came from.
    pub async fn give_back(mut self) {
        self.consumer.give_back().await;
        self.broker.close().await;
    }

    /// Loses them.
    pub async fn lose(mut self) {
        let outcomes: Vec<_> = self.batch.iter().map(|_| Ok(())).collect();
        self.consumer.settle(self.batch, &outcomes).await;
        self.consumer.give_back().await;
        self.broker.close().await;
    }
}

/// Every message twice, in an order that the seed decides.
pub fn twice_and_shuffled(messages: &[Outgoing], seed: u64) -> Vec<Outgoing> {
    let dice = BuildHasherDefault::<DefaultHasher>::new();
    let mut order: Vec<usize> = (0..2 * messages.len()).collect();
    order.sort_by_key(|place| dice.hash_one((seed, place)));
    order.into_iter().map(|place| messages[place / 2].clone()).collect()
}
