//! The HTTP client for Google: bounded, without redirects.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect, retry};
use url::Url;
use zeroize::Zeroizing;

use crate::SecretError;

/// Of a refresh token that nobody else knows at least two attempts must fit into a turn.
const TIMEOUT: Duration = Duration::from_secs(6);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A payload has 64 KiB at most, a page of versions not much more.
const BODY_BYTES_MAX: usize = 1 << 20;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// It says that it comes from a metadata server.
    pub(super) is_of_metadata_server: bool,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Builds the client.
pub(super) fn client() -> Result<Client, SecretError> {
    runtime::install_crypto_provider();
    Client::builder()
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| SecretError::Unavailable(what_happened(error)))
}

/// Sends one request; the error is for people, and has neither URL nor body in it.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let mut response = request.send().await.map_err(what_happened)?;
    let status = response.status().as_u16();
    let flavor = response.headers().get("metadata-flavor");
    let is_of_metadata_server = flavor.is_some_and(|flavor| flavor == "Google");
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_BYTES_MAX.min(4096)));
    while let Some(chunk) = response.chunk().await.map_err(what_happened)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(format!("the answer is larger than {BODY_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, is_of_metadata_server, body })
}

fn what_happened(error: reqwest::Error) -> String {
    use std::error::Error as _;
    let error = error.without_url();
    let what = if error.is_timeout() { "no answer in time" } else { "it cannot be reached" };
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Parses a base URL without a slash at its end; plain HTTP only where it is allowed.
pub(super) fn parse_url(text: &str, allow_http: bool) -> Result<String, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "a URL")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        _ => {
            return Err(
                "a URL with https://; http:// only with SWITCHBOARD_SECRETS_ALLOW_HTTP=true, for a stand-in",
            );
        }
    }
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !bare || url.fragment().is_some() || url.host_str().is_none() {
        return Err("a URL of host and path only");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
