//! The vendor behind a run: how its lists go on, and what belongs to a row.

mod attention;
mod gong;
mod holder;
mod hubspot;
mod renewal;
mod salesforce;

use mapping::ListedRow;
use model::{Vendor, VendorKey, Version};
use secrets::SecretError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::credential::{Probe, StoredCredential};
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use store::{Speaker, credential};
use tokio::time::Instant;
use vendors::{BaseUrl, InvalidBaseUrl, VendorError};

use crate::Shared;
use crate::ask::Setback;
use crate::details::{Fetched, Wanted};
use crate::publish::Documents;
use crate::users::UsersPage;

use attention::{AttentionSource, NumberedPage};
use gong::GongSource;
pub(crate) use holder::Answers;
use holder::{Holder, Place};
use hubspot::HubSpotSource;
pub(crate) use renewal::NO_TOKEN;
pub use renewal::ask_for_tokens;
pub(crate) use salesforce::SalesforceSource;

/// A run's way to its vendor.
pub(crate) enum Source {
    /// attention.tech
    Attention(AttentionSource),
    /// gong.io
    Gong(GongSource),
    /// hubspot.com
    HubSpot(HubSpotSource),
    /// salesforce.com
    Salesforce(SalesforceSource),
}

/// A page of a vendor's list.
pub(crate) struct Page {
    /// The rows, read and as they came.
    pub(crate) rows: Vec<(ListedRow, Box<RawValue>)>,
    /// When they were asked for.
    pub(crate) asked_at: Version,
    /// What tells where the list ends.
    pub(crate) ending: Ending,
}

/// What tells where a list ends.
pub(crate) enum Ending {
    /// Numbers: of pages, of records, of rows that are new.
    Numbers(NumberedPage),
    /// A cursor: there is one as long as there are pages.
    Cursor(Option<String>),
    /// The cursor of this page had grown too old, or led nowhere, and there are no rows: the list is begun again.
    Expired,
}

impl Source {
    /// Loads the connection's current credential and prepares the client.
    pub(crate) async fn open(shared: &Shared, run: &ClaimedRun) -> Result<Self, Setback> {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await.map_err(Setback::Store)?;
        let stored = credential::current(&tx, run.connection_id).await.map_err(Setback::Store)?;
        tx.commit().await.map_err(Setback::Store)?;
        let Some(stored) = stored.filter(|stored| stored.valid) else { return Err(Setback::NoCredential) };
        let place = Place {
            tenant: run.tenant.clone(),
            connection_id: run.connection_id,
            vendor: run.vendor,
            base_url: run.base_url.clone(),
            allow_http: run.allow_http,
        };
        let holder = Holder::open(shared, place, &stored).await?;
        holder.renew_near_end(shared).await?;
        Ok(Self::of(shared, run.vendor, holder, stored))
    }

    /// Prepares the client to ask whether the vendor is there; of an account that needs a token, getting one is a part of that.
    pub(crate) async fn open_to_probe(shared: &Shared, probe: &Probe) -> Result<Self, Setback> {
        let source = Self::open_marked(shared, probe).await?;
        source.holder().renew_near_end(shared).await?;
        Ok(source)
    }

    /// Prepares the client with a key that was marked invalid.
    pub(crate) async fn open_marked(shared: &Shared, probe: &Probe) -> Result<Self, Setback> {
        let tx = shared.deps.store.begin(Speaker::Tenant(&probe.tenant)).await.map_err(Setback::Store)?;
        let stored = credential::current(&tx, probe.connection_id).await.map_err(Setback::Store)?;
        tx.commit().await.map_err(Setback::Store)?;
        let stored = stored.filter(|stored| stored.generation == probe.generation);
        let stored = stored.ok_or(Setback::NoCredential)?;
        let place = Place {
            tenant: probe.tenant.clone(),
            connection_id: probe.connection_id,
            vendor: probe.vendor,
            base_url: probe.base_url.clone(),
            allow_http: probe.allow_http,
        };
        let holder = Holder::open(shared, place, &stored).await?;
        Ok(Self::of(shared, probe.vendor, holder, stored))
    }

    fn of(shared: &Shared, vendor: Vendor, holder: Holder, stored: StoredCredential) -> Self {
        match vendor {
            Vendor::Attention => {
                let (form, forms) = (&stored.header_form, stored.endpoint_forms);
                Self::Attention(AttentionSource::new(shared, holder, form, forms))
            }
            Vendor::Gong => Self::Gong(GongSource::new(shared, holder)),
            Vendor::HubSpot => Self::HubSpot(HubSpotSource::new(shared, holder)),
            Vendor::Salesforce => Self::Salesforce(SalesforceSource::new(shared, holder)),
        }
    }

    /// Asks for what the key is there for; says whether the vendor answers it.
    pub(crate) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        match self {
            Self::Attention(source) => source.answers(shared, probe).await,
            Self::Gong(source) => source.answers(shared, probe).await,
            Self::HubSpot(source) => source.answers(shared, probe).await,
            Self::Salesforce(source) => source.answers(shared, probe).await,
        }
    }

    /// Asks for what the work asks for beside that: of a recorder for what belongs to a record that was had before, of a CRM whose records
    /// are complete as they are listed for the lists. An answer of any kind will do.
    pub(crate) async fn answers_work(
        &self,
        shared: &Shared,
        probe: &Probe,
        record: Option<&VendorKey>,
    ) -> Result<(), Setback> {
        match (self, record) {
            (Self::Attention(source), Some(record)) => source.answers_of(shared, probe, record).await?,
            (Self::Gong(source), Some(record)) => source.answers_of(shared, probe, record).await?,
            (Self::HubSpot(source), _) => return source.answers_lists(shared, probe).await,
            // there is one door to all of Salesforce's lists, and it was asked at
            (Self::Attention(_) | Self::Gong(_), None) | (Self::Salesforce(_), _) => true,
        };
        Ok(())
    }

    fn holder(&self) -> &Holder {
        match self {
            Self::Attention(source) => source.holder(),
            Self::Gong(source) => source.holder(),
            Self::HubSpot(source) => source.holder(),
            Self::Salesforce(source) => source.holder(),
        }
    }

    /// Lists the run's page of the vendor's users.
    pub(crate) async fn users(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<UsersPage, Setback> {
        match self {
            Self::Attention(source) => source.users(shared, run, deadline).await,
            Self::Gong(source) => source.users(shared, run, deadline).await,
            Self::HubSpot(source) => source.users(shared, run, deadline).await,
            Self::Salesforce(source) => source.users(shared, run, deadline).await,
        }
    }

    /// Lists the run's page.
    pub(crate) async fn list(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<Page, Setback> {
        match self {
            Self::Attention(source) => source.list(shared, run, deadline).await,
            Self::Gong(source) => source.list(shared, run, deadline).await,
            Self::HubSpot(_) | Self::Salesforce(_) => Err(no_conversations()),
        }
    }

    /// Fetches what belongs to records and adds them to the documents. A wait or the end of the process interrupts; a refused credential
    /// or a broken database ends the step.
    pub(crate) async fn fetch(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        wanted: Vec<Wanted>,
        documents: &mut Documents<'_>,
        deadline: Instant,
    ) -> Result<Fetched, Setback> {
        match self {
            Self::Attention(source) => source.fetch(shared, run, wanted, documents, deadline).await,
            Self::Gong(source) => source.fetch(shared, run, wanted, documents, deadline).await,
            Self::HubSpot(_) | Self::Salesforce(_) => Err(no_conversations()),
        }
    }

    /// Records that a follow-up looks at in one step.
    pub(crate) fn looks_max(&self) -> i64 {
        match self {
            Self::Attention(_) => attention::LOOKS_MAX,
            Self::Gong(_) => gong::LOOKS_MAX,
            Self::HubSpot(_) | Self::Salesforce(_) => 0,
        }
    }
}

impl Ending {
    /// Where the run goes from here; `fresh` rows are those that say that the list does not only repeat itself.
    pub(crate) fn next(self, shared: &Shared, run: &ClaimedRun, fresh: usize) -> Result<Next, Setback> {
        match self {
            Self::Numbers(page) => Ok(page.next(run, fresh)),
            Self::Cursor(None) => Ok(Next::End { total: None }),
            Self::Cursor(Some(cursor)) if Some(&cursor) == run.cursor.as_ref() => Err(Setback::Page {
                class: "endless-list",
                reason: "the page's cursor leads to the page itself".to_owned(),
            }),
            Self::Cursor(Some(cursor)) => Ok(Next::Cursor(cursor)),
            Self::Expired if run.restarts >= gong::RESTARTS_MAX => Err(Setback::Lasting {
                class: "cursor-expired",
                reason: format!(
                    "the list was begun {} times, and its cursor grew too old or led nowhere each time",
                    run.restarts + 1
                ),
            }),
            Self::Expired => Ok(Next::Restart(shared.deps.config.retry.delay(run.restarts))),
        }
    }
}

/// Reads a vendor's base URL: where only its own hosts are taken, it says so.
fn base_url_of(vendor: Vendor, text: &str, allow_http: bool) -> Result<BaseUrl, InvalidBaseUrl> {
    match vendor {
        Vendor::Gong => vendors::gong::parse_base_url(text, allow_http),
        Vendor::Salesforce => vendors::salesforce::parse_base_url(text, allow_http),
        Vendor::Attention | Vendor::HubSpot => BaseUrl::parse(text, allow_http),
    }
}

/// What follows from a credential that cannot be opened.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn not_opened(error: SecretError) -> Setback {
    match error {
        // of one that is gone there may be a later one by the next attempt
        SecretError::Tampered | SecretError::Gone { .. } => {
            Setback::Page { class: "sealed-credential", reason: error.to_string() }
        }
        // a key or a permission is missing, or the place cannot be asked just now
        _ => Setback::Unopened(error.to_string()),
    }
}

/// Where a run's list goes on; none at its beginning.
fn cursor_of<C: DeserializeOwned>(run: &ClaimedRun) -> Result<Option<C>, Setback> {
    let cursor = run.cursor.as_deref().map(serde_json::from_str).transpose();
    cursor.map_err(|error| page_error("cursor", &error.to_string()))
}

/// A cursor as the ledger keeps it.
fn cursor_text<C: Serialize>(cursor: &C) -> String {
    serde_json::to_string(cursor).expect("texts and numbers")
}

/// What fails a page, by its error.
pub(crate) fn page_failed(error: &VendorError) -> Setback {
    let (class, reason) = (error.error_class(), error.to_string());
    match error.failure {
        vendors::Failure::MissingScope => Setback::Lasting { class, reason },
        _ => Setback::Page { class, reason },
    }
}

/// What fails a page that a vendor answered, but not as it should.
fn page_error(class: &'static str, reason: &str) -> Setback {
    Setback::Page { class, reason: reason.to_owned() }
}

/// A CRM has records, which are gathered in their own way.
fn no_conversations() -> Setback {
    Setback::Lasting { class: "vendor-stream", reason: "a CRM has no conversations".to_owned() }
}
