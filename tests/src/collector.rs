//! A collector of traces: takes OTLP over HTTP, as processes tell it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::disguise::hex;

/// A span that somebody told of. Ids are as in W3C's trace context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which process.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span it belongs to; empty if it began the trace.
    pub parent: String,
    /// Traces that it is linked with.
    pub links: Vec<String>,
}

/// The running collector; ends when dropped.
pub struct Collector {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    said: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, noted) = (Arc::clone(&told), Arc::clone(&said));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, noted) = (Arc::clone(&heard), Arc::clone(&noted));
                tokio::spawn(async move {
                    let body = take(stream).await.expect("a request");
                    lock(&noted).push_str(&String::from_utf8_lossy(&body));
                    lock(&heard).extend(spans_of(&body).expect("spans in OTLP"));
                });
            }
        });
        Self { address, told, said, task }
    }

    /// What processes are to be told, so that they tell this one, and soon.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let endpoint = format!("http://{}", self.address);
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned())]
    }

    /// Every span told so far.
    pub fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        lock(&self.told)
    }

    /// Every byte told so far; names, attributes and events are text among them.
    pub fn said(&self) -> String {
        lock(&self.said).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the body of one request, and says that it was taken.
async fn take(stream: TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let line = line.trim().to_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(body)
}

fn spans_of(body: &[u8]) -> anyhow::Result<Vec<Told>> {
    let request = ExportTraceServiceRequest::decode(body)?;
    Ok(request.resource_spans.iter().flat_map(of_one_process).collect())
}

fn of_one_process(spans: &ResourceSpans) -> Vec<Told> {
    let attributes = spans.resource.iter().flat_map(|resource| &resource.attributes);
    let service =
        attributes.filter(|one| one.key == "service.name").find_map(|one| match &one.value.as_ref()?.value {
            Some(Value::StringValue(name)) => Some(name.clone()),
            _ => None,
        });
    let service = service.unwrap_or_default();
    let spans = spans.scope_spans.iter().flat_map(|scope| &scope.spans);
    spans
        .map(|span| Told {
            service: service.clone(),
            name: span.name.clone(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
        })
        .collect()
}
