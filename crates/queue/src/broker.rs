//! The way to the broker, for one process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime::{Backoff, Clock, Health, Shutdown, retry_until};

use crate::divert::Diverter;
use crate::link::Link;
use crate::{Config, Publisher, QueueDepth, QueueError, Source, declare};

/// Two connections, kept up by themselves: a broker short of memory stops reading from those that publish, and acks on such a
/// connection would be stuck behind. Copies share them.
#[derive(Clone)]
pub struct Broker {
    publisher: Publisher,
    publishing: Arc<Link>,
    pub(crate) consuming: Arc<Link>,
    pub(crate) timeout: Duration,
    worker: String,
    clock: Clock,
}

impl Broker {
    /// Starts connecting, and returns at once. The role names the connections for whoever looks at the broker. Opens and closes
    /// the doors "broker publishing" and "broker consuming".
    pub fn open(config: &Config, role: &str, health: &Health) -> Self {
        let link = |direction: &str| {
            let door = health.door(&format!("broker {direction}"));
            Arc::new(Link::open(config, format!("switchboard {role} {direction}"), door))
        };
        let publishing = link("publishing");
        Self {
            publisher: Publisher::new(Arc::clone(&publishing), config.timeout),
            publishing,
            consuming: link("consuming"),
            timeout: config.timeout,
            worker: format!("{role} {}", env!("CARGO_PKG_VERSION")),
            clock: Clock::system(),
        }
    }

    /// A way to publish; cheap to copy.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Waits until every exchange and queue is there, as `switchboard migrate` declares them. False: the shutdown came first.
    pub async fn await_topology(&self, shutdown: &Shutdown) -> bool {
        let checked = retry_until(shutdown, Backoff::RECONNECT, "looking for the queues", async || {
            let channel = self.consuming.channel().await?;
            declare::check(&channel, self.timeout).await
        });
        checked.await.is_some()
    }

    /// How full every queue of the table is.
    pub async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let channel = self.consuming.channel().await?;
        declare::read_depths(&channel, self.timeout).await
    }

    /// Closes both connections. Called when everybody is done: what is still unsettled comes again elsewhere.
    pub async fn close(&self) {
        tokio::join!(self.consuming.close(), self.publishing.close());
    }

    pub(crate) fn diverter(&self, source: Source) -> Diverter {
        Diverter { source, worker: self.worker.clone(), clock: self.clock.clone() }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("worker", &self.worker).finish_non_exhaustive()
    }
}
