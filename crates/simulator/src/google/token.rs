//! Tokens: from the metadata server, and for a service account's signed assertion.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use jiff::Timestamp;
use ring::signature::{KeyPair as _, RsaKeyPair};
use serde_json::json;

use super::{PROJECT, SecretManager};
use crate::Endpoint;
use crate::jwt::{CLOCK_SLACK_S, Jwt, der_of};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::Connection;

const EMAIL: &str = "switchboard@rehearsal.iam.gserviceaccount.com";
const KEY_ID: &str = "d1a2b3c4";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// The private key of the one service account, which is nobody's.
const PRIVATE_KEY: &str = include_str!("service_account.pem");

impl SecretManager {
    /// The key file of the one service account, which asks for its tokens there.
    pub(crate) fn key_file(token_url: &str) -> String {
        let file = json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": KEY_ID,
            "private_key": PRIVATE_KEY, "client_email": EMAIL, "token_uri": token_url,
        });
        file.to_string()
    }
}

/// Answers the metadata server's path of tokens.
pub(crate) async fn metadata_token(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let manager = app.world.secret_manager();
    manager
        .exchange(&app, &connection, Endpoint::GoogleToken, uri.path(), |_| {
            if headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
                return Reply { status: 403, ..Reply::json("Missing Metadata-Flavor:Google header.") };
            }
            let reply = Reply::json(manager.issue_token().to_string());
            reply.with_header("metadata-flavor", "Google".to_owned())
        })
        .await
}

/// Answers the path of tokens for assertions.
pub(crate) async fn service_account_token(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let manager = app.world.secret_manager();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("http://{host}/google/token");
    let is_form = method == Method::POST
        && headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    manager
        .exchange(&app, &connection, Endpoint::GoogleToken, uri.path(), |_| {
            let body = String::from_utf8_lossy(&body);
            match assertion(&body).filter(|_| is_form).map(|jwt| check(jwt, &url, app.world.now())) {
                Some(Ok(())) => Reply::json(manager.issue_token().to_string()),
                Some(Err(why)) => refused("invalid_grant", why),
                None => refused("unsupported_grant_type", "Invalid grant_type."),
            }
        })
        .await
}

fn refused(error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description });
    Reply { status: 400, ..Reply::json(body.to_string()) }
}

/// The assertion of a form with the right grant.
fn assertion(form: &str) -> Option<&str> {
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    field("grant_type").filter(|grant| *grant == GRANT)?;
    field("assertion")
}

fn check(jwt: &str, url: &str, now: Timestamp) -> Result<(), &'static str> {
    let jwt = Jwt::read(jwt).ok_or("Invalid JWT.")?;
    let private_key = der_of(PRIVATE_KEY).expect("the stand-in's own key");
    let key = RsaKeyPair::from_pkcs8(&private_key).expect("the stand-in's own key");
    if !jwt.is_signed_by(key.public_key().as_ref()) {
        return Err("Invalid JWT Signature.");
    }
    if jwt.header != json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID }) {
        return Err("Invalid JWT header.");
    }
    if jwt.claims["iss"] != EMAIL || jwt.claims["scope"] != SCOPE || jwt.claims["aud"] != url {
        return Err("Invalid issuer, scope or audience.");
    }
    let (issued, expires, now) = (jwt.second("iat"), jwt.second("exp"), now.as_second());
    let fresh = issued <= now + CLOCK_SLACK_S && expires > now - CLOCK_SLACK_S && expires - issued <= 3600;
    if fresh { Ok(()) } else { Err("Invalid JWT: Token must be a short-lived token (60 minutes).") }
}
