//! Who asks.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::world::{HeaderForm, KeyState, Workspace, World};

/// A key that is, or was, one of a workspace.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) key: KeyState,
    sent: String,
    with_bearer: bool,
}

impl Caller {
    /// The caller, if any workspace knows the key.
    pub(crate) fn of(world: &World, headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
        let bare = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "));
        let sent = bare.unwrap_or(header).trim().to_owned();
        let (workspace, key) = world.by_key(&sent)?;
        Some(Self { workspace, key, sent, with_bearer: bare.is_some() })
    }

    /// Whether the key is good in the form it was sent, and still good: it may be revoked while its answer waits.
    pub(crate) fn is_admitted(&self, form: HeaderForm) -> bool {
        let form_fits = match form {
            HeaderForm::Either => true,
            HeaderForm::Bearer => self.with_bearer,
            HeaderForm::Bare => !self.with_bearer,
        };
        form_fits && self.workspace.key(&self.sent).is_some_and(|key| !key.revoked)
    }
}
