//! Gong's API: from a request to an answer.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use jiff::Timestamp;

use crate::Endpoint;
use crate::exchange::Exchange;
use crate::faults::{self, Fault, Hits};
use crate::grants::{self, Asked};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::AppOf;

mod analysis;
mod auth;
mod call;
mod calls;
mod cursor;
mod directory;
mod party;
mod query;
mod refusal;
mod transcripts;
mod truth;

use auth::Caller;
pub(crate) use truth::expected;

/// Answers any request below `/gong`.
pub(crate) async fn answer(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked { of: AppOf::Gong, method: &method, uri: &uri, headers: &headers, body: &body };
    match uri.path() {
        "/oauth2/authorize" => return grants::consent(&app, &asked),
        "/oauth2/generate-customer-token" => return grants::token(&app, &connection, asked).await,
        _ => {}
    }
    let endpoint = Endpoint::of_gong(uri.path());
    let Some(caller) = Caller::of(&app.world, &headers) else {
        return wire::response(refusal::of(401, "Unauthorized: the access key is not valid"));
    };
    let settings = caller.workspace.settings().gong.clone();
    let exchange = Exchange {
        workspace: &caller.workspace,
        log: &caller.workspace.gong_log,
        limits: settings.rate_limit.into_iter().chain(settings.day_limit).collect(),
        endpoint,
        conversation: None,
        path: uri.path_and_query().map_or("", |path| path.as_str()),
        refuse: refusal::of,
        refusal: refusal_by_fault,
    };
    let now = app.world.now();
    exchange
        .answer(&app, &connection, |hits| match reply(&caller, endpoint, &method, &uri, &body, hits, now) {
            Ok(reply) | Err(reply) => reply,
        })
        .await
}

fn refusal_by_fault(hits: &Hits, now: Timestamp) -> Option<Reply> {
    let own = hits.iter().find_map(|hit| match &hit.fault {
        Fault::EmptyNotFound => Some(refusal::empty("calls")),
        Fault::MissingScope { scope } => Some(refusal::missing_scope(scope)),
        _ => None,
    });
    own.or_else(|| faults::refusal_by(hits, now, refusal::of))
}

/// The answer of a vendor in good health.
fn reply(
    caller: &Caller,
    endpoint: Endpoint,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    hits: &Hits,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let (wanted, scope) = match endpoint {
        Endpoint::GongCalls => (Method::POST, "api:calls:read:extensive"),
        Endpoint::GongTranscripts => (Method::POST, "api:calls:read:transcript"),
        Endpoint::GongUsers => (Method::GET, "api:users:read"),
        Endpoint::GongWorkspaces => (Method::GET, "api:workspaces:read"),
        _ if uri.path().starts_with("/v2/") => return Err(refusal::of(501, "documented, but not simulated")),
        _ => return Err(refusal::of(404, "no such route")),
    };
    if *method != wanted {
        return Err(refusal::of(405, "method not allowed"));
    }
    if caller.key.missing_scopes.iter().any(|missing| missing == scope) {
        return Err(refusal::missing_scope(scope));
    }
    match endpoint {
        Endpoint::GongCalls => calls::page(caller, &query::Query::read(body)?, hits, now),
        Endpoint::GongTranscripts => transcripts::page(caller, &query::Query::read(body)?, hits, now),
        Endpoint::GongUsers => directory::users(&caller.workspace, uri.query(), hits),
        _ => Ok(directory::workspaces(&caller.workspace, caller.key.company)),
    }
}
