//! How full the queues are, and how long the oldest message of each has waited.

use anyhow::Context as _;
use jiff::Timestamp;
use queue::QueueDepth;
use queue::topology::{FETCH, WORK_QUEUES};
use serde::Serialize;
use store::report::{self, QueueWork};
use store::{Speaker, Store};

/// A queue as the broker counts it and the ledger dates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueState {
    /// Its name.
    pub queue: String,
    /// The role that consumes it; `None` for a queue in which messages only wait.
    pub consumed_by: Option<&'static str>,
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
        consumed_by: consumer_of(&queue),
        queue,
        missing: depth.is_none(),
        ready: depth.map_or(0, |depth| depth.ready),
        in_hand: work.and_then(|work| work.in_hand),
        consumers: depth.map_or(0, |depth| depth.consumers),
        oldest_since: work.and_then(|work| work.oldest_since),
        oldest_s: work.and_then(|work| work.oldest_s),
    }
}

/// The role that consumes a queue.
fn consumer_of(name: &str) -> Option<&'static str> {
    WORK_QUEUES.iter().find_map(|queue| match name {
        _ if name == queue.dead() => Some("steward"),
        _ if name != queue.name => None,
        _ if queue.exchange == FETCH => Some("fetcher"),
        _ => Some("normalizer"),
    })
}

/// Queues that nobody consumes, by the role that should.
pub fn unattended(queues: &[QueueState]) -> Vec<(&'static str, Vec<&str>)> {
    let by_role = ["fetcher", "normalizer", "steward"].map(|role| {
        let idle = queues.iter().filter(|one| one.consumed_by == Some(role) && one.consumers == 0);
        (role, idle.map(|one| one.queue.as_str()).collect::<Vec<_>>())
    });
    by_role.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_but_the_delays_has_its_role() {
        for queue in WORK_QUEUES {
            for name in queue.queue_names() {
                assert_eq!(consumer_of(&name).is_none(), name.contains(".retry."), "{name}");
            }
        }
        assert_eq!(consumer_of("fetch.backfill"), Some("fetcher"));
        assert_eq!(consumer_of("resolve"), Some("normalizer"));
        assert_eq!(consumer_of("fetch.live.dead"), Some("steward"));
    }
}
