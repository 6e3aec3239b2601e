//! Attention: one static key per workspace, lists by page number, details by id.

mod list;
mod users;

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

pub use list::{ListPage, ListRequest, end_of_list};
pub use users::Workspace;

use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// Attention's own base URL.
pub const BASE_URL: &str = "https://api.attention.tech/v2";

/// The two forms of the `Authorization` header that Attention documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderForm {
    /// `Bearer KEY`
    Bearer,
    /// `KEY`
    Bare,
}

impl HeaderForm {
    /// The other form.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Bearer => Self::Bare,
            Self::Bare => Self::Bearer,
        }
    }

    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Bare => "bare",
        }
    }
}

/// A key in one form of the header.
#[derive(Clone)]
pub struct AttentionAuth {
    /// The workspace's key.
    pub key: SecretString,
    /// How it is sent.
    pub form: HeaderForm,
}

impl fmt::Debug for AttentionAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttentionAuth").field("form", &self.form).finish_non_exhaustive()
    }
}

impl AttentionAuth {
    fn header(&self) -> Result<HeaderValue, VendorError> {
        let text = match self.form {
            HeaderForm::Bearer => format!("Bearer {}", self.key.expose_secret()),
            HeaderForm::Bare => self.key.expose_secret().to_owned(),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            VendorError::without_answer(
                Failure::Credential,
                "the key has characters that no header can carry",
            )
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Attention's API at one base URL.
#[derive(Debug, Clone)]
pub struct Attention {
    http: VendorHttp,
    base_url: BaseUrl,
}

/// Some replies wrap the resource in `data`, others are the resource.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

impl Attention {
    /// Prepares a client.
    pub fn new(http: VendorHttp, base_url: BaseUrl) -> Self {
        Self { http, base_url }
    }

    /// Lists one page of a window, newest first.
    pub async fn list(&self, auth: &AttentionAuth, request: &ListRequest) -> Result<ListPage, VendorError> {
        let mut url = self.base_url.join(&["conversations", "list"]);
        url.query_pairs_mut().extend_pairs(request.parameters());
        ListPage::read(&self.get(auth, url).await?)
    }

    /// Fetches one conversation with its word-level transcript, byte for byte.
    pub async fn detail(&self, auth: &AttentionAuth, id: &str) -> Result<Box<RawValue>, VendorError> {
        let mut url = self.base_url.join(&["conversations", id]);
        url.query_pairs_mut().extend_pairs([
            ("detailedTranscript", "true"),
            ("filter[include_internal_participants]", "true"),
            ("filter[include_zoom_metadata]", "true"),
            ("filter[include_import_metadata]", "true"),
        ]);
        let body = self.get(auth, url).await?;
        let text =
            String::from_utf8(body).map_err(|_| VendorError::unexpected("the details are not UTF-8"))?;
        let detail = RawValue::from_string(text)
            .map_err(|error| VendorError::unexpected(format!("the details are not JSON: {error}")))?;
        match serde_json::from_str::<Envelope<'_>>(detail.get()) {
            Ok(Envelope { data: None, attributes: None }) | Err(_) => {
                Err(VendorError::unexpected("the answer is no conversation: neither `data` nor `attributes`"))
            }
            Ok(_) => Ok(detail),
        }
    }

    /// Lists the workspace's users: the cheap probe of a key.
    pub async fn users(&self, auth: &AttentionAuth) -> Result<Workspace, VendorError> {
        Workspace::read(&self.get(auth, self.base_url.join(&["users"])).await?)
    }

    async fn get(&self, auth: &AttentionAuth, url: Url) -> Result<Vec<u8>, VendorError> {
        let answer = self.http.get(url, auth.header()?).await;
        answer.map_err(|error| error.without(auth.key.expose_secret()))
    }
}
