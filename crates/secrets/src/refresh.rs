//! Refreshing a credential whose vendor takes every refresh token once: one process at a time asks, and the successor is stored
//! before anybody uses it.
//!
//! The intent is committed first. Whoever dies between asking and storing leaves it behind; after it has expired one more attempt is
//! made, because the vendor may not have been asked at all; if that finds the token spent, only a person can connect again.

use std::time::Duration;

use model::{ConnectionId, TenantId};
use secrecy::SecretString;
use store::credential::{self, StoredCredential, Turn};
use store::{Speaker, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::{Deposit, Owner, SecretError, Vault};

/// Longer than any request for a token, and than storing what it returns.
pub const LEASE: Duration = Duration::from_mins(1);

/// Between looks at somebody else's turn.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits between attempts to store a token that nobody else knows.
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// What is told when nobody knows the token any more.
const INTERRUPTED: &str = "reconnect: refresh was interrupted";

/// Why a vendor gave no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoToken {
    /// The vendor refuses the grant: it is revoked, expired or spent.
    Refused(String),
    /// The vendor refuses for a reason that no spent token has: the app, its secret, a scope.
    Denied(String),
    /// The vendor did not take the request, so the token is as good as before.
    NotAsked(String),
    /// The vendor may have taken the request: the answer did not arrive.
    Unknown(String),
}

/// Why there is no fresh credential.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The vendor refuses it, or nobody knows the token: a person has to connect again.
    #[error("{reason}")]
    Refused {
        /// Which generation.
        generation: i32,
        /// The vendor's words, or what happened.
        reason: String,
        /// The token got lost here: the vendor has no part in it.
        interrupted: bool,
    },
    /// There is no credential.
    #[error("the connection has no credential")]
    Absent,
    /// Later, perhaps.
    #[error("the vendor gave no token: {0}")]
    Later(String),
    /// Somebody else refreshes it for longer than the caller waits.
    #[error("another process refreshes the credential")]
    Busy,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The seal.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl RefreshError {
    fn interrupted(generation: i32) -> Self {
        Self::Refused { generation, reason: INTERRUPTED.to_owned(), interrupted: true }
    }
}

/// A credential and its generation.
#[derive(Debug)]
pub struct Opened {
    /// The secret.
    pub secret: SecretString,
    /// Which one it is.
    pub generation: i32,
}

/// Where a credential is.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where its secrets are kept.
    pub vault: &'a Vault,
    /// Whose it is.
    pub tenant: &'a TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
}

impl Place<'_> {
    /// The current credential.
    pub async fn current(&self) -> Result<Opened, RefreshError> {
        let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
        let stored = credential::current(&tx, self.connection_id).await?;
        tx.commit().await?;
        let stored = stored.ok_or(RefreshError::Absent)?;
        let secret = self.vault.open(self.owner(), &stored).await?;
        Ok(Opened { secret, generation: stored.generation })
    }

    fn owner(&self) -> Owner<'_> {
        Owner { tenant: self.tenant, connection_id: self.connection_id }
    }

    /// Refreshes a generation, or waits for whoever does, at most for `patience`; returns the current credential then. `ask` is given the
    /// old secret and returns the new one; it is called once, and only by one process at a time.
    pub async fn refresh<F>(
        &self,
        generation: i32,
        patience: Duration,
        ask: impl FnOnce(SecretString) -> F,
    ) -> Result<Opened, RefreshError>
    where
        F: Future<Output = Result<SecretString, NoToken>>,
    {
        let after_interruption = match self.await_turn(generation, patience).await? {
            Turn::Mine { after_interruption } => after_interruption,
            Turn::Passed => return self.current().await,
            Turn::Lost => return Err(RefreshError::interrupted(generation)),
            Turn::Another(_) => return Err(RefreshError::Busy),
        };
        let opened = match self.current().await {
            Ok(opened) => opened,
            Err(error) => {
                self.take_back(generation).await?;
                return Err(error);
            }
        };
        if opened.generation != generation {
            // a person has connected since the turn was taken: that token is not this turn's to spend
            self.end(generation).await?;
            return Ok(opened);
        }
        match ask(opened.secret).await {
            Ok(fresh) => self.keep(generation, fresh).await,
            Err(NoToken::Refused(_)) if after_interruption => {
                // the intent stays: the spent token is not shown again
                self.give_up(generation).await?;
                Err(RefreshError::interrupted(generation))
            }
            Err(NoToken::Refused(reason) | NoToken::Denied(reason)) => {
                self.end(generation).await?;
                Err(RefreshError::Refused { generation, reason, interrupted: false })
            }
            Err(NoToken::NotAsked(reason)) => {
                self.take_back(generation).await?;
                Err(RefreshError::Later(reason))
            }
            Err(NoToken::Unknown(reason)) if after_interruption => {
                // nobody has said that the token is spent: a vendor that answers nothing for a while must not cost a reconnect
                self.take_back(generation).await?;
                Err(RefreshError::Later(reason))
            }
            Err(NoToken::Unknown(reason)) => {
                self.give_up(generation).await?;
                Err(RefreshError::Later(reason))
            }
        }
    }

    async fn await_turn(&self, generation: i32, patience: Duration) -> Result<Turn, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
            let turn = credential::take_turn(&tx, self.tenant, self.connection_id, generation, LEASE).await?;
            tx.commit().await?;
            if !matches!(turn, Turn::Another(_)) || Instant::now() >= deadline {
                return Ok(turn);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Stores the successor. Until that is done nobody may use it, and nobody else knows it: whatever is away is waited for as long as
    /// the turn lasts.
    async fn keep(&self, generation: i32, fresh: SecretString) -> Result<Opened, RefreshError> {
        let deadline = Instant::now() + LEASE / 2;
        let deposit = loop {
            match self.vault.put(self.owner(), &fresh).await {
                Ok(deposit) => break deposit,
                Err(_) if Instant::now() < deadline => sleep(STORE_AGAIN).await,
                Err(error) => return Err(error.into()),
            }
        };
        loop {
            match self.try_keep(generation, &deposit).await {
                Ok(Some(kept)) => return Ok(Opened { secret: fresh, generation: kept }),
                Ok(None) => return self.current().await,
                Err(RefreshError::Store(error)) if error.is_transient() && Instant::now() < deadline => {
                    sleep(STORE_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_keep(&self, generation: i32, deposit: &Deposit) -> Result<Option<i32>, RefreshError> {
        let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
        let next = credential::next_generation(&tx, self.connection_id).await?;
        if next != generation + 1 {
            // stored by an attempt whose commit was not heard of, or a person has connected meanwhile
            tx.rollback().await?;
            return Ok(None);
        }
        let before = credential::current(&tx, self.connection_id).await?;
        let kept_before = before.as_ref().map(|before| &before.kept);
        let kept = self.vault.keep(self.owner(), next, deposit, kept_before)?;
        let form = before.as_ref().map_or("bearer", |before| &before.header_form);
        let fresh = StoredCredential::fresh(next, kept, form);
        credential::save(&tx, self.tenant, self.connection_id, &fresh).await?;
        credential::end_turn(&tx, self.connection_id, generation).await?;
        tx.commit().await?;
        self.vault.tidy(kept_before, &fresh.kept).await;
        Ok(Some(next))
    }

    async fn end(&self, generation: i32) -> Result<(), StoreError> {
        let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
        credential::end_turn(&tx, self.connection_id, generation).await?;
        tx.commit().await
    }

    async fn take_back(&self, generation: i32) -> Result<(), StoreError> {
        let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
        credential::take_back_turn(&tx, self.connection_id, generation).await?;
        tx.commit().await
    }

    async fn give_up(&self, generation: i32) -> Result<(), StoreError> {
        let tx = self.store.begin(Speaker::Tenant(self.tenant)).await?;
        credential::give_up_turn(&tx, self.connection_id, generation).await?;
        tx.commit().await
    }
}
