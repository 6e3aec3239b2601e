//! Salesforce: rows of queries that show what is deleted too, page by page; who was deleted for good is asked for apart.

mod base_url;
mod deleted;
mod object;
mod organization;
mod page;
mod readable;
mod refusal;
mod soql;

use model::Window;
use tracing::Instrument as _;
use url::Url;

pub use base_url::parse_base_url;
pub use deleted::Deleted;
pub use object::Object;
pub use organization::Organization;
pub use page::RecordPage;
pub use readable::Readable;
pub use refusal::are_relations_off;
pub use soql::{READ_MAX, RELATED_MAX, Rows};

use crate::bearer::Bearer;
use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// The organization's own people. Partners, customers with a log-in and machines are users too, of other types. Who has left is asked for
/// all the same: their calls are still the organization's.
const USERS: &str = "SELECT Id, Name, Email FROM User WHERE UserType = 'Standard'";

/// The address and the headers of a request together, in bytes: Salesforce refuses longer ones, and a query has no other place.
const REQUEST_BYTES_MAX: usize = 16_384;

/// Room for the headers beside the token.
const HEADERS_BYTES: usize = 1_024;

/// The API of one organization, in one version.
#[derive(Debug, Clone)]
pub struct Salesforce {
    http: VendorHttp,
    base_url: BaseUrl,
    version: String,
}

impl Salesforce {
    /// Prepares a client; the version is a number like 66.0.
    pub fn new(http: VendorHttp, base_url: BaseUrl, version: &str) -> Self {
        Self { http, base_url, version: format!("v{version}") }
    }

    /// Says which organization a token belongs to.
    pub async fn organization(&self, token: &Bearer) -> Result<Organization, VendorError> {
        let url = self.query_url("query", organization::QUERY, token)?;
        self.ask("organization", "Organization", token, url, |body| Organization::read(&body)).await
    }

    /// Says which fields of an object may be read; of accounts also fields of the organization's own that hold domains.
    pub async fn describe(
        &self,
        token: &Bearer,
        object: Object,
        domain_fields: &[String],
    ) -> Result<Readable, VendorError> {
        let url = self.url(&["services", "data", &self.version, "sobjects", object.as_str(), "describe"])?;
        self.ask("describe", object.as_str(), token, url, |body| Readable::read(object, domain_fields, &body))
            .await
    }

    /// Says whether relations may be read; none where the organization's contacts have one account each.
    pub async fn relations(&self, token: &Bearer) -> Result<Option<Readable>, VendorError> {
        match self.describe(token, Object::Relation, &[]).await {
            Err(error) if are_relations_off(&error) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Begins a query for rows.
    pub async fn query(
        &self,
        token: &Bearer,
        readable: &Readable,
        rows: &Rows<'_>,
    ) -> Result<RecordPage, VendorError> {
        let object = readable.object();
        let url = self.query_url(rows.resource(), &rows.soql(object, readable.fields()), token)?;
        self.ask("query", object.as_str(), token, url, |body| RecordPage::read(&body)).await
    }

    /// Goes on with a query where a page of it said.
    pub async fn next(&self, token: &Bearer, object: Object, next: &str) -> Result<RecordPage, VendorError> {
        let url = self.next_url(next)?;
        self.ask("next", object.as_str(), token, url, |body| RecordPage::read(&body)).await
    }

    /// Says which records were deleted in a time of fifteen days at most, also those that no query shows any more. Seconds do not count.
    pub async fn deleted(
        &self,
        token: &Bearer,
        object: Object,
        Window { from, to }: Window,
    ) -> Result<Deleted, VendorError> {
        let mut url =
            self.url(&["services", "data", &self.version, "sobjects", object.as_str(), "deleted"])?;
        url.query_pairs_mut()
            .append_pair("start", &format!("{from:.0}"))
            .append_pair("end", &format!("{to:.0}"));
        let answer = self.ask("deleted", object.as_str(), token, url, |body| Deleted::read(&body)).await;
        answer.or_else(|error| if refusal::is_too_many(&error) { Ok(Deleted::TooMany) } else { Err(error) })
    }

    /// Lists one page of the organization's own people.
    pub async fn users(&self, token: &Bearer, next: Option<&str>) -> Result<RecordPage, VendorError> {
        let url = match next {
            Some(next) => self.next_url(next)?,
            None => self.query_url("query", USERS, token)?,
        };
        self.ask("users", "User", token, url, |body| RecordPage::read(&body)).await
    }

    fn query_url(&self, resource: &str, soql: &str, token: &Bearer) -> Result<Url, VendorError> {
        let mut url = self.url(&["services", "data", &self.version, resource])?;
        url.query_pairs_mut().append_pair("q", soql);
        let bytes = url.as_str().len() + token.len() + HEADERS_BYTES;
        if bytes > REQUEST_BYTES_MAX {
            let words =
                format!("the query takes {bytes} bytes of the {REQUEST_BYTES_MAX} that an address may have");
            return Err(VendorError::without_answer(Failure::BadRequest, words));
        }
        Ok(url)
    }

    /// Where a query goes on: a path that the answer gave, in the version of its first page. It is never taken for more than a place below
    /// the same base URL.
    fn next_url(&self, next: &str) -> Result<Url, VendorError> {
        let place = next.strip_prefix('/').map(|path| path.split('/').collect::<Vec<_>>());
        match place.as_deref() {
            Some(segments @ ["services", "data", _, "query" | "queryAll", _]) => self.url(segments),
            _ => Err(VendorError::unexpected("the query goes on at a place that is none of its own")),
        }
    }

    fn url(&self, segments: &[&str]) -> Result<Url, VendorError> {
        self.base_url.join(segments).ok_or_else(|| {
            VendorError::without_answer(Failure::BadRequest, "the address is nothing a path can hold")
        })
    }

    /// One request; its refusal is read for what Salesforce says in codes, and freed of the token.
    async fn ask<T>(
        &self,
        endpoint: &'static str,
        object: &str,
        token: &Bearer,
        url: Url,
        read: impl FnOnce(String) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let span = tracing::info_span!("ask_vendor", vendor = "salesforce", endpoint);
        let answer = async { self.http.get(url, token.header()?).await };
        let answer = answer.instrument(span).await;
        let answer = answer.map_err(|error| refusal::classified(error, object));
        answer.and_then(read).map_err(|error| token.redact(error))
    }
}
