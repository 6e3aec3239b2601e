//! The plainest HTTP client: what it returns is what was on the wire.

use serde_json::Value;
use simulator::Simulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The ids of a page.
    pub(crate) fn ids(&self) -> Vec<String> {
        let body = self.json();
        let rows = body["data"].as_array().unwrap_or_else(|| panic!("no data in {body}"));
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The attributes of a detail, wrapped or not.
    pub(crate) fn attributes(&self) -> Value {
        let body = self.json();
        let record = if body["data"].is_object() { &body["data"] } else { &body };
        record["attributes"].clone()
    }
}

/// Asks as the organisation's key of `acme`.
pub(crate) async fn get(simulator: &Simulator, path: &str) -> Got {
    get_as(simulator, "Bearer acme-key", path).await
}

pub(crate) async fn get_as(simulator: &Simulator, authorization: &str, path: &str) -> Got {
    let head = format!("GET {path} HTTP/1.1\r\nAuthorization: {authorization}\r\n");
    parsed(&exchange(simulator, &head, "").await.unwrap())
}

/// Sends a request with a body to a control endpoint.
pub(crate) async fn send(simulator: &Simulator, method: &str, path: &str, body: &str) -> Got {
    let head = format!("{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    parsed(&exchange(simulator, &head, body).await.unwrap())
}

/// Every byte until the end of the connection, or how it ended.
pub(crate) async fn exchange(simulator: &Simulator, head: &str, body: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(simulator.address()).await?;
    stream.write_all(format!("{head}Host: vendor\r\nConnection: close\r\n\r\n{body}").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

pub(crate) fn parsed(bytes: &[u8]) -> Got {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let split =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(split).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = bytes[end + 4..].to_vec();
    Got { status, headers, body: if chunked { dechunked(&body) } else { body } }
}

fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}
