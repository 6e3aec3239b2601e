//! A message in hand, and where it came from.

use std::fmt;
use std::time::Duration;

use lapin::Acker;
use lapin::options::BasicAckOptions;

use crate::{JobHeaders, WorkQueue};

/// From this many returns on, a message may be the one that kills its worker: it is handed out alone.
const SUSPECT_RETURNS: u64 = 3;

/// A queue to consume, and what becomes of its failures.
#[derive(Debug, Clone)]
pub struct Source {
    pub(crate) queue: String,
    /// With a work queue, failures go to its ladder and its dead letters. Without one they stay where they are.
    pub(crate) work: Option<&'static WorkQueue>,
}

impl Source {
    /// The dead letters of a work queue. There is nowhere to put what fails here: it stays, and is tried again after a pause.
    pub fn dead(queue: &WorkQueue) -> Self {
        Self::named(queue.dead())
    }

    /// A queue of somebody's own, such as one bound to the events; what fails stays, as with dead letters.
    pub fn named(queue: impl Into<String>) -> Self {
        Self { queue: queue.into(), work: None }
    }
}

impl From<&'static WorkQueue> for Source {
    fn from(work: &'static WorkQueue) -> Self {
        Self { queue: work.name.to_owned(), work: Some(work) }
    }
}

/// A message in hand. Until it is settled the broker keeps it, and gives it again if we are lost.
pub struct Delivery {
    /// The body, as it was published.
    pub body: Vec<u8>,
    /// Our headers.
    pub headers: JobHeaders,
    /// The exchange it was published to; empty when it comes from a delay or was dead-lettered.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// It was delivered before, perhaps to somebody else.
    pub redelivered: bool,
    acker: Acker,
}

impl Delivery {
    pub(crate) fn is_suspect(&self) -> bool {
        self.headers.delivery_count >= SUSPECT_RETURNS
    }

    /// Acks this one, or with `multiple` all of its channel up to it. An ack that comes too late, after the connection was
    /// lost, is dropped: the message comes again.
    pub(crate) async fn ack(&self, multiple: bool, limit: Duration) {
        let ack = tokio::time::timeout(limit, self.acker.ack(BasicAckOptions { multiple })).await;
        if !matches!(ack, Ok(Ok(true))) {
            tracing::debug!(routing_key = self.routing_key, "ack came too late, the message comes again");
        }
    }
}

impl From<lapin::message::Delivery> for Delivery {
    fn from(delivery: lapin::message::Delivery) -> Self {
        Self {
            headers: JobHeaders::decode(&delivery.properties),
            body: delivery.data,
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            redelivered: delivery.redelivered,
            acker: delivery.acker,
        }
    }
}

/// Shows no body: it may hold anything.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("routing_key", &self.routing_key)
            .field("attempt", &self.headers.attempt)
            .field("size_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
