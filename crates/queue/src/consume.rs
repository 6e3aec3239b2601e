//! One message at a time, several side by side: for nudges and dead letters.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use runtime::{Backoff, Shutdown, retry_until};
use tokio::task::JoinSet;

use crate::divert::{Diverter, Plan};
use crate::subscription::Subscription;
use crate::{Broker, Delivery, JobError, Publisher, QueueError, Source};

/// Limits of a consumer.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerConfig {
    /// Messages in hand, waiting ones included. Each return of the process counts against all of them, so: twice the concurrency.
    pub prefetch: u16,
    /// Messages worked on at once.
    pub concurrency: usize,
    /// The longest a handler may take; far below the broker's own limit of half an hour.
    pub timeout: Duration,
}

/// Works a queue off until the shutdown: then takes nothing new, finishes what is in hand, acks, and returns. A lost connection is
/// waited for. Done is acked; every other outcome has its one effect (`JobError`); a panic or a timeout counts as a retry.
pub async fn consume<H, F>(
    broker: &Broker,
    source: impl Into<Source>,
    config: ConsumerConfig,
    handler: H,
    shutdown: &Shutdown,
) where
    H: Fn(Arc<Delivery>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    let source = source.into();
    let queue = source.queue.clone();
    let worker = Arc::new(Worker {
        handler,
        diverter: broker.diverter(source),
        publisher: broker.publisher(),
        handler_limit: config.timeout,
        broker_limit: broker.config.timeout,
    });
    let mut failures = 0;
    let door = broker.consuming_door(&queue);
    let subscribe = || Subscription::open(broker, &queue, config.prefetch, &door);
    while let Some(mut subscription) =
        retry_until(shutdown, Backoff::RECONNECT, "subscribing", subscribe).await
    {
        let run = run(&mut subscription, &worker, config.concurrency, shutdown).await;
        subscription.close().await;
        failures = if run.settled_any { 0 } else { failures + 1 };
        if let Err(error) = run.end {
            door.closed(error.to_string());
            tracing::warn!(queue, %error, "subscribing again");
        }
        pause(failures, shutdown).await;
    }
}

/// Waits a while that grows with the failures in a row; a shutdown ends it.
pub(crate) async fn pause(failures: u32, shutdown: &Shutdown) {
    shutdown.rest(Backoff::RECONNECT.delay(failures)).await;
}

/// How a subscription went.
struct Run {
    settled_any: bool,
    /// An error if it ended for another reason than the shutdown.
    end: Result<(), QueueError>,
}

async fn run<H, F>(
    subscription: &mut Subscription,
    worker: &Arc<Worker<H>>,
    concurrency: usize,
    shutdown: &Shutdown,
) -> Run
where
    H: Fn(Arc<Delivery>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    let mut jobs = JoinSet::new();
    let mut settled_any = false;
    let end = loop {
        tokio::select! {
            biased;
            () = shutdown.begun() => break subscription.cancel().await,
            Some(settled) = jobs.join_next() => match settled {
                Ok(true) => settled_any = true,
                _ => break Err(QueueError::interrupted("a message could not be settled")),
            },
            delivery = subscription.next(), if jobs.len() < concurrency.max(1) => match delivery {
                Ok(delivery) => drop(jobs.spawn(Arc::clone(worker).work(delivery))),
                Err(error) => break Err(error),
            },
        }
    };
    // What is in hand is finished before the channel goes, so that its ack counts and nobody does it a second time meanwhile.
    while let Some(settled) = jobs.join_next().await {
        settled_any |= matches!(settled, Ok(true));
    }
    Run { settled_any, end }
}

struct Worker<H> {
    handler: H,
    diverter: Diverter,
    publisher: Publisher,
    handler_limit: Duration,
    broker_limit: Duration,
}

impl<H, F> Worker<H>
where
    H: Fn(Arc<Delivery>) -> F + Send + Sync,
    F: Future<Output = Result<(), JobError>> + Send,
{
    /// Handles one message, and says whether it is settled: else it must come again.
    async fn work(self: Arc<Self>, delivery: Delivery) -> bool {
        let delivery = Arc::new(delivery);
        let outcome = self.attempt(&delivery).await;
        match self.diverter.plan(&delivery, &outcome) {
            Plan::Ack => {}
            Plan::Leave => return false,
            Plan::Publish(message) => {
                if let Err(error) = self.publisher.publish(*message).await {
                    tracing::warn!(%error, "could not divert a message, it comes again");
                    return false;
                }
            }
        }
        delivery.ack(false, self.broker_limit).await;
        true
    }

    async fn attempt(&self, delivery: &Arc<Delivery>) -> Result<(), JobError> {
        let handling = AssertUnwindSafe(async { (self.handler)(Arc::clone(delivery)).await }).catch_unwind();
        match tokio::time::timeout(self.handler_limit, handling).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(JobError::retry(format!("the handler panicked: {}", panic_text(&*panic)))),
            Err(_) => Err(JobError::retry("the handler took too long")),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}
