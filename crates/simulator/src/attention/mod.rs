//! The vendor's API: from a request to an answer.

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use crate::faults::{self, Hits};
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::KeyLevel;

mod auth;
mod document;
mod endpoint;
mod insights;
mod list;
mod query;
mod reply;
mod transcript;
mod users;

pub use endpoint::Endpoint;

use auth::Caller;
use query::Params;
pub(crate) use reply::Reply;

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
        Some(caller) => answer_caller(&app, &connection, &caller, &request).await,
        None => wire::response(Reply::refusal(401, "missing or invalid api key")),
    }
}

async fn answer_caller(
    app: &App,
    connection: &Connection,
    caller: &Caller,
    request: &Request<'_>,
) -> Response {
    let workspace = &caller.workspace;
    let settings = workspace.settings().clone();
    let path = request.uri.path_and_query().map_or("", |path| path.as_str());
    let ticket = workspace.log.arrive(request.endpoint, path, settings.rate_limit);
    let hits = workspace.faults().hits(request.endpoint, request.id);
    app.wait(faults::delay(&hits, settings.latency, workspace.salt ^ ticket.number)).await;
    if let Some(holder) = faults::holder(&hits) {
        tokio::select! {
            () = app.shutdown.cancelled() => {}
            () = workspace.until_off(holder) => {}
        }
    }
    if let Some(limit) = settings.rate_limit.filter(|_| !ticket.admitted) {
        let refusal = Reply::refusal(429, "rate limit exceeded");
        ticket.answered(429);
        return wire::response(match limit.retry_after_s {
            Some(seconds) => refusal.with_header("retry-after", seconds.to_string()),
            None => refusal,
        });
    }
    if faults::hangs(&hits) {
        app.shutdown.cancelled().await;
    }
    if faults::hangs(&hits) || faults::resets(&hits) {
        connection.reset();
        return wire::response(Reply::refusal(500, "never sent"));
    }
    let reply = match faults::refusal(&hits, app.world.now()) {
        Some(refusal) => refusal,
        None => faults::twist(&hits, request.endpoint, reply(caller, request, &hits)),
    };
    ticket.answered(reply.status);
    wire::response(reply)
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
        Endpoint::Unknown => Reply::refusal(404, "no such route"),
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
