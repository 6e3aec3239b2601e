//! The vendor behind a run: its client, its credential, and the header form that works.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{ConnectionId, TenantId, Vendor};
use secrecy::SecretString;
use secrets::{Sealed, credential_aad, open};
use store::credential::{Probe, SealedCredential};
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, credential};
use tokio::time::Instant;
use vendors::BaseUrl;
use vendors::attention::{Attention, AttentionAuth, HeaderForm};

use crate::Shared;
use crate::ask::Setback;

/// An endpoint, as far as header forms may differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The list.
    List,
    /// One record's details.
    Detail,
}

impl Endpoint {
    /// Its name in the database.
    const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Detail => "detail",
        }
    }
}

/// How often it is noted that a vendor answers a key.
const NOTE_ANSWER_EVERY: Duration = Duration::from_secs(10);

/// When this process noted last that a vendor answers a key, so that not every request costs a write.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<HashMap<(ConnectionId, i32), Instant>>);

impl Answers {
    fn is_due(&self, key: (ConnectionId, i32)) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = noted.get(&key).is_none_or(|at| at.elapsed() > NOTE_ANSWER_EVERY);
        if due {
            noted.insert(key, Instant::now());
        }
        due
    }
}

/// A run's way to its vendor.
pub(crate) struct Source {
    pub(crate) client: Attention,
    pub(crate) generation: i32,
    connection_id: ConnectionId,
    key: SecretString,
    form: HeaderForm,
    /// Forms that worked last, by endpoint, where they differ from that of connecting.
    forms: Mutex<BTreeMap<String, String>>,
    /// The vendor has refused the key since it last answered.
    refused: bool,
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
        let aad = credential_aad(tenant, connection_id, sealed.generation);
        let bytes = Sealed { key_id: sealed.key_id, bytes: sealed.sealed };
        let key = open(&shared.deps.keyring, &aad, &bytes)
            .map_err(|error| Setback::Page { class: "sealed-credential", reason: error.to_string() })?;
        let base_url = BaseUrl::parse(base_url, allow_http)
            .map_err(|error| Setback::Page { class: "base-url", reason: error.to_string() })?;
        let client = match vendor {
            Vendor::Attention => Attention::new(shared.http.clone(), base_url),
        };
        let (form, forms) = (form_of(&sealed.header_form), Mutex::new(sealed.endpoint_forms));
        let (generation, refused) = (sealed.generation, sealed.refused);
        Ok(Self { client, generation, connection_id, key, form, forms, refused })
    }

    /// Notes that the vendor answers the key: at once after a refusal, else now and then.
    pub(crate) async fn note_answer(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        answered: bool,
    ) -> Result<(), Setback> {
        if !answered || !(shared.answers.is_due((self.connection_id, self.generation)) || self.refused) {
            return Ok(());
        }
        let noted = async {
            let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
            credential::note_answered(&tx, self.connection_id, self.generation).await?;
            tx.commit().await
        };
        noted.await.map_err(|error: StoreError| Setback::Store(error))
    }

    /// The form of the header that worked at connecting.
    pub(crate) fn form(&self) -> HeaderForm {
        self.form
    }

    /// The header to begin with at an endpoint.
    pub(crate) fn auth(&self, endpoint: Endpoint) -> AttentionAuth {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        self.auth_with(forms.get(endpoint.as_str()).map_or(self.form, |name| form_of(name)))
    }

    /// The header in a given form.
    pub(crate) fn auth_with(&self, form: HeaderForm) -> AttentionAuth {
        AttentionAuth { key: self.key.clone(), form }
    }

    /// Keeps the form that worked at an endpoint, for the next requests and for every other process.
    pub(crate) async fn keep_form(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        endpoint: Endpoint,
        form: HeaderForm,
    ) -> Result<(), Setback> {
        let (place, name) = (endpoint.as_str(), form.as_str());
        let before = self
            .forms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place.to_owned(), name.to_owned());
        if before.as_deref() == Some(name) {
            return Ok(());
        }
        let kept = async {
            let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
            credential::keep_form(&tx, self.connection_id, self.generation, place, name).await?;
            tx.commit().await
        };
        kept.await.map_err(|error: StoreError| Setback::Store(error))
    }
}

fn form_of(name: &str) -> HeaderForm {
    if name == "bare" { HeaderForm::Bare } else { HeaderForm::Bearer }
}
