//! One supervised connection.
//!
//! lapin's own recovery stays off: it does not cover errors of a channel, and while the broker is away its calls simply wait. Here
//! a lost connection is dropped and dialled anew, and whoever used it sees an error at once and opens a new channel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use lapin::tcp::RustlsConnector;
use lapin::uri::{AMQPAuthority, AMQPScheme};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, ErrorKind, Event};
use runtime::{Backoff, Door, Shutdown, retry_until};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::error::within;
use crate::{Config, QueueError};

/// How often a connection is asked whether it still is one, beside its events.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// A connection that does not say good-bye within this is dropped.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

type Live = Option<Arc<Connection>>;

#[derive(Debug)]
pub(crate) struct Link {
    live: watch::Receiver<Live>,
    door: Door,
    /// The broker is there, and does not let us do what we are here for.
    is_forbidden: AtomicBool,
    closing: Shutdown,
    timeout: Duration,
    _supervisor: AbortOnDropHandle<()>,
}

impl Link {
    /// Starts dialling, and goes on for ever: until it is closed or dropped.
    pub(crate) fn open(config: &Config, name: String, door: Door) -> Self {
        let (sender, live) = watch::channel(None);
        let closing = Shutdown::new();
        let (at_door, closing_too) = (door.clone(), closing.clone());
        let supervisor =
            Supervisor { config: config.clone(), name, door: at_door, closing: closing_too, live: sender };
        let task = tokio::spawn(supervisor.run());
        Self {
            live,
            door,
            is_forbidden: AtomicBool::new(false),
            closing,
            timeout: config.timeout,
            _supervisor: AbortOnDropHandle::new(task),
        }
    }

    /// Opens a channel, waiting for a connection if there is none just now.
    pub(crate) async fn channel(&self) -> Result<Channel, QueueError> {
        let mut live = self.live.clone();
        let connected = tokio::time::timeout(self.timeout, live.wait_for(Option::is_some));
        let connection = match connected.await {
            Ok(Ok(live)) => live.clone(),
            Ok(Err(_)) => return Err(QueueError::interrupted("the connection was closed by us")),
            Err(_) => None,
        };
        let connection = connection.ok_or_else(|| QueueError::interrupted("no connection to the broker"))?;
        within(self.timeout, "opening a channel", connection.create_channel()).await
    }

    /// Whether nothing can be published just now: the broker blocks, or is away.
    pub(crate) fn is_blocked(&self) -> bool {
        self.live.borrow().as_ref().is_none_or(|connection| connection.status().blocked())
    }

    /// Says at the door that the broker forbids what this link is for.
    pub(crate) fn forbidden(&self, error: &QueueError) {
        self.is_forbidden.store(true, Ordering::Relaxed);
        self.door.closed(error.to_string());
    }

    /// Says that it did not.
    pub(crate) fn permitted(&self) {
        if self.is_forbidden.swap(false, Ordering::Relaxed) {
            self.door.opened();
        }
    }

    /// Says good-bye to the broker and ends.
    pub(crate) async fn close(&self) {
        self.closing.begin();
        // The supervisor lets go of its end when it is done.
        let _ended = self.live.clone().wait_for(|_| false).await.is_err();
    }
}

struct Supervisor {
    config: Config,
    name: String,
    door: Door,
    closing: Shutdown,
    live: watch::Sender<Live>,
}

impl Supervisor {
    async fn run(self) {
        while let Some(connection) = self.connect().await {
            let connection = Arc::new(connection);
            self.live.send_replace(Some(Arc::clone(&connection)));
            self.door.opened();
            tracing::info!(connection = self.name, "connected to the broker");
            let lost = self.watch(&connection).await;
            self.live.send_replace(None);
            close(&connection).await;
            let Some(reason) = lost else { break };
            tracing::warn!(connection = self.name, reason, "lost the broker, connecting again");
            self.door.closed(reason);
            // A connection that is lost as soon as it is made must not become a hot loop.
            tokio::time::sleep(Backoff::RECONNECT.delay(0)).await;
        }
        self.door.closed("closed by us");
    }

    async fn connect(&self) -> Option<Connection> {
        retry_until(&self.closing, Backoff::RECONNECT, "connecting to the broker", async || {
            dial(&self.config, &self.name).await.inspect_err(|error| self.door.closed(error.to_string()))
        })
        .await
    }

    /// Waits until the connection is lost, and says why, or until it is to be closed (`None`).
    async fn watch(&self, connection: &Connection) -> Option<String> {
        let mut events = std::pin::pin!(connection.events_listener());
        let mut check = tokio::time::interval(CHECK_EVERY);
        loop {
            tokio::select! {
                () = self.closing.begun() => return None,
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(connection = self.name, reason, "the broker blocks publishing");
                        self.door.closed(format!("the broker blocks publishing: {reason}"));
                    }
                    Some(Event::ConnectionUnblocked) => self.door.opened(),
                    // An error of one channel is told here as well; that is its user's business.
                    Some(Event::Error(error)) if !connection.status().connected() => {
                        return Some(error.to_string());
                    }
                    Some(_) => {}
                    None => return Some("the connection ended".to_owned()),
                },
                _ = check.tick() => if !connection.status().connected() {
                    return Some("the connection was closed".to_owned());
                },
            }
        }
    }
}

/// Connects once.
pub(crate) async fn dial(config: &Config, name: &str) -> Result<Connection, QueueError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let uri = config.uri()?;
    let tls = match (&uri.scheme, &config.tls) {
        (AMQPScheme::AMQP, _) => None,
        (AMQPScheme::AMQPS, Some(tls)) => Some(RustlsConnector::from(Arc::clone(tls))),
        (AMQPScheme::AMQPS, None) => return Err(QueueError::invalid("amqps:// needs to know whom to trust")),
    };
    // not lapin's own way there, which fails on a system without authorities even when one is named
    let connecting = Connection::connector(
        uri,
        lapin::runtime::default_runtime()?,
        async move |uri, tokio| {
            let AMQPAuthority { host, port, .. } = uri.authority;
            let server = tokio.to_socket_addrs((host.clone(), port));
            let stream = AsyncTcpStream::connect(&tokio, server).await?;
            Ok(match &tls {
                Some(tls) => stream.into_rustls(tls, &host).await?,
                None => stream,
            })
        },
        properties,
    );
    within(config.timeout, "connecting", Box::pin(async { connecting.await.map_err(with_hint) })).await
}

/// A port that expects TLS hangs up on whoever comes without, and says nothing, or something that is no AMQP.
fn with_hint(error: lapin::Error) -> lapin::Error {
    match error.kind() {
        ErrorKind::IOError(cut)
            if matches!(cut.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) =>
        {
            let reason = format!("{cut}: if this port expects TLS, say amqps:// in AMQP_URL");
            io::Error::new(cut.kind(), reason).into()
        }
        ErrorKind::ParsingError(_) => {
            let reason = "this port does not speak AMQP: if this port expects TLS, say amqps:// in AMQP_URL";
            io::Error::new(io::ErrorKind::InvalidData, reason).into()
        }
        _ => error,
    }
}

/// Closes in good order, if the broker is still there.
pub(crate) async fn close(connection: &Connection) {
    let closed = tokio::time::timeout(CLOSE_LIMIT, connection.close(200, "closed".into())).await;
    tracing::debug!(in_order = matches!(closed, Ok(Ok(()))), "closed a connection");
}
