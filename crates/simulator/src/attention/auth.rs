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
    with_bearer: bool,
}

impl Caller {
    /// The caller, if any workspace knows the key.
    pub(crate) fn of(world: &World, headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
        let bare = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "));
        let (workspace, key) = world.by_key(bare.unwrap_or(header).trim())?;
        Some(Self { workspace, key, with_bearer: bare.is_some() })
    }

    /// Whether the key is good in the form it was sent.
    pub(crate) fn is_admitted(&self, form: HeaderForm) -> bool {
        let form_fits = match form {
            HeaderForm::Either => true,
            HeaderForm::Bearer => self.with_bearer,
            HeaderForm::Bare => !self.with_bearer,
        };
        form_fits && !self.key.revoked
    }
}
