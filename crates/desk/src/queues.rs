//! How full the queues are, and how long the oldest message of each has waited.

use anyhow::Context as _;
use jiff::Timestamp;
use queue::QueueDepth;
use serde::Serialize;
use store::report::{self, QueueWork};
use store::{Speaker, Store};

/// A queue as the broker counts it and the ledger dates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueState {
    /// Its name.
    pub queue: String,
    /// It is not on the broker.
    pub missing: bool,
    /// Messages nobody has taken.
    pub ready: u32,
    /// Messages that a worker has claimed; `None` where that is not known.
    pub in_hand: Option<i64>,
    /// Consumers.
    pub consumers: u32,
    /// Since when its oldest message waits, by the ledger; those that wait in its delay queues or in a normalizer's hand count here.
    pub oldest_since: Option<Timestamp>,
    /// The same in whole seconds.
    pub oldest_s: Option<i64>,
}

/// Looks at every queue; one that is missing is told as such.
pub async fn look(store: &Store, broker: &queue::Config) -> anyhow::Result<Vec<QueueState>> {
    let depths = queue::depths_or_missing(broker).await.context("failed to count messages")?;
    let tx = store.begin(Speaker::Everybody).await?;
    let work = report::queue_work(&tx).await.context("failed to date what waits")?;
    tx.commit().await?;
    Ok(depths.into_iter().map(|(queue, depth)| state(queue, depth.as_ref(), &work)).collect())
}

fn state(queue: String, depth: Option<&QueueDepth>, work: &[QueueWork]) -> QueueState {
    let work = work.iter().find(|work| work.queue == queue);
    QueueState {
        queue,
        missing: depth.is_none(),
        ready: depth.map_or(0, |depth| depth.ready),
        in_hand: work.and_then(|work| work.in_hand),
        consumers: depth.map_or(0, |depth| depth.consumers),
        oldest_since: work.and_then(|work| work.oldest_since),
        oldest_s: work.and_then(|work| work.oldest_s),
    }
}
