//! Tokens: from the metadata server, and for a service account's signed assertion.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{PROJECT, SecretManager};
use crate::Endpoint;
use crate::reply::Reply;
use crate::server::App;
use crate::wire::Connection;

const EMAIL: &str = "switchboard@rehearsal.iam.gserviceaccount.com";
const KEY_ID: &str = "d1a2b3c4";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// The private key of the one service account, which is nobody's.
const PRIVATE_KEY: &str = include_str!("service_account.pem");

/// Seconds by which clocks may differ, and those that the world's clock stands still while a test runs.
const CLOCK_SLACK_S: i64 = 900;

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
    let (signed, signature) = jwt.rsplit_once('.').ok_or("Invalid JWT.")?;
    let (header, claims) = signed.split_once('.').ok_or("Invalid JWT.")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "Invalid JWT.")?;
    let key = RsaKeyPair::from_pkcs8(&private_key()).expect("the stand-in's own key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).map_err(|_| "Invalid JWT Signature.")?;
    let (header, claims) = (decoded(header)?, decoded(claims)?);
    if header != json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID }) {
        return Err("Invalid JWT header.");
    }
    if claims["iss"] != EMAIL || claims["scope"] != SCOPE || claims["aud"] != url {
        return Err("Invalid issuer, scope or audience.");
    }
    let (issued, expires) =
        (claims["iat"].as_i64().unwrap_or_default(), claims["exp"].as_i64().unwrap_or_default());
    let now = now.as_second();
    let fresh = issued <= now + CLOCK_SLACK_S && expires > now - CLOCK_SLACK_S && expires - issued <= 3600;
    if fresh { Ok(()) } else { Err("Invalid JWT: Token must be a short-lived token (60 minutes).") }
}

fn decoded(part: &str) -> Result<Value, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| "Invalid JWT.")?;
    serde_json::from_slice(&bytes).map_err(|_| "Invalid JWT.")
}

fn private_key() -> Vec<u8> {
    let lines = PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).expect("the stand-in's own key")
}
