//! Google's Secret Manager with its tokens, as strict as its documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Endpoint;
use crate::faults::{self, Fault, FaultRule, Faults, Hits};
use crate::log::{RequestLog, Stats};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::{Latency, locked};

mod request;
mod secrets;
mod token;

use request::{Call, Request};
use secrets::Secret;
pub(crate) use token::{metadata_token, service_account_token};

/// The one project there is.
const PROJECT: &str = "rehearsal";

/// Its number, by which answers name it.
const PROJECT_NUMBER: &str = "123456789";

/// A handle to the Secret Manager of a world.
#[derive(Debug, Clone, Default)]
pub struct SecretManager(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<Project>,
    faults: Mutex<Faults>,
    log: RequestLog,
}

#[derive(Debug, Default)]
struct Project {
    secrets: BTreeMap<String, Secret>,
    /// Permissions that the caller lacks.
    denied: BTreeSet<String>,
    tokens: BTreeSet<String>,
    tokens_issued: u64,
}

/// A version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretVersion {
    /// Name of its secret, without the project; behind its region, if it is kept in one.
    pub secret: String,
    /// Its number.
    pub number: i64,
    /// `ENABLED`, `DISABLED` or `DESTROYED`.
    pub state: &'static str,
}

impl SecretManager {
    /// Every version there ever was, by secret and number.
    pub fn versions(&self) -> Vec<SecretVersion> {
        let project = locked(&self.0.state);
        project.secrets.iter().flat_map(|(name, secret)| secret.versions(name)).collect()
    }

    /// The payloads that are not destroyed.
    pub fn payloads(&self) -> Vec<String> {
        let project = locked(&self.0.state);
        project.secrets.values().flat_map(Secret::payloads).collect()
    }

    /// Takes a permission from the caller, `secretmanager.versions.access` say.
    pub fn deny(&self, permission: &str) {
        locked(&self.0.state).denied.insert(permission.to_owned());
    }

    /// Grants everything again.
    pub fn allow_everything(&self) {
        locked(&self.0.state).denied.clear();
    }

    /// Lets every token expire that was handed out.
    pub fn expire_tokens(&self) {
        locked(&self.0.state).tokens.clear();
    }

    /// What a person does in the console: switches every enabled version of a secret off.
    pub fn disable(&self, secret: &str) {
        if let Some(secret) = locked(&self.0.state).secrets.get_mut(secret) {
            secret.disable();
        }
    }

    /// Switches a fault on.
    pub fn add_fault(&self, rule: impl Into<FaultRule>) {
        locked(&self.0.faults).add(rule.into());
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        locked(&self.0.faults).clear();
    }

    /// Numbers about all requests.
    pub fn stats(&self) -> Stats {
        self.0.log.stats()
    }

    /// How often something was asked.
    pub fn asked(&self, endpoint: Endpoint) -> u64 {
        self.stats().by_endpoint.get(&endpoint).copied().unwrap_or_default()
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let token =
            headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
        token.is_some_and(|token| locked(&self.0.state).tokens.contains(token))
    }

    fn issue_token(&self) -> Value {
        let mut project = locked(&self.0.state);
        project.tokens_issued += 1;
        let token = format!("ya29.stand-in-{}", project.tokens_issued);
        project.tokens.insert(token.clone());
        json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })
    }

    /// Writes a request down and lets the faults have their way; `reply` is what Google says in good health, carried out.
    async fn exchange(
        &self,
        app: &App,
        connection: &Connection,
        endpoint: Endpoint,
        path: &str,
        reply: impl FnOnce(&Hits) -> Reply,
    ) -> Response {
        let ticket = self.0.log.arrive(endpoint, path, &[]);
        let hits = locked(&self.0.faults).hits(endpoint, None);
        app.wait(faults::delay(&hits, Latency::default(), ticket.number)).await;
        if faults::hangs(&hits) {
            app.shutdown.cancelled().await;
        }
        if faults::hangs(&hits) || faults::resets(&hits) {
            connection.reset();
            return wire::response(error(500, "INTERNAL", "never sent"));
        }
        let reply = match faults::refusal_by(&hits, app.world.now(), refusal) {
            Some(refusal) => refusal,
            None => faults::twist(&hits, endpoint, reply(&hits)),
        };
        if hits.iter().any(|hit| hit.fault == Fault::AnswerLost) {
            connection.reset();
        }
        ticket.answered(reply.status);
        wire::response(reply)
    }
}

/// Answers any request below `/google`.
pub(crate) async fn answer(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let manager = app.world.secret_manager();
    let request = Request::of(&method, uri.path(), uri.query().unwrap_or_default(), &body);
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    manager
        .exchange(&app, &connection, request.call.endpoint(), path, |hits| {
            if !manager.admits(&headers) {
                return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
            }
            let mut project = locked(&manager.0.state);
            project.answer(&request, Instant::now(), hits)
        })
        .await
}

impl Project {
    fn answer(&mut self, request: &Request<'_>, now: Instant, hits: &Hits) -> Reply {
        let Some(permission) = request.call.permission() else {
            return error(404, "NOT_FOUND", "no such method");
        };
        // whoever lacks the right does not learn what there is
        if self.denied.contains(permission) || ![PROJECT, PROJECT_NUMBER].contains(&request.project) {
            let words = format!(
                "Permission '{permission}' denied for resource '{}' (or it may not exist).",
                request.resource
            );
            return error(403, "PERMISSION_DENIED", &words);
        }
        // a region's host knows its own secrets only, and the global one those of no region
        if request.host != request.location {
            return error(404, "NOT_FOUND", "The resource is at another location than this host.");
        }
        if request.call == Call::Create {
            return self.create(request);
        }
        let Some(secret) = self.secrets.get_mut(&request.key(request.secret)) else {
            let words =
                format!("Secret [{}] not found or has no versions.", request.full_name(request.secret));
            return error(404, "NOT_FOUND", &words);
        };
        secret.answer(request, now, hits)
    }

    fn create(&mut self, request: &Request<'_>) -> Reply {
        let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
        let name = request.parameter("secretId").unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 255 || !name.chars().all(is_name) {
            return error(
                400,
                "INVALID_ARGUMENT",
                "The provided Secret ID does not match the expected format.",
            );
        }
        match (request.location, &body["replication"]) {
            (None, replication) if !replication["automatic"].is_object() => {
                return error(400, "INVALID_ARGUMENT", "Secret.replication must be provided.");
            }
            (Some(_), replication) if !replication.is_null() => {
                return error(400, "INVALID_ARGUMENT", "Secret.replication is not for regional secrets.");
            }
            _ => {}
        }
        let is_label = |value: &Value| {
            value.as_str().is_some_and(|text| text.len() <= 63 && text.to_lowercase() == text)
        };
        if body["labels"].as_object().is_some_and(|labels| !labels.values().all(is_label)) {
            return error(400, "INVALID_ARGUMENT", "labels are lower case, 63 characters at most");
        }
        let (key, full_name) = (request.key(&name), request.full_name(&name));
        if self.secrets.contains_key(&key) {
            return error(409, "ALREADY_EXISTS", &format!("Secret [{full_name}] already exists."));
        }
        self.secrets.insert(key, Secret::default());
        let mut made = json!({ "name": full_name });
        if request.location.is_none() {
            made["replication"] = json!({ "automatic": {} });
        }
        Reply::json(made.to_string())
    }
}

/// A refusal in Google's form.
fn error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({ "error": { "code": status, "message": message, "status": kind } });
    Reply { status, ..Reply::json(body.to_string()) }
}

/// The refusal that a fault puts in the answer's place.
fn refusal(status: u16, message: &str) -> Reply {
    let kind = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    error(status, kind, message)
}
