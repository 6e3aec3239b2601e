//! The HTTP client of every vendor: bounded, without redirects.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, Response, redirect};
use url::Url;

use crate::retry_after::retry_after_from_headers;
use crate::{Failure, VendorError};

/// How vendors are spoken to.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest time for a whole request; shorter than a claim.
    pub total_timeout: Duration,
    /// Larger bodies are refused.
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

impl VendorHttp {
    /// Builds the client.
    pub fn new(options: &HttpOptions) -> Result<Self, VendorError> {
        runtime::install_crypto_provider();
        let client = Client::builder()
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .timeout(options.total_timeout)
            .pool_idle_timeout(Duration::from_secs(50))
            .build()
            .map_err(|error| VendorError::without_answer(Failure::Transient, error.to_string()))?;
        Ok(Self { client, body_bytes_max: options.body_bytes_max })
    }

    /// Sends one GET and returns the body of a success.
    pub(crate) async fn get(&self, url: Url, authorization: HeaderValue) -> Result<Vec<u8>, VendorError> {
        let request = self
            .client
            .get(url)
            .header(ACCEPT, "application/json")
            .header(reqwest::header::AUTHORIZATION, authorization);
        let response = request.send().await.map_err(network)?;
        let status = response.status();
        let retry_after = retry_after_from_headers(response.headers());
        if status.is_success() {
            return self.body(response).await;
        }
        // the words of a failure are short; what does not arrive of them is not missed
        let body = self.body(response).await.unwrap_or_default();
        Err(VendorError::of_answer(status, &body, retry_after))
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, VendorError> {
        let announced = response.content_length().unwrap_or(0);
        if announced > self.body_bytes_max as u64 {
            return Err(self.too_large());
        }
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(network)?;
            if body.len() + chunk.len() > self.body_bytes_max {
                return Err(self.too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn too_large(&self) -> VendorError {
        let limit = self.body_bytes_max;
        VendorError::without_answer(Failure::TooLarge, format!("the answer is larger than {limit} bytes"))
    }
}

/// What happened on the way, without the URL: ids are not for logs.
fn network(error: reqwest::Error) -> VendorError {
    use std::error::Error as _;
    let error = error.without_url();
    let mut text = if error.is_timeout() {
        "the vendor did not answer in time".to_owned()
    } else if error.is_connect() {
        "the vendor cannot be reached".to_owned()
    } else {
        "the answer broke off".to_owned()
    };
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    VendorError::without_answer(Failure::Transient, text)
}
