//! Wires between a process and its servers, which can be disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// As tokio-postgres sends it: a simple query, alone.
const COMMIT: &[u8] = b"COMMIT\0";

/// A server keeps who has gone without a word for so long after that.
const FORGOTTEN_FOR: Duration = Duration::from_secs(20);

/// What is wrong with a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It is cut: who is connected is reset, and so is who tries.
    Cut,
    /// Nothing passes, in neither direction, and nobody is told; what was sent arrives when it is over.
    Hang,
    /// What the process says arrives, what the server answers does not until it is over.
    Deaf,
    /// Who is connected is forgotten, as by a firewall: neither side is told, now or later. New connections pass.
    Forgotten,
    /// Everything is late by that much.
    Late(Duration),
    /// A connection is reset after that many bytes to the server.
    CutAfter(usize),
    /// A connection is reset when the server has begun to answer a commit: it is done, and the process does not know.
    CutAtCommit,
}

/// A wire to one server.
#[derive(Debug)]
pub struct Wire {
    address: String,
    trouble: watch::Sender<Trouble>,
    struck: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl Wire {
    /// Lays a wire to a server (`host:port`).
    pub async fn to(server: &str) -> Self {
        Self::to_any(vec![server.to_owned()]).await
    }

    /// Lays a wire to several servers: connections go to each in turn, and past one that is not there, as behind a balancer.
    async fn to_any(servers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let trouble = watch::Sender::new(Trouble::None);
        let struck = Arc::<AtomicU64>::default();
        let line = Line { servers, trouble: trouble.subscribe(), struck: Arc::clone(&struck) };
        let accepting = tokio::spawn(line.accept(listener)).abort_handle();
        Self { address, trouble, struck, accepting }
    }

    /// Where the process is to connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Brings trouble, or ends it.
    pub fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// How many connections were cut or forgotten so far.
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The wires of one process.
#[derive(Debug)]
pub struct Wires {
    /// To the database.
    pub database: Wire,
    /// To the broker.
    pub broker: Wire,
    database_url: String,
    broker_url: String,
}

impl Wires {
    /// Lays wires to where a command would connect, and to further nodes of the broker.
    pub(crate) async fn of(command: &Command, nodes: &[String]) -> Self {
        let url = |wanted: &str| {
            let mut settings = command.as_std().get_envs();
            let found = settings.find_map(|(name, value)| (name == wanted).then_some(value?));
            found.expect("a URL").to_str().expect("a URL is text").to_owned()
        };
        let (database_url, broker_url) = (url("DATABASE_URL"), url("AMQP_URL"));
        Self {
            database: Wire::to(server_of(&database_url)).await,
            broker: Wire::to_any([&[server_of(&broker_url).to_owned()], nodes].concat()).await,
            database_url,
            broker_url,
        }
    }

    /// Lets a command connect by these wires.
    pub(crate) fn lay(&self, command: &mut Command) {
        let by = |url: &str, wire: &Wire| url.replace(server_of(url), wire.address());
        command.env("DATABASE_URL", by(&self.database_url, &self.database));
        command.env("AMQP_URL", by(&self.broker_url, &self.broker));
    }
}

/// `host:port` of a URL.
pub(crate) fn server_of(url: &str) -> &str {
    let (_, behind_user) = url.rsplit_once('@').expect("a URL with a user");
    behind_user.split(['/', '?']).next().expect("a first part")
}

#[derive(Clone)]
struct Line {
    servers: Vec<String>,
    trouble: watch::Receiver<Trouble>,
    struck: Arc<AtomicU64>,
}

impl Line {
    async fn accept(mut self, listener: TcpListener) {
        loop {
            let Ok((client, _)) = listener.accept().await else { continue };
            tokio::spawn(self.clone().connect(client));
            self.servers.rotate_left(1);
        }
    }

    /// The first server that is there.
    async fn reach(&self) -> Option<TcpStream> {
        for server in &self.servers {
            if let Ok(server) = TcpStream::connect(server).await {
                return Some(server);
            }
        }
        None
    }

    /// One connection, until either side or some trouble ends it.
    async fn connect(self, client: TcpStream) {
        let is_cut = *self.trouble.borrow() == Trouble::Cut;
        let server = if is_cut { None } else { self.reach().await };
        let Some(server) = server else {
            // without lingering, closing it is a reset
            let _ = client.set_zero_linger();
            return;
        };
        for end in [&client, &server] {
            let _ = end.set_nodelay(true);
            let _ = end.set_zero_linger();
        }
        let committed = AtomicBool::new(false);
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let forgotten = tokio::select! {
            () = self.pump(&mut from_client, &mut to_server, Way::Out, &committed) => false,
            () = self.pump(&mut from_server, &mut to_client, Way::Back, &committed) => false,
            forgotten = self.cut() => forgotten,
        };
        if forgotten {
            // a process that gives up tells only its own side
            while matches!(from_client.read(&mut [0; 1024]).await, Ok(1..)) {}
            let mut trouble = self.trouble.clone();
            let _ = tokio::time::timeout(FORGOTTEN_FOR, trouble.wait_for(|_| false)).await;
        }
    }

    /// Waits until whoever is connected is to be cut off; says whether without a word.
    async fn cut(&self) -> bool {
        let mut trouble = self.trouble.clone();
        trouble.mark_unchanged();
        let struck = loop {
            if trouble.changed().await.is_err() {
                break Trouble::Cut;
            }
            let now = *trouble.borrow_and_update();
            if matches!(now, Trouble::Cut | Trouble::Forgotten) {
                break now;
            }
        };
        self.strike();
        struck == Trouble::Forgotten
    }

    /// Carries what comes from one end to the other until one of them closes.
    async fn pump(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        way: Way,
        committed: &AtomicBool,
    ) {
        let mut trouble = self.trouble.clone();
        let mut passed = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
            let piece = &buffer[..length];
            let now = *trouble.borrow_and_update();
            match now {
                Trouble::Late(delay) => {
                    let _ = tokio::time::timeout(delay, trouble.wait_for(|one| *one != now)).await;
                }
                Trouble::CutAtCommit if way == Way::Out => {
                    let is_commit = piece.windows(COMMIT.len()).any(|part| part == COMMIT);
                    committed.fetch_or(is_commit, Ordering::SeqCst);
                }
                Trouble::CutAtCommit if committed.load(Ordering::SeqCst) => return self.strike(),
                Trouble::CutAfter(bytes) if way == Way::Out => {
                    passed += length;
                    if passed > bytes {
                        return self.strike();
                    }
                }
                _ => {}
            }
            let holds = |one: &Trouble| *one == Trouble::Hang || (*one == Trouble::Deaf && way == Way::Back);
            let is_laid = trouble.wait_for(|one| !holds(one)).await.is_ok();
            if !is_laid || to.write_all(piece).await.is_err() {
                return;
            }
        }
    }

    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To the server.
    Out,
    /// To the process.
    Back,
}
