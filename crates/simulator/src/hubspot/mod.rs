//! HubSpot's API, as strict as its documentation: from a request to an answer.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use crate::Endpoint;
use crate::exchange::Exchange;
use crate::faults;
use crate::grants::{self, Asked};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::{AppOf, Workspace};

mod associations;
mod list;
mod owners;
mod record;
mod search;
mod table;

pub(crate) use record::{contact_id, deal_id};

/// The version of the API that is simulated.
const VERSION: &str = "2026-09";

/// Where its tokens are.
const TOKEN_PATH: &str = "/oauth/2026-09/token";

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    Companies,
    Contacts,
    Deals,
}

impl Object {
    fn of(name: &str) -> Option<Self> {
        match name {
            "companies" | "0-2" => Some(Self::Companies),
            "contacts" | "0-1" => Some(Self::Contacts),
            "deals" | "0-3" => Some(Self::Deals),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Contacts => "contacts",
            Self::Deals => "deals",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Account,
    List(Object),
    Search(Object),
    Read(Object),
    Associations(Object, Object),
    Owners,
    Unknown,
}

impl Route {
    fn of(method: &Method, path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        let object = |name: &str, make: fn(Object) -> Self| Object::of(name).map_or(Self::Unknown, make);
        match (method, parts.as_slice()) {
            (&Method::GET, ["", "account-info", "v3", "details"]) => Self::Account,
            (&Method::GET, ["", "crm", "owners", VERSION]) => Self::Owners,
            (&Method::GET, ["", "crm", "objects", VERSION, name]) => object(name, Self::List),
            (&Method::POST, ["", "crm", "objects", VERSION, name, "search"]) => object(name, Self::Search),
            (&Method::POST, ["", "crm", "objects", VERSION, name, "batch", "read"]) => {
                object(name, Self::Read)
            }
            (&Method::POST, ["", "crm", "associations", VERSION, from, to, "batch", "read"]) => {
                match (Object::of(from), Object::of(to)) {
                    (Some(from), Some(to)) => Self::Associations(from, to),
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    fn endpoint(self) -> Endpoint {
        match self {
            Self::Account => Endpoint::HubSpotAccount,
            Self::List(_) => Endpoint::HubSpotList,
            Self::Search(_) => Endpoint::HubSpotSearch,
            Self::Read(_) => Endpoint::HubSpotRead,
            Self::Associations(..) => Endpoint::HubSpotAssociations,
            Self::Owners => Endpoint::HubSpotOwners,
            Self::Unknown => Endpoint::HubSpotUnknown,
        }
    }

    /// The kind of record whose scope is needed.
    fn object(self) -> Option<Object> {
        match self {
            Self::List(object)
            | Self::Search(object)
            | Self::Read(object)
            | Self::Associations(object, _) => Some(object),
            Self::Account | Self::Owners | Self::Unknown => None,
        }
    }
}

/// A refusal in HubSpot's form.
pub(crate) fn refusal(status: u16, category: &str, message: &str) -> Reply {
    let body = json!({
        "status": "error", "message": message, "category": category,
        "correlationId": "a43683b0-5717-4ceb-80b4-104d02915d8c",
    });
    Reply { status, ..Reply::json(body.to_string()) }
}

/// Answers any request below `/hubspot`.
pub(crate) async fn answer(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked { of: AppOf::Hubspot, method: &method, uri: &uri, headers: &headers, body: &body };
    match uri.path() {
        "/oauth/authorize" => return grants::consent(&app, &asked),
        TOKEN_PATH => return grants::token(&app, &connection, asked).await,
        _ => {}
    }
    let token = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
    let of_app = token.and_then(|token| app.world.by_access_token(AppOf::Hubspot, token));
    let scopes = of_app.as_ref().map(|(_, scopes)| scopes.clone());
    let of_app = of_app.map(|(workspace, _)| (workspace, false));
    let of_key = token.filter(|token| token.starts_with("pat-")).and_then(|token| app.world.by_key(token));
    let found = of_app.or(of_key.map(|(workspace, key)| (workspace, key.revoked)));
    let refused =
        || wire::response(refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."));
    let Some((workspace, revoked)) = found else { return refused() };
    let route = Route::of(&method, uri.path());
    let exchange = Exchange {
        workspace: &workspace,
        log: &workspace.crm_log,
        limits: workspace.settings().crm_rate_limit.into_iter().collect(),
        endpoint: route.endpoint(),
        conversation: None,
        path: uri.path_and_query().map_or("", |path| path.as_str()),
        refuse: |status, message| match status {
            429 => too_fast("ten_secondly_rolling"),
            _ => refusal(status, "ERROR", message),
        },
        refusal: faults::refusal,
    };
    exchange
        .answer(&app, &connection, |_| {
            if revoked {
                return refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
            }
            let (used, limit) = workspace.crm_day();
            if used > limit {
                return too_fast("daily");
            }
            let answer = reply(&workspace, route, &uri, &body, scopes.as_deref());
            if matches!(route, Route::Search(_)) {
                return answer;
            }
            answer
                .with_header("x-hubspot-ratelimit-daily", limit.to_string())
                .with_header("x-hubspot-ratelimit-daily-remaining", (limit - used).to_string())
        })
        .await
}

/// A 429, as the vendor documents it.
fn too_fast(policy: &str) -> Reply {
    let body = json!({
        "status": "error", "message": format!("You have reached your {policy} limit."), "errorType": "RATE_LIMIT",
        "correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24", "policyName": policy.to_uppercase(),
    });
    Reply { status: 429, ..Reply::json(body.to_string()) }
}

fn reply(workspace: &Workspace, route: Route, uri: &Uri, body: &[u8], scopes: Option<&[String]>) -> Reply {
    let settings = workspace.settings().clone();
    if settings.crm_quota_used_up {
        return too_fast("daily");
    }
    let lacks = |object: Object| settings.crm_lacks_scope.iter().any(|name| name == object.name());
    let ungranted = |object: Object| {
        let scope = format!("crm.objects.{}.read", object.name());
        scopes.is_some_and(|scopes| !scopes.contains(&scope))
    };
    let owners_lack = || {
        let scope = "crm.objects.owners.read".to_owned();
        settings.crm_lacks_scope.contains(&"owners".to_owned())
            || scopes.is_some_and(|scopes| !scopes.contains(&scope))
    };
    if route.object().is_some_and(|object| lacks(object) || ungranted(object))
        || (route == Route::Owners && owners_lack())
    {
        let message = "This app hasn't been granted all required scopes to make this call.";
        return refusal(403, "MISSING_SCOPES", message);
    }
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return refusal(400, "VALIDATION_ERROR", "malformed query");
    };
    let sent: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match route {
        Route::Account => Reply::json(
            json!({ "portalId": workspace.portal_id(), "timeZone": "Europe/Berlin", "companyCurrency": "EUR",
                    "accountType": "STANDARD", "dataHostingLocation": "eu1" })
            .to_string(),
        ),
        Route::List(object) => list::list(workspace, object, &pairs),
        Route::Search(object) => search::search(workspace, object, &sent),
        Route::Read(object) => list::read(workspace, object, &pairs, &sent),
        Route::Owners => owners::list(workspace, &pairs),
        Route::Associations(from, to) => associations::read(workspace, from, to, &sent),
        Route::Unknown => Reply { status: 404, ..Reply::json("") },
    }
}
