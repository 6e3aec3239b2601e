//! The vendor behind a run: how its lists go on, and what belongs to a row.

mod attention;
mod gong;
mod holder;
mod hubspot;

use mapping::ListedRow;
use model::{ConnectionId, TenantId, Vendor, Version};
use secrecy::SecretString;
use secrets::{Sealed, SecretError, credential_aad, open};
use serde_json::value::RawValue;
use store::credential::{Probe, SealedCredential};
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use store::{Speaker, credential};
use tokio::time::Instant;
use vendors::gong::parse_base_url;
use vendors::{BaseUrl, VendorError};

use crate::Shared;
use crate::ask::Setback;
use crate::details::{Fetched, Wanted};
use crate::publish::Documents;

use attention::{AttentionSource, NumberedPage};
use gong::GongSource;
pub(crate) use holder::Answers;
use holder::Holder;
use hubspot::HubSpotSource;

/// A run's way to its vendor.
pub(crate) enum Source {
    /// attention.tech
    Attention(AttentionSource),
    /// gong.io
    Gong(GongSource),
    /// hubspot.com
    HubSpot(HubSpotSource),
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
    /// The cursor of this page had grown too old, and there are no rows: the list is begun again.
    Expired,
}

impl Source {
    /// Loads the connection's current credential and prepares the client.
    pub(crate) async fn open(shared: &Shared, run: &ClaimedRun) -> Result<Self, Setback> {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await.map_err(Setback::Store)?;
        let sealed = credential::current(&tx, run.connection_id).await.map_err(Setback::Store)?;
        tx.commit().await.map_err(Setback::Store)?;
        let Some(sealed) = sealed.filter(|sealed| sealed.valid) else { return Err(Setback::NoCredential) };
        let place = (run.vendor, run.base_url.as_str(), run.allow_http);
        Self::of(shared, &run.tenant, run.connection_id, place, sealed)
    }

    /// Prepares the client with a key that was marked invalid.
    pub(crate) async fn open_marked(shared: &Shared, probe: &Probe) -> Result<Self, Setback> {
        let tx = shared.deps.store.begin(Speaker::Tenant(&probe.tenant)).await.map_err(Setback::Store)?;
        let sealed = credential::current(&tx, probe.connection_id).await.map_err(Setback::Store)?;
        tx.commit().await.map_err(Setback::Store)?;
        let sealed = sealed.filter(|sealed| sealed.generation == probe.generation);
        let place = (probe.vendor, probe.base_url.as_str(), probe.allow_http);
        Self::of(shared, &probe.tenant, probe.connection_id, place, sealed.ok_or(Setback::NoCredential)?)
    }

    fn of(
        shared: &Shared,
        tenant: &TenantId,
        connection_id: ConnectionId,
        (vendor, base_url, allow_http): (Vendor, &str, bool),
        sealed: SealedCredential,
    ) -> Result<Self, Setback> {
        let secret = unsealed(shared, tenant, connection_id, &sealed)?;
        let holder = Holder { connection_id, generation: sealed.generation, refused: sealed.refused };
        let source = match vendor {
            Vendor::Attention => BaseUrl::parse(base_url, allow_http).map(|base_url| {
                let (form, forms) = (&sealed.header_form, sealed.endpoint_forms);
                Self::Attention(AttentionSource::new(shared, base_url, holder, secret, form, forms))
            }),
            Vendor::Gong => parse_base_url(base_url, allow_http)
                .map(|base_url| Self::Gong(GongSource::new(shared, base_url, holder, secret))),
            Vendor::HubSpot => BaseUrl::parse(base_url, allow_http)
                .map(|base_url| Self::HubSpot(HubSpotSource::new(shared, base_url, holder, secret))),
        };
        source.map_err(|error| Setback::Page { class: "base-url", reason: error.to_string() })
    }

    /// Asks for what the key is there for; says whether the vendor answers it.
    pub(crate) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        match self {
            Self::Attention(source) => source.answers(shared, probe).await,
            Self::Gong(source) => source.answers(shared, probe).await,
            Self::HubSpot(source) => source.answers(shared, probe).await,
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
            Self::HubSpot(_) => Err(no_conversations()),
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
            Self::HubSpot(_) => Err(no_conversations()),
        }
    }

    /// Records that a follow-up looks at in one step.
    pub(crate) fn looks_max(&self) -> i64 {
        match self {
            Self::Attention(_) => attention::LOOKS_MAX,
            Self::Gong(_) => gong::LOOKS_MAX,
            Self::HubSpot(_) => 0,
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
                    "the list was begun {} times, and its cursor grew too old each time",
                    run.restarts + 1
                ),
            }),
            Self::Expired => Ok(Next::Restart(shared.deps.config.retry.delay(run.restarts))),
        }
    }
}

/// Opens a connection's credential.
pub(crate) fn unsealed(
    shared: &Shared,
    tenant: &TenantId,
    connection_id: ConnectionId,
    sealed: &SealedCredential,
) -> Result<SecretString, Setback> {
    let aad = credential_aad(tenant, connection_id, sealed.generation);
    let bytes = Sealed { key_id: sealed.key_id.clone(), bytes: sealed.sealed.clone() };
    open(&shared.deps.keyring, &aad, &bytes).map_err(|error| match error {
        SecretError::Tampered => Setback::Page { class: "sealed-credential", reason: error.to_string() },
        // the file lacks the key, or cannot be read just now
        _ => Setback::UnknownKey(error.to_string()),
    })
}

/// What fails a page, by its error.
pub(crate) fn page_failed(error: &VendorError) -> Setback {
    let (class, reason) = (error.error_class(), error.to_string());
    match error.failure {
        vendors::Failure::MissingScope => Setback::Lasting { class, reason },
        _ => Setback::Page { class, reason },
    }
}

/// A CRM has records, which are gathered in their own way.
fn no_conversations() -> Setback {
    Setback::Lasting { class: "vendor-stream", reason: "a CRM has no conversations".to_owned() }
}
