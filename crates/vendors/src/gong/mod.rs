//! Gong: an access key per company, lists by cursor, transcripts by ids.

mod auth;
mod base_url;
mod calls;
mod refusal;
mod transcripts;
mod users;
mod workspaces;

use reqwest::header::HeaderValue;
use serde_json::Value;
use tracing::Instrument as _;
use url::Url;

pub use auth::GongAuth;
pub use base_url::parse_base_url;
pub use calls::{Calls, CallsPage, CallsRequest};
pub use transcripts::{CallTranscript, TRANSCRIPT_IDS_MAX, TranscriptsPage};
pub use users::UsersPage;
pub use workspaces::CompanyWorkspace;

use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// Where access keys of the default cell work; other cells have hosts of their own.
pub const BASE_URL: &str = "https://api.gong.io";

/// Where an administrator lets an app in.
pub const AUTH_URL: &str = "https://app.gong.io/oauth2/authorize";

/// Where an app gets its tokens, beside [`AUTH_URL`].
pub const TOKEN_SEGMENT: &str = "generate-customer-token";

/// The scope without which no call can be listed.
pub const SCOPE_CALLS: &str = "api:calls:read:extensive";

/// The scope without which no transcript comes.
pub const SCOPE_TRANSCRIPTS: &str = "api:calls:read:transcript";

/// The scope of the company's users.
pub const SCOPE_USERS: &str = "api:users:read";

/// The scope of the company's workspaces.
pub const SCOPE_WORKSPACES: &str = "api:workspaces:read";

/// Gong's API at one base URL.
#[derive(Debug, Clone)]
pub struct Gong {
    http: VendorHttp,
    base_url: BaseUrl,
}

impl Gong {
    /// Prepares a client.
    pub fn new(http: VendorHttp, base_url: BaseUrl) -> Self {
        Self { http, base_url }
    }

    /// Lists one page of calls with everything about them but what was said, oldest first. That nothing was found is an empty page.
    pub async fn calls(&self, auth: &GongAuth, request: &CallsRequest<'_>) -> Result<CallsPage, VendorError> {
        let body = request.body();
        let answer = self.post("calls", SCOPE_CALLS, auth, &["v2", "calls", "extensive"], &body).await;
        match answer {
            Ok(body) => CallsPage::read(&body).map_err(|error| auth.redact(error)),
            Err(error) if refusal::is_empty(&error) => {
                Ok(CallsPage { is_nothing: true, ..CallsPage::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches the transcripts of calls by their ids, at most [`TRANSCRIPT_IDS_MAX`]; those that have none are left out.
    pub async fn transcripts(
        &self,
        auth: &GongAuth,
        ids: &[&str],
        cursor: Option<&str>,
    ) -> Result<TranscriptsPage, VendorError> {
        let body = transcripts::body(ids, cursor);
        let answer =
            self.post("transcripts", SCOPE_TRANSCRIPTS, auth, &["v2", "calls", "transcript"], &body).await;
        match answer {
            Ok(body) => TranscriptsPage::read(&body).map_err(|error| auth.redact(error)),
            Err(error) if refusal::is_empty(&error) => Ok(TranscriptsPage::default()),
            Err(error) => Err(error),
        }
    }

    /// Lists one page of the company's users.
    pub async fn users(&self, auth: &GongAuth, cursor: Option<&str>) -> Result<UsersPage, VendorError> {
        let mut url = self.url(&["v2", "users"])?;
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let answer = self.get("users", SCOPE_USERS, auth, url).await;
        match answer {
            Ok(body) => UsersPage::read(&body).map_err(|error| auth.redact(error)),
            Err(error) if refusal::is_empty(&error) => {
                Ok(UsersPage { is_nothing: true, ..UsersPage::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Lists the company's workspaces: the only thing that tells one company from another.
    pub async fn workspaces(&self, auth: &GongAuth) -> Result<Vec<CompanyWorkspace>, VendorError> {
        let url = self.url(&["v2", "workspaces"])?;
        let body = self.get("workspaces", SCOPE_WORKSPACES, auth, url).await?;
        workspaces::read(&body).map_err(|error| auth.redact(error))
    }

    fn url(&self, segments: &[&str]) -> Result<Url, VendorError> {
        self.base_url.join(segments).ok_or_else(|| {
            VendorError::without_answer(Failure::BadRequest, "the path cannot be held by a URL")
        })
    }

    async fn get(
        &self,
        endpoint: &'static str,
        scope: &str,
        auth: &GongAuth,
        url: Url,
    ) -> Result<String, VendorError> {
        let ask = |header: HeaderValue| self.http.get(url, header);
        asked(endpoint, scope, auth, ask).await
    }

    async fn post(
        &self,
        endpoint: &'static str,
        scope: &str,
        auth: &GongAuth,
        path: &[&str],
        body: &Value,
    ) -> Result<String, VendorError> {
        let url = self.url(path)?;
        let ask = |header: HeaderValue| self.http.post_json(url, header, body);
        asked(endpoint, scope, auth, ask).await
    }
}

/// One request; its refusal is read for what Gong says in words only, and freed of the secret.
async fn asked<F: Future<Output = Result<String, VendorError>>>(
    endpoint: &'static str,
    scope: &str,
    auth: &GongAuth,
    ask: impl FnOnce(HeaderValue) -> F,
) -> Result<String, VendorError> {
    let span = tracing::info_span!("ask_vendor", vendor = "gong", endpoint);
    let answer = async { ask(auth.header()?).await }.instrument(span).await;
    answer.map_err(|error| auth.redact(refusal::classified(error, scope)))
}
