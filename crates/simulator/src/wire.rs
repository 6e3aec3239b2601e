//! Down to the socket: answers that break half way, and connections that are reset.

use std::io::{Error, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::reply::Reply;

/// What a handler can do to the connection its request came by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Whatever is written next resets the connection instead.
    pub(crate) fn reset(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A listener whose connections can be reset.
#[derive(Debug)]
pub(crate) struct ResettableListener(pub(crate) TcpListener);

impl Listener for ResettableListener {
    type Io = ResettableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ResettableStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    // Small answers must not wait for one another: the log measures arrivals.
                    let _ = stream.set_nodelay(true);
                    return (ResettableStream { stream, connection: Connection::default() }, address);
                }
                // Out of file descriptors, most likely; some come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that can be reset.
#[derive(Debug)]
pub(crate) struct ResettableStream {
    stream: TcpStream,
    connection: Connection,
}

impl ResettableStream {
    /// Without lingering, closing the socket sends a reset.
    fn check(&self) -> std::io::Result<()> {
        if self.connection.0.load(Ordering::SeqCst) {
            self.stream.set_zero_linger()?;
            return Err(Error::from(ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An error instead of the rest makes hyper close the connection. It flushes what it has only when the body makes it
/// wait, so the error must not come at once.
async fn broken_off() -> std::io::Result<Bytes> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Err(Error::from(ErrorKind::UnexpectedEof))
}

/// Puts an answer on the wire.
pub(crate) fn response(reply: Reply) -> Response {
    let length = reply.body.len();
    let body = if reply.truncated {
        let half = Bytes::from(reply.body).slice(..length / 2);
        Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(broken_off())))
    } else {
        Body::from(reply.body)
    };
    let mut response = Response::builder().status(reply.status).header(CONTENT_TYPE, reply.content_type);
    if reply.truncated {
        response = response.header(CONTENT_LENGTH, length);
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(body).expect("status and headers are made here and valid")
}
