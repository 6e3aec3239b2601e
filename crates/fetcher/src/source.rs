//! The vendor behind a run: its client, its credential, and the header form that works.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::{ConnectionId, Vendor};
use secrecy::SecretString;
use secrets::{Sealed, credential_aad, open};
use store::run_claim::ClaimedRun;
use store::{Speaker, credential};
use vendors::BaseUrl;
use vendors::attention::{Attention, AttentionAuth, HeaderForm};

use crate::Shared;
use crate::ask::Setback;

/// An endpoint, as far as header forms may differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// The list.
    List,
    /// One record's details.
    Detail,
}

/// Which header form worked last, by connection, generation and endpoint. Only a memory: forgetting costs one request.
#[derive(Debug, Default)]
pub(crate) struct HeaderForms(Mutex<HashMap<(ConnectionId, i32, Endpoint), HeaderForm>>);

impl HeaderForms {
    fn get(&self, key: (ConnectionId, i32, Endpoint)) -> Option<HeaderForm> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    fn set(&self, key: (ConnectionId, i32, Endpoint), form: HeaderForm) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, form);
    }
}

/// A run's way to its vendor.
pub(crate) struct Source {
    pub(crate) client: Attention,
    pub(crate) generation: i32,
    connection_id: ConnectionId,
    key: SecretString,
    form: HeaderForm,
}

impl Source {
    /// Loads the connection's current credential and prepares the client.
    pub(crate) async fn open(shared: &Shared, run: &ClaimedRun) -> Result<Self, Setback> {
        let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await.map_err(Setback::Store)?;
        let sealed = credential::current(&tx, run.connection_id).await.map_err(Setback::Store)?;
        tx.commit().await.map_err(Setback::Store)?;
        let Some(sealed) = sealed.filter(|sealed| sealed.valid) else { return Err(Setback::NoCredential) };
        let aad = credential_aad(&run.tenant, run.connection_id, sealed.generation);
        let bytes = Sealed { key_id: sealed.key_id, bytes: sealed.sealed };
        let key = open(&shared.deps.keyring, &aad, &bytes)
            .map_err(|error| Setback::Page { class: "sealed-credential", reason: error.to_string() })?;
        let base_url = BaseUrl::parse(&run.base_url, run.allow_http)
            .map_err(|error| Setback::Page { class: "base-url", reason: error.to_string() })?;
        let client = match run.vendor {
            Vendor::Attention => Attention::new(shared.http.clone(), base_url),
        };
        let form = if sealed.header_form == "bare" { HeaderForm::Bare } else { HeaderForm::Bearer };
        Ok(Self { client, generation: sealed.generation, connection_id: run.connection_id, key, form })
    }

    /// The header to begin with at an endpoint.
    pub(crate) fn auth(&self, forms: &HeaderForms, endpoint: Endpoint) -> AttentionAuth {
        let form = forms.get((self.connection_id, self.generation, endpoint)).unwrap_or(self.form);
        self.auth_with(form)
    }

    /// The header in a given form.
    pub(crate) fn auth_with(&self, form: HeaderForm) -> AttentionAuth {
        AttentionAuth { key: self.key.clone(), form }
    }

    /// Remembers the form that worked at an endpoint.
    pub(crate) fn remember(&self, forms: &HeaderForms, endpoint: Endpoint, form: HeaderForm) {
        forms.set((self.connection_id, self.generation, endpoint), form);
    }
}
