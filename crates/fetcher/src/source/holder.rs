//! The credential that a run asks with: whose it is, when it was last known to be answered, and what follows from a refusal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::{ConnectionId, TenantId, Vendor, VendorAccount};
use secrecy::SecretString;
use secrets::{Credential, Owner};
use store::credential::StoredCredential;
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, credential};
use tokio::time::Instant;
use vendors::{BaseUrl, Failure, InvalidBaseUrl, VendorError};

use super::renewal::renewed;
use super::{base_url_of, not_opened};
use crate::Shared;
use crate::ask::{Answer, Setback, ask_once, sort};

/// How often it is noted that a vendor answers a key.
const NOTE_ANSWER_EVERY: Duration = Duration::from_secs(10);

/// A token that was refused since it was last answered is renewed again only when it is older: whatever is wrong, another one did not
/// help.
const RENEWED_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

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

/// Where a connection leads.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) connection_id: ConnectionId,
    pub(super) vendor: Vendor,
    pub(super) base_url: String,
    pub(super) allow_http: bool,
}

impl Place {
    pub(super) fn owner(&self) -> Owner<'_> {
        Owner { tenant: &self.tenant, connection_id: self.connection_id }
    }

    /// Where requests go: vendors that say so with every token are asked there.
    fn base_url(&self, credential: &Credential) -> Result<BaseUrl, InvalidBaseUrl> {
        let said = credential.granted().and_then(|granted| granted.base_url.as_deref());
        base_url_of(self.vendor, said.unwrap_or(&self.base_url), self.allow_http)
    }
}

/// A credential in use.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) generation: i32,
    /// The vendor has refused it since it last answered.
    refused: bool,
    credential: Credential,
    pub(super) base_url: BaseUrl,
}

impl Held {
    /// The key, or the access token.
    pub(super) fn token(&self) -> SecretString {
        self.credential.token().clone()
    }

    /// It is an access token, not a key.
    pub(super) fn is_renewable(&self) -> bool {
        self.credential.granted().is_some()
    }

    fn may_be_renewed(&self, now: Timestamp) -> bool {
        let Some(granted) = self.credential.granted() else { return false };
        !self.refused || now.duration_since(granted.obtained_at) > RENEWED_AGAIN_AFTER
    }
}

/// A connection's credential, which may be renewed while a page is fetched.
#[derive(Debug)]
pub(super) struct Holder {
    place: Place,
    held: Mutex<Held>,
}

impl Holder {
    /// Opens a credential.
    pub(super) async fn open(
        shared: &Shared,
        place: Place,
        stored: &StoredCredential,
    ) -> Result<Self, Setback> {
        let secret = shared.deps.vault.open(place.owner(), stored).await.map_err(not_opened)?;
        let credential = Credential::parse(secret).map_err(not_opened)?;
        let held = held(&place, credential, stored.generation, stored.refused)?;
        Ok(Self { place, held: Mutex::new(held) })
    }

    pub(super) fn connection_id(&self) -> ConnectionId {
        self.place.connection_id
    }

    /// The credential to ask with now.
    pub(super) fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Renews an access token that is near its end. One that is still good is used on should the vendor not give another yet.
    pub(super) async fn renew_near_end(&self, shared: &Shared) -> Result<(), Setback> {
        let (held, now) = (self.held(), shared.deps.clock.now());
        let Some(granted) = held.credential.granted().filter(|granted| granted.is_near_end(now)) else {
            return Ok(());
        };
        match self.renew(shared, held.generation).await {
            Ok(_) => Ok(()),
            Err(Setback::NotBefore(_) | Setback::Page { .. }) if !granted.is_over(now) => Ok(()),
            Err(setback) => Err(setback),
        }
    }

    async fn renew(&self, shared: &Shared, generation: i32) -> Result<Held, Setback> {
        let opened = renewed(shared, &self.place, generation).await?;
        let credential = Credential::parse(opened.secret).map_err(not_opened)?;
        let fresh = held(&self.place, credential, opened.generation, false)?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        Ok(fresh)
    }

    /// Sends a request under a permit of each budget. A refused credential is renewed, or one that cannot be is asked with once more,
    /// before the refusal is believed.
    pub(super) async fn ask<T, F>(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        budgets: &[&VendorAccount],
        deadline: Instant,
        request: impl Fn(Held) -> F,
    ) -> Result<Answer<T>, Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let mut held = self.held();
        let mut answer = ask_once(shared, run, budgets, deadline, request(held.clone())).await?;
        if is_refused(&answer) {
            if held.may_be_renewed(shared.deps.clock.now()) {
                held = self.renew(shared, held.generation).await?;
            }
            answer = ask_once(shared, run, budgets, deadline, request(held.clone())).await?;
        }
        match answer {
            Err((error, _)) if error.failure == Failure::Credential => {
                Err(Setback::Refused { generation: held.generation, reason: error.message })
            }
            answer => {
                self.note_answer(shared, answer.is_ok()).await?;
                sort(shared, run, answer).await
            }
        }
    }

    /// Notes that the vendor answers the key: at once after a refusal, else now and then.
    pub(super) async fn note_answer(&self, shared: &Shared, answered: bool) -> Result<(), Setback> {
        let (id, held) = (self.place.connection_id, self.held());
        if !answered || !(shared.answers.is_due((id, held.generation)) || held.refused) {
            return Ok(());
        }
        let noted = async {
            let tx = shared.deps.store.begin(Speaker::Tenant(&self.place.tenant)).await?;
            credential::note_answered(&tx, id, held.generation).await?;
            tx.commit().await
        };
        noted.await.map_err(|error: StoreError| Setback::Store(error))
    }
}

fn held(place: &Place, credential: Credential, generation: i32, refused: bool) -> Result<Held, Setback> {
    let base_url = place.base_url(&credential);
    let base_url =
        base_url.map_err(|error| Setback::Page { class: "base-url", reason: error.to_string() })?;
    Ok(Held { generation, refused, credential, base_url })
}

fn is_refused<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Err((error, _)) if error.failure == Failure::Credential)
}
