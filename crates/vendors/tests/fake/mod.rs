//! A vendor that gives one prepared answer to every request, down to the bytes.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and nothing more while the client waits.
    Stall(Vec<u8>),
    /// These bytes, and a reset.
    Reset(Vec<u8>),
}

impl Reply {
    pub(crate) fn of(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
        Self::Bytes([head.as_bytes(), body.as_ref()].concat())
    }

    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::of("200 OK", "content-type: application/json\r\n", body)
    }

    pub(crate) fn gzip(body: &[u8]) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).unwrap();
        Self::of("200 OK", "content-encoding: gzip\r\n", encoder.finish().unwrap())
    }
}

/// A listening vendor; it ends with the test's runtime.
pub(crate) struct FakeVendor {
    pub(crate) address: String,
    seen: Seen,
}

/// The requests so far: head and body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

impl FakeVendor {
    pub(crate) async fn replying(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Seen::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, reply.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, seen: requests }
    }

    /// The requests so far: each from its first line to the last header.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, seen: Seen) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    seen.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
    let (Reply::Bytes(bytes) | Reply::Stall(bytes) | Reply::Reset(bytes)) = &reply;
    // a client that has seen enough goes away
    if stream.write_all(bytes).await.is_err() {
        return;
    }
    match reply {
        Reply::Bytes(_) => drop(stream.shutdown().await),
        Reply::Reset(_) => stream.set_zero_linger().unwrap(),
        Reply::Stall(_) => std::future::pending().await,
    }
}
