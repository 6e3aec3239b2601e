//! The HTTP client of every vendor: bounded, without redirects.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect, retry};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::retry_after::retry_after_from_headers;
use crate::words::WORDS_BYTES_MAX;
use crate::{Failure, VendorError, day};

/// How vendors are spoken to.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest time for a whole request; shorter than a claim.
    pub total_timeout: Duration,
    /// Larger bodies are refused, measured after decompression.
    pub body_bytes_max: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(25),
            body_bytes_max: 64 << 20,
        }
    }
}

/// The client, for every vendor of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct VendorHttp {
    client: Client,
    body_bytes_max: usize,
}

/// An answer to a form, whatever its status.
pub(crate) struct Posted {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<String>,
}

/// Why there is no answer to a form.
pub(crate) enum Unposted {
    /// The vendor cannot have seen it.
    Unreachable(VendorError),
    /// The vendor may have seen it.
    Unanswered(VendorError),
}

impl VendorHttp {
    /// Builds the client.
    pub fn new(options: &HttpOptions) -> Result<Self, VendorError> {
        runtime::install_crypto_provider();
        let client = Client::builder()
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // one call is one request: a permit was taken for one, and whoever called decides about the next
            .retry(retry::never())
            // a proxy named by the environment would see the credential of a base URL with plain http
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.total_timeout)
            .pool_idle_timeout(Duration::from_secs(50))
            .build()
            .map_err(|error| VendorError::without_answer(Failure::Transient, in_full(&error)))?;
        Ok(Self { client, body_bytes_max: options.body_bytes_max })
    }

    /// Sends one GET and returns the body of a success as text. Bytes that are not UTF-8 are replaced: one bad character must not
    /// cost a page of conversations.
    pub(crate) async fn get(&self, url: Url, authorization: HeaderValue) -> Result<String, VendorError> {
        self.send(self.client.get(url), authorization).await
    }

    /// Sends one POST of JSON; otherwise as [`Self::get`].
    pub(crate) async fn post_json(
        &self,
        url: Url,
        authorization: HeaderValue,
        body: &Value,
    ) -> Result<String, VendorError> {
        self.send(self.client.post(url).json(body), authorization).await
    }

    /// Sends one POST of a form, whose answer may hold a secret.
    pub(crate) async fn post_form(
        &self,
        url: Url,
        authorization: Option<HeaderValue>,
        form: Zeroizing<String>,
    ) -> Result<Posted, Unposted> {
        let mut request = self.client.post(url).header(ACCEPT, "application/json");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = match request.body(form.to_string()).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Err(Unposted::Unreachable(network(error)));
            }
            Err(error) => return Err(Unposted::Unanswered(network(error))),
        };
        let (status, retry_after) = (response.status(), retry_after_from_headers(response.headers()));
        let body = if status.is_success() {
            self.body(response).await.map_err(Unposted::Unanswered)?
        } else {
            first_words(response).await
        };
        Ok(Posted { status, retry_after, body: Zeroizing::new(body) })
    }

    async fn send(&self, request: RequestBuilder, authorization: HeaderValue) -> Result<String, VendorError> {
        let request = request.header(ACCEPT, "application/json");
        let response = request.header(AUTHORIZATION, authorization).send().await.map_err(network)?;
        let (status, headers) = (response.status(), response.headers().clone());
        day::tell(&headers);
        if status.is_success() {
            return self.body(response).await;
        }
        Err(refusal(status, &headers, &first_words(response).await))
    }

    async fn body(&self, mut response: Response) -> Result<String, VendorError> {
        let limit = self.body_bytes_max;
        let too_large = || {
            VendorError::without_answer(Failure::TooLarge, format!("the answer is larger than {limit} bytes"))
        };
        if response.content_length().is_some_and(|announced| announced > limit as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(text(body))
    }
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &str) -> VendorError {
    let mut error = VendorError::of_answer(status, body, retry_after_from_headers(headers));
    if error.failure == Failure::Redirect {
        let target = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let host = target.and_then(|target| Url::parse(target).ok()?.host_str().map(str::to_owned));
        let host = host.as_deref().unwrap_or("another place");
        error.message =
            format!("the vendor redirects to {host}, where the credential does not follow: see the base URL");
    }
    error
}

/// The beginning of a failure's body. What does not arrive of it is not missed: the status has said what counts.
async fn first_words(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = WORDS_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == WORDS_BYTES_MAX {
            break;
        }
    }
    text(body)
}

fn text(body: Vec<u8>) -> String {
    let text = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    // a byte order mark is no JSON
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// What happened on the way, without the URL: ids are not for logs.
fn network(error: reqwest::Error) -> VendorError {
    let error = error.without_url();
    let (failure, what) = match (error.is_timeout(), error.is_connect()) {
        (true, false) => (Failure::TooLong, "the vendor did not answer in time"),
        (true, true) => (Failure::Transient, "the vendor did not answer in time"),
        (false, true) => (Failure::Transient, "the vendor cannot be reached"),
        (false, false) => (Failure::Transient, "the answer broke off"),
    };
    VendorError::without_answer(failure, format!("{what}: {}", root(&error)))
}

/// The first cause of an error, without all that it led to on the way up.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// An error with its sources, which have the actual reason.
fn in_full(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
