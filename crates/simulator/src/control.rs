//! The world over HTTP, for scripts and operators.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures::stream;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SimulatorError;
use crate::faults::{FaultId, FaultRule};
use crate::log::{RequestRecord, Stats};
use crate::server::App;
use crate::world::{AppOf, Change, Settings, Truth, WorkspaceSpec};

/// An answer, or why there is none, as JSON.
type Answer<T> = Result<T, Refused>;

/// Why a control request was not carried out.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<SimulatorError> for Refused {
    fn from(error: SimulatorError) -> Self {
        let status = match error {
            SimulatorError::UnknownWorkspace(_)
            | SimulatorError::UnknownConversation(_)
            | SimulatorError::UnknownKey => StatusCode::NOT_FOUND,
            SimulatorError::Taken(_) => StatusCode::CONFLICT,
            SimulatorError::BadSpec(_) => StatusCode::BAD_REQUEST,
            SimulatorError::Listen { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

/// A JSON body, whatever its content type says: `curl -d` calls everything a form.
struct Sent<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let body = Bytes::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        let sent = serde_json::from_slice(&body).map(Self);
        sent.map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()).into_response())
    }
}

/// The body that sets the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    now: Timestamp,
}

/// A fault that is on.
#[derive(Serialize)]
struct Listed {
    id: FaultId,
    #[serde(flatten)]
    rule: FaultRule,
}

/// The control endpoints.
pub(crate) fn router() -> Router<App> {
    let workspace = Router::new()
        .route("/settings", get(settings).put(set_settings))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/changes", post(change))
        .route("/stats", get(stats).delete(reset_log))
        .route("/requests", get(requests))
        .route("/truth", get(truth))
        .route("/gong/stats", get(gong_stats))
        .route("/gong/requests", get(gong_requests))
        .route("/gong/truth", get(gong_truth))
        .route("/apps/{of}", get(app))
        .route("/accounts.csv", get(accounts_csv))
        .route("/contacts.csv", get(contacts_csv));
    Router::new()
        .route("/clock", get(clock).put(set_clock))
        .route("/workspaces", get(workspaces).post(add_workspace))
        .nest("/workspaces/{name}", workspace)
        .fallback(unknown)
}

/// Without this, the vendor would answer for a misspelled control path.
async fn unknown() -> Refused {
    Refused(StatusCode::NOT_FOUND, "no such control endpoint".to_owned())
}

async fn clock(State(app): State<App>) -> Json<Value> {
    Json(json!({ "now": app.world.now() }))
}

async fn set_clock(State(app): State<App>, Sent(clock): Sent<Clock>) -> StatusCode {
    app.world.set_now(clock.now);
    StatusCode::NO_CONTENT
}

async fn workspaces(State(app): State<App>) -> Answer<Json<Value>> {
    let described = app.world.workspaces().into_iter().map(|name| describe(&app, &name));
    Ok(Json(described.collect::<Answer<Vec<Value>>>()?.into()))
}

fn describe(app: &App, name: &str) -> Answer<Value> {
    Ok(json!({
        "spec": app.world.spec(name)?,
        "organization_uuid": app.world.organization_uuid(name)?,
        "own_domains": app.world.own_domains(name)?,
    }))
}

async fn add_workspace(
    State(app): State<App>,
    Sent(spec): Sent<WorkspaceSpec>,
) -> Answer<(StatusCode, Json<Value>)> {
    let name = spec.name.clone();
    app.world.add_workspace(spec)?;
    Ok((StatusCode::CREATED, Json(describe(&app, &name)?)))
}

async fn settings(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Settings>> {
    Ok(Json(app.world.settings(&name)?))
}

async fn set_settings(
    State(app): State<App>,
    Path(name): Path<String>,
    Sent(settings): Sent<Settings>,
) -> Answer<StatusCode> {
    app.world.set_settings(&name, settings)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Vec<Listed>>> {
    let faults = app.world.faults(&name)?;
    Ok(Json(faults.into_iter().map(|(id, rule)| Listed { id, rule }).collect()))
}

async fn add_fault(
    State(app): State<App>,
    Path(name): Path<String>,
    Sent(sent): Sent<Value>,
) -> Answer<(StatusCode, Json<Value>)> {
    let rule = fault_rule(&sent)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": app.world.add_fault(&name, rule)? }))))
}

/// A flattened enum takes any field, so a misspelled one has to be found here: it must come back out.
fn fault_rule(sent: &Value) -> Answer<FaultRule> {
    let refused = |reason: String| Refused(StatusCode::BAD_REQUEST, reason);
    let rule = FaultRule::deserialize(sent).map_err(|error| refused(error.to_string()))?;
    let taken = serde_json::to_value(&rule).map_err(|error| refused(error.to_string()))?;
    let names = sent.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    match names.into_iter().find(|(name, _)| taken.get(name.as_str()).is_none()) {
        Some((name, _)) => Err(refused(format!("unknown field {name}"))),
        None => Ok(rule),
    }
}

async fn clear_faults(State(app): State<App>, Path(name): Path<String>) -> Answer<StatusCode> {
    app.world.clear_faults(&name)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_fault(
    State(app): State<App>,
    Path((name, id)): Path<(String, FaultId)>,
) -> Answer<StatusCode> {
    if app.world.remove_fault(&name, id)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refused(StatusCode::NOT_FOUND, format!("fault {id} is not on")))
}

async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Sent(change): Sent<Change>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "ids": app.world.change(&name, change)? })))
}

async fn stats(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Stats>> {
    Ok(Json(app.world.stats(&name)?))
}

async fn reset_log(State(app): State<App>, Path(name): Path<String>) -> Answer<StatusCode> {
    app.world.reset_log(&name)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn requests(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Vec<RequestRecord>>> {
    Ok(Json(app.world.requests(&name)?))
}

async fn gong_stats(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Stats>> {
    Ok(Json(app.world.gong_stats(&name)?))
}

async fn gong_requests(State(app): State<App>, Path(name): Path<String>) -> Answer<Json<Vec<RequestRecord>>> {
    Ok(Json(app.world.gong_requests(&name)?))
}

/// Id, secret and numbers of an app.
async fn app(State(app): State<App>, Path((name, of)): Path<(String, AppOf)>) -> Answer<Json<Value>> {
    let ((id, secret), stats) = (app.world.app(&name, of)?, app.world.app_stats(&name, of)?);
    Ok(Json(json!({ "client_id": id, "client_secret": secret, "stats": stats })))
}

async fn truth(State(app): State<App>, Path(name): Path<String>) -> Answer<Response> {
    Ok(lines(app.world.truth(&name)?))
}

async fn gong_truth(State(app): State<App>, Path(name): Path<String>) -> Answer<Response> {
    Ok(lines(app.world.gong_truth(&name)?))
}

/// One line of JSON per conversation, made as it is read.
fn lines(truth: Truth) -> Response {
    let lines = truth.map(|expected| {
        let mut line = serde_json::to_vec(&expected).map_err(std::io::Error::other)?;
        line.push(b'\n');
        Ok::<_, std::io::Error>(Bytes::from(line))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream::iter(lines))).into_response()
}

async fn accounts_csv(State(app): State<App>, Path(name): Path<String>) -> Answer<Response> {
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], app.world.accounts_csv(&name)?).into_response())
}

async fn contacts_csv(State(app): State<App>, Path(name): Path<String>) -> Answer<Response> {
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], app.world.contacts_csv(&name)?).into_response())
}
