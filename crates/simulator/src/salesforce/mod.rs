//! Salesforce's API, as strict as its documentation: from a request to an answer.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Endpoint;
use crate::exchange::Exchange;
use crate::faults::{self, Hits};
use crate::grants::{self, Asked};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::{AppOf, Workspace};

mod cursor;
mod deleted;
mod id;
mod record;
mod soql;

pub(crate) use cursor::Cursors;
pub(crate) use id::{account_id, contact_id, opportunity_id, short};

/// The version of the API that is simulated.
const VERSION: &str = "v66.0";

/// Where the use of the day stands.
const LIMIT_INFO: &str = "sforce-limit-info";

/// A longer address is not read.
const ADDRESS_BYTES_MAX: usize = 16_384;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    Account,
    Contact,
    Lead,
    Opportunity,
    /// There only where contacts may have several accounts.
    Relation,
    User,
    Organization,
}

impl Object {
    fn of(name: &str) -> Option<Self> {
        match name {
            "Account" => Some(Self::Account),
            "Contact" => Some(Self::Contact),
            "Lead" => Some(Self::Lead),
            "Opportunity" => Some(Self::Opportunity),
            "AccountContactRelation" => Some(Self::Relation),
            "User" => Some(Self::User),
            "Organization" => Some(Self::Organization),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Contact => "Contact",
            Self::Lead => "Lead",
            Self::Opportunity => "Opportunity",
            Self::Relation => "AccountContactRelation",
            Self::User => "User",
            Self::Organization => "Organization",
        }
    }

    /// Its name in the settings of every CRM.
    fn common_name(self) -> &'static str {
        match self {
            Self::Account => "companies",
            Self::Contact => "contacts",
            Self::Lead => "leads",
            Self::Opportunity => "deals",
            Self::Relation => "relations",
            Self::User => "users",
            Self::Organization => "organization",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route<'a> {
    Query { all: bool },
    Next(&'a str),
    Describe(Object),
    Deleted(Object),
    Unknown,
}

impl<'a> Route<'a> {
    fn of(method: &Method, path: &'a str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            (&Method::GET, ["", "services", "data", VERSION, "query"]) => Self::Query { all: false },
            (&Method::GET, ["", "services", "data", VERSION, "queryAll"]) => Self::Query { all: true },
            (&Method::GET, ["", "services", "data", VERSION, "query" | "queryAll", locator]) => {
                Self::Next(locator)
            }
            (&Method::GET, ["", "services", "data", VERSION, "sobjects", name, what]) => {
                match (Object::of(name), *what) {
                    (Some(object), "describe") => Self::Describe(object),
                    (Some(object), "deleted") => Self::Deleted(object),
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Query { .. } => Endpoint::SalesforceQuery,
            Self::Next(_) => Endpoint::SalesforceNext,
            Self::Describe(_) => Endpoint::SalesforceDescribe,
            Self::Deleted(_) => Endpoint::SalesforceDeleted,
            Self::Unknown => Endpoint::SalesforceUnknown,
        }
    }
}

/// A refusal in Salesforce's form: a list, whose code says what is wrong.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply { status, ..Reply::json(json!([{ "message": message, "errorCode": code }]).to_string()) }
}

fn session_expired() -> Reply {
    refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

fn not_found() -> Reply {
    refusal(404, "NOT_FOUND", "The requested resource does not exist")
}

/// What a fault or a limit puts in the answer's place. There is no 429.
fn refusal_by_status(status: u16, message: &str) -> Reply {
    match status {
        401 => session_expired(),
        403 => refusal(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
        404 => not_found(),
        429 => refusal(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        ),
        503 => refusal(503, "SERVER_UNAVAILABLE", message),
        _ => refusal(status, "UNKNOWN_EXCEPTION", message),
    }
}

fn refusal_by_fault(hits: &Hits, now: Timestamp) -> Option<Reply> {
    faults::refusal_by(hits, now, refusal_by_status)
}

/// Answers any request below `/salesforce`.
pub(crate) async fn answer(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked { of: AppOf::Salesforce, method: &method, uri: &uri, headers: &headers, body: &body };
    match uri.path() {
        "/services/oauth2/authorize" => return grants::consent(&app, &asked),
        "/services/oauth2/token" => return grants::token(&app, &connection, asked).await,
        _ => {}
    }
    let token = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
    let of_app = token.and_then(|token| app.world.by_access_token(AppOf::Salesforce, token));
    let of_key = token.filter(|token| token.starts_with("00D")).and_then(|token| app.world.by_key(token));
    let found = of_app
        .map(|(workspace, _)| (workspace, false))
        .or(of_key.map(|(workspace, key)| (workspace, key.revoked)));
    let Some((workspace, revoked)) = found else { return wire::response(session_expired()) };
    let route = Route::of(&method, uri.path());
    let exchange = Exchange {
        workspace: &workspace,
        log: &workspace.crm_log,
        limits: workspace.settings().crm_rate_limit.into_iter().collect(),
        endpoint: route.endpoint(),
        conversation: None,
        path: uri.path_and_query().map_or("", |path| path.as_str()),
        refuse: refusal_by_status,
        refusal: refusal_by_fault,
    };
    exchange
        .answer(&app, &connection, |hits| {
            if revoked {
                return session_expired();
            }
            let (used, limit) = workspace.crm_day();
            let answer = if used > limit {
                refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            } else {
                reply(&workspace, &route, &uri, hits, app.world.now())
            };
            match used % 5 {
                // it may be missing, and others of its kind may stand beside it
                4 => answer,
                3 => answer.with_header(LIMIT_INFO, format!("api-bursts=1/750; api-usage={used}/{limit}")),
                _ => answer.with_header(LIMIT_INFO, format!("api-usage={used}/{limit}")),
            }
        })
        .await
}

/// The answer of a vendor in good health.
fn reply(workspace: &Workspace, route: &Route<'_>, uri: &Uri, hits: &Hits, now: Timestamp) -> Reply {
    if workspace.settings().crm_quota_used_up {
        return refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    }
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > ADDRESS_BYTES_MAX) {
        return Reply { status: 414, ..Reply::json("") };
    }
    // a `+` is a space here, as it is there
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return refusal(400, "MALFORMED_QUERY", "malformed query");
    };
    let value =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    match route {
        Route::Query { .. } if soql::runs_too_long(workspace, value("q")) => {
            refusal(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        }
        Route::Query { all } => match soql::rows(workspace, value("q"), *all) {
            Ok(rows) => cursor::first_page(workspace, rows),
            Err(refused) => refused,
        },
        Route::Next(_) if faults::expires_cursors(hits) => cursor::expired(),
        Route::Next(locator) => cursor::next_page(workspace, locator),
        Route::Describe(object) => describe(workspace, *object),
        Route::Deleted(object) if hides(workspace, *object, None) => not_found(),
        Route::Deleted(object) => deleted::read(workspace, *object, value("start"), value("end"), now),
        Route::Unknown => not_found(),
    }
}

/// Whether the token's user may not read an object, or one of its fields. What is not switched on looks the same.
fn hides(workspace: &Workspace, object: Object, field: Option<&str>) -> bool {
    let hidden = match field {
        None => object.common_name().to_owned(),
        Some(field) => format!("{}.{field}", object.name()),
    };
    let settings = workspace.settings();
    let off = object == Object::Relation && field.is_none() && settings.crm_single_accounts;
    off || settings.crm_lacks_scope.contains(&hidden)
}

/// An object that may not be read is not there, and neither is a field.
fn describe(workspace: &Workspace, object: Object) -> Reply {
    if hides(workspace, object, None) {
        return not_found();
    }
    let fields =
        record::fields(workspace, object).into_iter().filter(|field| !hides(workspace, object, Some(field)));
    let fields: Vec<Value> =
        fields.map(|field| json!({ "name": field, "label": field, "nillable": true })).collect();
    Reply::json(json!({ "name": object.name(), "queryable": true, "fields": fields }).to_string())
}
