//! Who asks.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::{AppOf, GongKeyState, Workspace, World};

/// Every scope that is asked for anywhere here.
const SCOPES: [&str; 4] =
    ["api:calls:read:extensive", "api:calls:read:transcript", "api:users:read", "api:workspaces:read"];

/// A key that is one of a company.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) key: GongKeyState,
}

impl Caller {
    /// The caller, if any company knows key and secret.
    pub(crate) fn of(world: &World, headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        if let Some(token) = header.strip_prefix("Bearer ") {
            let (workspace, scopes) = world.by_access_token(AppOf::Gong, token)?;
            let lacks = |scope: &&str| !scopes.iter().any(|granted| granted == scope);
            let missing_scopes = SCOPES.iter().filter(|scope| lacks(scope)).map(|scope| (*scope).to_owned());
            let key = GongKeyState { missing_scopes: missing_scopes.collect(), ..GongKeyState::default() };
            return Some(Self { workspace, key });
        }
        let text = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
        let (key, secret) = text.split_once(':')?;
        let (workspace, state) = world.by_gong_key(key)?;
        (state.secret == secret && !state.revoked).then_some(Self { workspace, key: state })
    }
}
