//! The listener that says how the process does.

use std::io;
use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::{Health, Shutdown};

/// The running listener; dropping it ends it. It goes on through a shutdown, so that the last numbers can be read.
#[derive(Debug)]
pub struct HealthServer {
    /// Where it listens: the port that was found, where 0 was asked for.
    pub address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct App {
    health: Health,
    registry: Registry,
    shutdown: Shutdown,
}

/// Serves `/healthz` (200 while the process lives), `/readyz` (200 when every door is open and no shutdown has begun, else 503;
/// JSON names each door) and `/metrics` (Prometheus text, with the numbers of the process itself).
pub async fn serve_health(
    listen: SocketAddr,
    health: Health,
    registry: Registry,
    shutdown: Shutdown,
) -> io::Result<HealthServer> {
    if registry.register(Box::new(ProcessCollector::for_self())).is_err() {
        tracing::debug!("the numbers of the process were registered before");
    }
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let app = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(App { health, registry, shutdown });
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the health listener ended");
        }
    });
    tracing::info!(%address, "listening for health and metrics");
    Ok(HealthServer { address, _task: AbortOnDropHandle::new(task) })
}

async fn ready(State(app): State<App>) -> Response {
    let shutting_down = app.shutdown.is_begun();
    let is_ready = app.health.is_ready() && !shutting_down;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let doors: serde_json::Map<_, _> = app
        .health
        .doors()
        .into_iter()
        .map(|(name, closed)| (name, serde_json::json!({ "open": closed.is_none(), "reason": closed })))
        .collect();
    let body = serde_json::json!({ "ready": is_ready, "shutting_down": shutting_down, "doors": doors });
    (status, Json(body)).into_response()
}

async fn metrics(State(app): State<App>) -> Response {
    match TextEncoder::new().encode_to_string(&app.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn serve(health: &Health, shutdown: &Shutdown) -> HealthServer {
        let any_port = "127.0.0.1:0".parse().unwrap();
        serve_health(any_port, health.clone(), Registry::new(), shutdown.clone()).await.unwrap()
    }

    #[tokio::test]
    async fn readiness_names_the_closed_door_and_its_reason() {
        let (health, shutdown) = (Health::new(), Shutdown::new());
        let server = serve(&health, &shutdown).await;
        let door = health.door("broker");
        door.closed("blocked: low on memory");
        let closed = ask(server.address, "/readyz").await;
        assert!(closed.starts_with("HTTP/1.1 503"), "{closed}");
        assert!(closed.contains(r#""broker":{"open":false,"reason":"blocked: low on memory"}"#), "{closed}");
        door.opened();
        assert!(ask(server.address, "/readyz").await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_process_that_shuts_down_lives_but_is_not_ready() {
        let (health, shutdown) = (Health::new(), Shutdown::new());
        let server = serve(&health, &shutdown).await;
        assert!(ask(server.address, "/readyz").await.starts_with("HTTP/1.1 200"));
        shutdown.begin();
        assert!(ask(server.address, "/readyz").await.starts_with("HTTP/1.1 503"));
        assert!(ask(server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn metrics_include_the_process_itself() {
        let server = serve(&Health::new(), &Shutdown::new()).await;
        assert!(ask(server.address, "/metrics").await.contains("process_resident_memory_bytes"));
    }
}
