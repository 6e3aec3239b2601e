//! Where a code comes back: a door on this machine, or what a person pastes.

use std::io::BufRead as _;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::{Host, Url};

use super::oauth::address;

/// As long as a code is good.
const PATIENCE: Duration = Duration::from_mins(10);

/// A browser that has connected says what it wants.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// An address line longer than this is none of ours.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Where the vendor sends the code, unless the app's file says otherwise; the port is any that is free.
const DEFAULT_REDIRECT: &str = "http://127.0.0.1:0/callback";

/// How the code comes back.
pub(super) enum Callback {
    /// A browser on this machine brings it.
    Listen(Listener),
    /// A person pastes it.
    Paste {
        /// Where the vendor sends the browser.
        redirect_uri: String,
    },
}

/// A door on this machine, for one browser.
pub(super) struct Listener {
    door: TcpListener,
    redirect_uri: String,
}

/// The page that the browser waits for.
pub(super) struct Page(TcpStream);

impl Callback {
    /// Opens the door at the redirect address, if that is on this machine.
    pub(super) async fn prepare(redirect_uri: Option<&str>, paste: bool) -> anyhow::Result<Self> {
        let text = match redirect_uri {
            Some(registered) => registered,
            // no vendor has a port registered that is any
            None if paste => bail!(
                "--paste-code: say in the app's file by `redirect_uri` where the vendor sends the browser, as it is registered there"
            ),
            None => DEFAULT_REDIRECT,
        };
        let mut url = address(text).context("redirect_uri: expected http://127.0.0.1:PORT/PATH")?;
        if paste {
            return Ok(Self::Paste { redirect_uri: text.to_owned() });
        }
        let here = match url.host() {
            Some(Host::Ipv4(host)) if host.is_loopback() => Some(IpAddr::V4(host)),
            Some(Host::Ipv6(host)) if host.is_loopback() => Some(IpAddr::V6(host)),
            Some(Host::Domain("localhost")) => Some(IpAddr::from([127, 0, 0, 1])),
            _ => None,
        };
        let (Some(here), "http") = (here, url.scheme()) else {
            bail!("the redirect address {text} is not on this machine: add --paste-code");
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let door = TcpListener::bind((here, port)).await;
        let door =
            door.with_context(|| format!("cannot listen on {here}:{port} for the redirect address"))?;
        if port == 0 {
            let _ = url.set_port(Some(door.local_addr()?.port()));
            return Ok(Self::Listen(Listener { door, redirect_uri: url.into() }));
        }
        // exactly as it is registered, to the last slash
        Ok(Self::Listen(Listener { door, redirect_uri: text.to_owned() }))
    }

    /// Where the vendor sends the browser.
    pub(super) fn redirect_uri(&self) -> &str {
        match self {
            Self::Listen(listener) => &listener.redirect_uri,
            Self::Paste { redirect_uri } => redirect_uri,
        }
    }
}

impl Listener {
    /// Waits for the browser that comes to the redirect address; whoever asks for anything else is sent away.
    pub(super) async fn answer(&self) -> anyhow::Result<(Url, Page)> {
        let own = Url::parse(&self.redirect_uri)?;
        let come = async {
            loop {
                let (mut stream, _) = self.door.accept().await?;
                let target = timeout(READ_PATIENCE, target(&mut stream)).await.ok().flatten();
                match target.and_then(|target| own.join(&target).ok()) {
                    Some(address) if address.path() == own.path() && address.origin() == own.origin() => {
                        return Ok((address, Page(stream)));
                    }
                    _ => say(&mut stream, "404 Not Found", "Nothing is here.").await,
                }
            }
        };
        timeout(PATIENCE, come)
            .await
            .map_err(|_| anyhow::anyhow!("nobody has consented within ten minutes; nothing was saved"))?
    }
}

impl Page {
    /// Tells the person to go back to the command.
    pub(super) async fn close(mut self, done: bool) {
        let words = if done {
            "The answer has arrived. Close this window and go back to the command."
        } else {
            "The answer cannot be used. Close this window; the command says why."
        };
        say(&mut self.0, "200 OK", words).await;
    }
}

/// The target of a GET.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_BYTES_MAX {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.lines().next()?.split(' ');
    (words.next() == Some("GET")).then_some(())?;
    words.next().filter(|target| target.starts_with('/') && !target.starts_with("//")).map(str::to_owned)
}

/// Says something to a browser, which may be gone.
async fn say(stream: &mut TcpStream, status: &str, words: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{words}",
        words.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Reads what a person pastes: the address at which the browser ended, or a code.
pub(super) fn pasted(redirect_uri: &str) -> anyhow::Result<Result<Url, SecretString>> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read what is pasted")?;
    let text = line.trim();
    if let Some(address) = address(text) {
        let own = Url::parse(redirect_uri)?;
        if address.path() != own.path() || address.origin() != own.origin() {
            bail!("what was pasted is not the redirect address with an answer; nothing was saved");
        }
        return Ok(Ok(address));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("expected the address at which the browser ended, or the code; nothing was saved");
    }
    Ok(Err(SecretString::from(text)))
}
