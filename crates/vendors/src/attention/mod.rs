//! Attention: one static key per workspace, lists by page number, details by id.

mod auth;
mod detail;
mod list;
mod users;

use serde_json::value::RawValue;
use tracing::Instrument as _;
use url::Url;

pub use auth::{AttentionAuth, HeaderForm};
pub use list::{ListPage, ListRequest, end_of_list};
pub use users::Workspace;

use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// Attention's own base URL.
pub const BASE_URL: &str = "https://api.attention.tech/v2";

/// Attention's API at one base URL.
#[derive(Debug, Clone)]
pub struct Attention {
    http: VendorHttp,
    base_url: BaseUrl,
}

impl Attention {
    /// Prepares a client.
    pub fn new(http: VendorHttp, base_url: BaseUrl) -> Self {
        Self { http, base_url }
    }

    /// Lists one page of a window, newest first.
    pub async fn list(&self, auth: &AttentionAuth, request: &ListRequest) -> Result<ListPage, VendorError> {
        let mut url = self.url(&["conversations", "list"])?;
        url.query_pairs_mut().extend_pairs(request.parameters());
        self.ask("list", auth, url, |body| ListPage::read(&body)).await
    }

    /// Fetches one conversation with its word-level transcript, byte for byte.
    pub async fn detail(&self, auth: &AttentionAuth, id: &str) -> Result<Box<RawValue>, VendorError> {
        let mut url = self.url(&["conversations", id])?;
        url.query_pairs_mut().extend_pairs(detail::PARAMETERS);
        self.ask("detail", auth, url, detail::read).await
    }

    /// Lists the workspace's users: the cheap probe of a key.
    pub async fn users(&self, auth: &AttentionAuth) -> Result<Workspace, VendorError> {
        let url = self.url(&["users"])?;
        self.ask("users", auth, url, |body| Workspace::read(&body)).await
    }

    fn url(&self, segments: &[&str]) -> Result<Url, VendorError> {
        self.base_url.join(segments).ok_or_else(|| {
            VendorError::without_answer(
                Failure::BadRequest,
                "the id is empty or dots, which no path can hold",
            )
        })
    }

    async fn ask<T>(
        &self,
        endpoint: &'static str,
        auth: &AttentionAuth,
        url: Url,
        read: impl FnOnce(String) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let span = tracing::info_span!("ask_vendor", vendor = "attention", endpoint);
        let answer = async { self.http.get(url, auth.header()?).await }.instrument(span).await;
        answer.and_then(read).map_err(|error| auth.redact(error))
    }
}
