//! Publishing with confirms.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use runtime::trace;
use tracing::{Instrument as _, Span};

use crate::error::within;
use crate::link::Link;
use crate::{JobHeaders, QueueError, WorkQueue, topology};

/// Confirms awaited at once: one by one is twenty times slower, more than a few hundred gains nothing.
const IN_FLIGHT_MAX: usize = 256;
/// Bytes awaiting their confirm.
const IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Below the broker's own limit (128 MiB), beyond which it would close the channel.
const BODY_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Written to disk before it is confirmed.
const PERSISTENT: u8 = 2;
/// What events are written in.
const JSON: &str = "application/json";

/// A message to be published.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The exchange; empty for a queue by its name.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The body.
    pub body: Vec<u8>,
    /// Our headers.
    pub headers: JobHeaders,
    /// It is an error if no queue takes it. False only for events, which nobody need listen to.
    pub mandatory: bool,
    /// An event's id, for whoever listens and sorts out repetitions.
    pub event_id: Option<String>,
}

impl Outgoing {
    /// A message for a work queue.
    pub fn to_work(queue: &WorkQueue, body: Vec<u8>) -> Self {
        Self::mandatory(queue.exchange, queue.name, body)
    }

    /// An event, by its name (`run.settled`) and its id; the body is JSON.
    pub fn event(name: impl Into<String>, id: impl Into<String>, body: Vec<u8>) -> Self {
        let event_id = Some(id.into());
        Self { mandatory: false, event_id, ..Self::mandatory(topology::EVENTS, name, body) }
    }

    /// A message for one queue by its name.
    pub fn to_queue(queue: impl Into<String>, body: Vec<u8>) -> Self {
        Self::mandatory("", queue, body)
    }

    fn mandatory(exchange: &str, routing_key: impl Into<String>, body: Vec<u8>) -> Self {
        let (exchange, routing_key) = (exchange.to_owned(), routing_key.into());
        Self { exchange, routing_key, body, headers: JobHeaders::default(), mandatory: true, event_id: None }
    }

    /// The same with headers.
    #[must_use]
    pub fn with_headers(self, headers: JobHeaders) -> Self {
        Self { headers, ..self }
    }
}

/// Shows no body: it may hold anything.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("size_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Publishes. Copies share the connection; a lost one comes back by itself, but what was under way then fails, done or not, and is
/// for the caller to publish again.
#[derive(Clone)]
pub struct Publisher {
    link: Arc<Link>,
    /// Open channels nobody uses just now. Each call has one to itself: lapin gives a returned message to whichever confirm comes
    /// next on the channel, so on a shared one the wrong caller would learn of it.
    idle: Arc<Mutex<Vec<Channel>>>,
    timeout: Duration,
}

impl Publisher {
    pub(crate) fn new(link: Arc<Link>, timeout: Duration) -> Self {
        Self { link, idle: Arc::default(), timeout }
    }

    /// Whether nothing can be published just now, because the broker blocks (short of memory or disk) or is away. Then nothing
    /// should be fetched either.
    pub fn is_blocked(&self) -> bool {
        self.link.is_blocked()
    }

    /// Publishes one message and awaits its confirm.
    pub async fn publish(&self, message: Outgoing) -> Result<(), QueueError> {
        self.publish_all(vec![message]).await
    }

    /// Publishes all and awaits every confirm, many at a time. After an error any of them may have been published or not.
    pub async fn publish_all(&self, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        if messages.is_empty() {
            return Ok(());
        }
        // by itself it tells nothing
        let is_alone = Span::current().is_none();
        let span =
            if is_alone { Span::none() } else { tracing::debug_span!("publish", messages = messages.len()) };
        self.publish_traced(messages).instrument(span).await
    }

    async fn publish_traced(&self, mut messages: Vec<Outgoing>) -> Result<(), QueueError> {
        if let Some(context) = trace::current() {
            for message in messages.iter_mut().filter(|message| message.headers.traceparent.is_none()) {
                message.headers.traceparent = Some(context.clone());
            }
        }
        if let Some(message) = messages.iter().find(|message| message.body.len() > BODY_BYTES_MAX) {
            return Err(QueueError::TooLarge { size_bytes: message.body.len() });
        }
        let channel = self.take_channel().await?;
        let sent = self.pipeline(&channel, messages).await;
        match &sent {
            Ok(()) => self.link.permitted(),
            Err(error @ QueueError::Forbidden { .. }) => self.link.forbidden(error),
            Err(_) => {}
        }
        sent?;
        // After an error the channel is dropped instead, and with it whatever is still to come on it.
        self.idle().push(channel);
        Ok(())
    }

    async fn pipeline(&self, channel: &Channel, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        let mut awaited = VecDeque::new();
        let mut awaited_bytes = 0;
        for message in messages {
            let size_bytes = message.body.len();
            while awaited.len() >= IN_FLIGHT_MAX || awaited_bytes + size_bytes > IN_FLIGHT_BYTES_MAX {
                let Some(oldest) = awaited.pop_front() else { break };
                awaited_bytes -= self.confirmed(oldest).await?;
            }
            awaited.push_back(self.send(channel, message).await?);
            awaited_bytes += size_bytes;
        }
        for oldest in awaited {
            self.confirmed(oldest).await?;
        }
        Ok(())
    }

    async fn send(&self, channel: &Channel, message: Outgoing) -> Result<Awaited, QueueError> {
        let exchange = short(&message.exchange)?;
        let routing_key = short(&message.routing_key)?;
        let mut properties =
            BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(message.headers.encode());
        if let Some(id) = &message.event_id {
            properties = properties.with_message_id(short(id)?).with_content_type(JSON.into());
        }
        let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
        let sending = channel.basic_publish(exchange, routing_key, options, &message.body, properties);
        let confirm = within(self.timeout, "a publish", sending).await?;
        Ok(Awaited { confirm, routing_key: message.routing_key, size_bytes: message.body.len() })
    }

    /// Awaits a confirm, and gives the size of what it confirms.
    async fn confirmed(&self, awaited: Awaited) -> Result<usize, QueueError> {
        let confirmation = within(self.timeout, "a publish, a confirm", awaited.confirm).await?;
        match confirmation {
            Confirmation::Ack(None) => Ok(awaited.size_bytes),
            Confirmation::Nack(None) => Err(QueueError::Refused { routing_key: awaited.routing_key }),
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                Err(QueueError::Unroutable {
                    exchange: returned.exchange.to_string(),
                    routing_key: returned.routing_key.to_string(),
                })
            }
            Confirmation::NotRequested => Err(QueueError::interrupted("the channel confirms nothing")),
        }
    }

    async fn take_channel(&self) -> Result<Channel, QueueError> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_lost) => {}
                None => break,
            }
        }
        let channel = self.link.channel().await?;
        within(self.timeout, "turning confirms on", channel.confirm_select(ConfirmSelectOptions::default()))
            .await?;
        Ok(channel)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("blocked", &self.is_blocked()).finish_non_exhaustive()
    }
}

struct Awaited {
    confirm: PublisherConfirm,
    routing_key: String,
    size_bytes: usize,
}

fn short(name: &str) -> Result<ShortString, QueueError> {
    ShortString::try_new(name).map_err(|_| QueueError::invalid("a name of more than 255 bytes"))
}
