//! Consumers that a test watches.

use std::sync::Arc;
use std::time::Duration;

use queue::{BatchLimits, Broker, ConsumerConfig, Delivery, JobError, Outgoing, Source, WorkQueue, consume};
use runtime::Shutdown;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 4, concurrency: 2, timeout: Duration::from_secs(5) };
pub(crate) const BATCH: BatchLimits =
    BatchLimits { messages: 10, bytes: 1_000_000, linger: Duration::from_millis(200) };

pub(crate) type Outcome = Result<(), JobError>;

/// A consumer in the background; every delivery is told to the test.
pub(crate) struct Running {
    shutdown: Shutdown,
    seen: mpsc::UnboundedReceiver<Arc<Delivery>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(
        broker: &Broker,
        source: impl Into<Source>,
        outcome: fn(&Delivery) -> Outcome,
    ) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let (broker, source, shutdown) = (broker.clone(), source.into(), Shutdown::new());
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let handler = move |delivery: Arc<Delivery>| {
                let sender = sender.clone();
                async move {
                    sender.send(Arc::clone(&delivery)).ok();
                    outcome(&delivery)
                }
            };
            consume(&broker, source, CONSUMER, handler, &stop).await;
        });
        Self { shutdown, seen, task }
    }

    pub(crate) async fn next(&mut self) -> Arc<Delivery> {
        within(self.seen.recv()).await.expect("the consumer runs")
    }

    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        within(self.task).await.expect("the consumer ends without a panic");
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens before the deadline")
}

pub(crate) fn to(queue: &WorkQueue, body: &str) -> Outgoing {
    Outgoing::to_work(queue, body.as_bytes().to_vec())
}
