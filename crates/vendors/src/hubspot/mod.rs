//! HubSpot: lists by cursor, searches by when something changed, associations apart from both.

mod account;
mod associations;
mod error;
mod object;
mod page;
mod search;

use serde_json::{Value, json};
use tracing::Instrument as _;
use url::Url;

pub use account::Portal;
pub use associations::Associations;
pub use object::Object;
pub use page::RecordPage;
pub use search::{SEARCH_MAX, Search, search_budget};

use crate::bearer::Bearer;
use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// HubSpot's base URL, for every portal wherever its data is.
pub const BASE_URL: &str = "https://api.hubapi.com";

/// Where somebody lets an app in.
pub const AUTH_URL: &str = "https://app.hubspot.com/oauth/authorize";

/// Rows of a list at most.
pub const LIST_MAX: usize = 100;

/// Ids of a batch read at most.
pub const READ_MAX: usize = 100;

/// The scope of the portal's own people.
pub const SCOPE_OWNERS: &str = "crm.objects.owners.read";

/// HubSpot's API at one base URL, in one version.
#[derive(Debug, Clone)]
pub struct HubSpot {
    http: VendorHttp,
    base_url: BaseUrl,
    version: String,
}

impl HubSpot {
    /// Prepares a client.
    pub fn new(http: VendorHttp, base_url: BaseUrl, version: String) -> Self {
        Self { http, base_url, version }
    }

    /// Says which portal a token belongs to.
    pub async fn account(&self, token: &Bearer) -> Result<Portal, VendorError> {
        let url = self.url(&["account-info", "v3", "details"])?;
        self.ask(("account", None), token, url, None, |body| Portal::read(&body)).await
    }

    /// Lists one page by id: what is there, or what is archived and nothing else.
    pub async fn list(
        &self,
        token: &Bearer,
        object: Object,
        archived: bool,
        after: Option<&str>,
    ) -> Result<RecordPage, VendorError> {
        let mut url = self.objects(object, &[])?;
        url.query_pairs_mut()
            .append_pair("limit", &LIST_MAX.to_string())
            .append_pair("archived", if archived { "true" } else { "false" })
            .append_pair("properties", &object.properties().join(","));
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        self.ask(("list", Some(object.scope())), token, url, None, |body| RecordPage::read(&body)).await
    }

    /// Searches the first rows of what changed in a window.
    pub async fn search(
        &self,
        token: &Bearer,
        object: Object,
        search: &Search,
    ) -> Result<RecordPage, VendorError> {
        let url = self.objects(object, &["search"])?;
        let (what, body) = (("search", Some(object.scope())), search.body(object));
        self.ask(what, token, url, Some(&body), |body| RecordPage::read(&body)).await
    }

    /// Reads records by their ids; those that HubSpot does not know are absent.
    pub async fn read(
        &self,
        token: &Bearer,
        object: Object,
        ids: &[String],
        archived: bool,
    ) -> Result<RecordPage, VendorError> {
        let mut url = self.objects(object, &["batch", "read"])?;
        url.query_pairs_mut().append_pair("archived", if archived { "true" } else { "false" });
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "inputs": inputs, "properties": object.properties() });
        self.ask(("read", Some(object.scope())), token, url, Some(&body), |body| RecordPage::read(&body))
            .await
    }

    /// Lists one page of the portal's own people: those that are there, or those that have left.
    pub async fn owners(
        &self,
        token: &Bearer,
        archived: bool,
        after: Option<&str>,
    ) -> Result<RecordPage, VendorError> {
        let mut url = if self.version == "v3" {
            self.url(&["crm", "v3", "owners"])?
        } else {
            self.url(&["crm", "owners", &self.version])?
        };
        url.query_pairs_mut()
            .append_pair("limit", &LIST_MAX.to_string())
            .append_pair("archived", if archived { "true" } else { "false" });
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        self.ask(("owners", Some(SCOPE_OWNERS)), token, url, None, |body| RecordPage::read(&body)).await
    }

    /// Reads which companies records are associated with; those without any are absent.
    pub async fn companies_of(
        &self,
        token: &Bearer,
        object: Object,
        inputs: &[(String, Option<String>)],
    ) -> Result<Associations, VendorError> {
        let (from, to) = (object.as_str(), Object::Companies.as_str());
        // the fourth version has associations of their own kind beside the third's objects
        let version = if self.version == "v3" { "v4" } else { &self.version };
        let segments = if self.version == "v3" {
            ["crm", version, "associations", from, to, "batch", "read"]
        } else {
            ["crm", "associations", version, from, to, "batch", "read"]
        };
        let url = self.url(&segments)?;
        let inputs: Vec<Value> = inputs
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({ "id": id, "after": after }),
                None => json!({ "id": id }),
            })
            .collect();
        let body = json!({ "inputs": inputs });
        let what = ("associations", Some(object.scope()));
        self.ask(what, token, url, Some(&body), |body| Associations::read(&body)).await
    }

    fn objects(&self, object: Object, rest: &[&str]) -> Result<Url, VendorError> {
        let base = if self.version == "v3" {
            ["crm", &self.version, "objects", object.as_str()]
        } else {
            ["crm", "objects", &self.version, object.as_str()]
        };
        self.url(&[&base, rest].concat())
    }

    fn url(&self, segments: &[&str]) -> Result<Url, VendorError> {
        self.base_url.join(segments).ok_or_else(|| {
            VendorError::without_answer(Failure::BadRequest, "the API version is nothing a path can hold")
        })
    }

    /// Asks for something: its name, and the scope that it takes.
    async fn ask<T>(
        &self,
        (endpoint, scope): (&'static str, Option<&str>),
        token: &Bearer,
        url: Url,
        body: Option<&Value>,
        read: impl FnOnce(String) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let span = tracing::info_span!("ask_vendor", vendor = "hubspot", endpoint);
        let answer = async {
            match body {
                Some(body) => self.http.post_json(url, token.header()?, body).await,
                None => self.http.get(url, token.header()?).await,
            }
        };
        let answer = answer.instrument(span).await;
        answer.and_then(read).map_err(|error| token.redact(error::in_hubspots_words(error, scope)))
    }
}
