//! The vendor's API: from a request to an answer.

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use crate::Endpoint;
use crate::exchange::Exchange;
use crate::faults::{self, Hits};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::KeyLevel;

mod auth;
mod document;
mod insights;
mod list;
mod query;
mod transcript;
mod users;

use auth::Caller;
pub(crate) use insights::{found, summary};
use query::Params;

/// What is asked, without who asks.
struct Request<'a> {
    method: &'a Method,
    endpoint: Endpoint,
    id: Option<&'a str>,
    uri: &'a Uri,
}

/// Answers any request below `/v2`.
pub(crate) async fn answer(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (endpoint, id) = Endpoint::of(uri.path());
    let request = Request { method: &method, endpoint, id, uri: &uri };
    match Caller::of(&app.world, &headers) {
        Some(caller) => {
            let settings = caller.workspace.settings().clone();
            let exchange = Exchange {
                workspace: &caller.workspace,
                log: &caller.workspace.log,
                limits: settings.rate_limit.into_iter().collect(),
                endpoint,
                conversation: id,
                path: uri.path_and_query().map_or("", |path| path.as_str()),
                refuse: Reply::refusal,
                refusal: faults::refusal,
            };
            exchange.answer(&app, &connection, |hits| reply(&caller, &request, hits)).await
        }
        None => wire::response(Reply::refusal(401, "missing or invalid api key")),
    }
}

/// The answer of a vendor in good health.
fn reply(caller: &Caller, request: &Request<'_>, hits: &Hits) -> Reply {
    let form = caller.workspace.settings().header_form(request.endpoint);
    if !caller.is_admitted(form) {
        return Reply::refusal(401, "missing or invalid api key");
    }
    if request.endpoint == Endpoint::Unknown {
        return Reply::refusal(404, "no such route");
    }
    if request.method != Method::GET {
        return Reply::refusal(405, "method not allowed");
    }
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri) else {
        return Reply::refusal(400, "malformed query");
    };
    match Params::read(request.endpoint, &pairs) {
        Ok(params) => reply_to(caller, request, params, hits),
        Err(refusal) => refusal,
    }
}

fn reply_to(caller: &Caller, request: &Request<'_>, mut params: Params, hits: &Hits) -> Reply {
    let workspace = &caller.workspace;
    match request.endpoint {
        Endpoint::List | Endpoint::Conversations => {
            if faults::pages_without_end(hits) {
                params.page = 1;
            }
            list::page(list::Asked {
                workspace,
                endpoint: request.endpoint,
                level: caller.key.level,
                params: &params,
                repeat_rows: faults::repeats_rows(hits),
            })
        }
        Endpoint::Detail => detail(caller, request.id.unwrap_or_default(), &params),
        Endpoint::ByExternalId => by_external_id(caller, request.id.unwrap_or_default()),
        Endpoint::OrganizationUsers if caller.key.level != KeyLevel::Organization => {
            Reply::refusal(403, "an organization level key is required")
        }
        Endpoint::Users | Endpoint::OrganizationUsers => users::users(workspace, &params),
        _ => Reply::refusal(404, "no such route"),
    }
}

fn detail(caller: &Caller, id: &str, params: &Params) -> Reply {
    let workspace = &caller.workspace;
    let index = if params.by_external_id { workspace.find_external(id) } else { workspace.find(id) };
    match index {
        None => Reply::refusal(404, "conversation not found"),
        Some(index) if !list::may_see(caller.key.level, workspace.traits(index).owner) => {
            Reply::refusal(403, "this key may not read the conversation")
        }
        Some(index) => Reply::json(document::detail(workspace, &workspace.plan(index), params)),
    }
}

fn by_external_id(caller: &Caller, external_id: &str) -> Reply {
    let workspace = &caller.workspace;
    match workspace.find_external(external_id) {
        Some(index) => {
            let id = workspace.plan(index).id;
            Reply::json(serde_json::json!({ "conversation_id": id }).to_string())
        }
        None => Reply::refusal(404, "conversation not found"),
    }
}
