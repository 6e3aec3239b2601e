//! The way to the broker, for one process.

use std::fmt;
use std::sync::Arc;

use runtime::{Backoff, Clock, Door, Health, Shutdown, retry_until};

use crate::divert::Diverter;
use crate::link::Link;
use crate::{Config, Publisher, QueueDepth, QueueError, Source, declare};

/// One connection to publish, kept up by itself, and one for each subscription: a broker short of memory stops reading from those
/// that publish, and acks would be stuck behind; a queue that cannot be used costs whoever subscribes to it the whole connection,
/// and must cost nobody else theirs. Copies share the one to publish.
#[derive(Clone)]
pub struct Broker {
    publisher: Publisher,
    publishing: Arc<Link>,
    queues: Door,
    pub(crate) config: Config,
    role: String,
    health: Health,
    clock: Clock,
}

impl Broker {
    /// Starts connecting, and returns at once. The role names the connections for whoever looks at the broker. Opens and closes
    /// the doors "publishing" and "queues", and each consumer its own, such as "consuming fetch.live".
    pub fn open(config: &Config, role: &str, health: &Health) -> Self {
        let name = format!("switchboard {role} publishing");
        let publishing = Arc::new(Link::open(config, name, health.door("publishing")));
        Self {
            publisher: Publisher::new(Arc::clone(&publishing), config.timeout),
            publishing,
            queues: health.door("queues"),
            config: config.clone(),
            role: role.to_owned(),
            health: health.clone(),
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
            declare::check(&self.config).await.inspect_err(|error| self.queues.closed(error.to_string()))
        });
        let found = checked.await.is_some();
        if found {
            self.queues.opened();
        }
        found
    }

    /// How full every queue of the table is.
    pub async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        declare::depths(&self.config).await
    }

    /// Closes the connection to publish. Called when everybody is done: what is still unsettled comes again elsewhere.
    pub async fn close(&self) {
        self.publishing.close().await;
    }

    pub(crate) fn diverter(&self, source: Source) -> Diverter {
        let worker = format!("{} {}", self.role, env!("CARGO_PKG_VERSION"));
        Diverter { source, worker, clock: self.clock.clone() }
    }

    /// The door of one consumer of a queue.
    pub(crate) fn consuming_door(&self, queue: &str) -> Door {
        self.health.another_door(&format!("consuming {queue}"))
    }

    /// What the connection of a consumer is called at the broker.
    pub(crate) fn consuming_name(&self, queue: &str) -> String {
        format!("switchboard {} consuming {queue}", self.role)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("role", &self.role).finish_non_exhaustive()
    }
}
