//! Consents and tokens, as strict as the vendors' documentation: a code is good once, and so is a refresh token where they rotate.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;

use crate::Endpoint;
use crate::exchange::Exchange;
use crate::faults;
use crate::jwt::{CLOCK_SLACK_S, Jwt};
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::{AppOf, Given, NotGiven, Workspace};

/// Who may be named as believing an assertion.
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// How far ahead an assertion may end: five minutes.
const ASSERTION_LIFE_MAX_S: i64 = 300;

/// A request for a consent or a token.
pub(crate) struct Asked<'a> {
    pub(crate) of: AppOf,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The fields of a form or a query.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(text: &str) -> Option<Self> {
        let uri: Uri = format!("/?{text}").parse().ok()?;
        Query::<Vec<(String, String)>>::try_from_uri(&uri).ok().map(|Query(pairs)| Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(key, _)| key == name);
        named.next().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A refusal in OAuth's form.
fn refused((error, description): NotGiven) -> Reply {
    let status = if error == "invalid_client" { 401 } else { 400 };
    let body = json!({ "error": error, "error_description": description });
    Reply { status, ..Reply::json(body.to_string()) }
}

fn refusal_by_status(status: u16, message: &str) -> Reply {
    Reply {
        status,
        ..Reply::json(json!({ "error": "server_error", "error_description": message }).to_string())
    }
}

/// Answers what a browser is sent to: the stand-in's person consents at once, or refuses.
pub(crate) fn consent(app: &App, asked: &Asked<'_>) -> Response {
    let bad = |why: &str| wire::response(Reply::refusal(400, why));
    let Some(fields) = Fields::of(asked.uri.query().unwrap_or_default()) else { return bad("malformed") };
    let found = fields.get("client_id").and_then(|id| app.world.by_app(asked.of, id));
    let (Some(workspace), Some(redirect_uri)) = (found, fields.get("redirect_uri")) else {
        return bad("no such app, or no redirect_uri");
    };
    if asked.method != Method::GET || fields.get("response_type").is_some_and(|kind| kind != "code") {
        return bad("only codes are given");
    }
    let challenged = fields.get("code_challenge").map(str::to_owned);
    if challenged.is_some() && fields.get("code_challenge_method") != Some("S256") {
        return bad("only S256 is taken");
    }
    let Some(scopes) = fields.get("scope") else { return bad("no scope") };
    let mut known = workspace.app(asked.of);
    let outcome = if known.denies {
        ("error", "access_denied".to_owned())
    } else {
        ("code", known.consent(redirect_uri, challenged, scopes))
    };
    let mut target = format!("{redirect_uri}?{}={}", outcome.0, outcome.1);
    if let Some(state) = fields.get("state") {
        target = format!("{target}&state={state}");
    }
    let found = Reply { status: 302, ..Reply::json("") };
    wire::response(found.with_header("location", target))
}

/// Answers a token endpoint.
pub(crate) async fn token(app: &App, connection: &Connection, asked: Asked<'_>) -> Response {
    let fields = match fields(&asked) {
        Ok(fields) => fields,
        Err(refusal) => return wire::response(refusal),
    };
    let (id, secret) = client(&asked, &fields);
    let found = id.as_deref().and_then(|id| app.world.by_app(asked.of, id));
    let Some(workspace) = found else {
        return wire::response(refused(("invalid_client", "client identifier invalid")));
    };
    let endpoint = match asked.of {
        AppOf::Gong => Endpoint::GongToken,
        AppOf::Hubspot => Endpoint::HubSpotToken,
        AppOf::Salesforce => Endpoint::SalesforceToken,
    };
    let exchange = Exchange {
        workspace: &workspace,
        log: &workspace.token_log,
        limits: Vec::new(),
        endpoint,
        conversation: None,
        path: asked.uri.path(),
        refuse: refusal_by_status,
        refusal: |hits, now| faults::refusal_by(hits, now, refusal_by_status),
    };
    let now = app.world.now();
    exchange.answer(app, connection, |_| reply(&workspace, &asked, &fields, secret.as_deref(), now)).await
}

/// The fields of a token request: a form; at Gong, whose documentation has them in the query, either.
fn fields(asked: &Asked<'_>) -> Result<Fields, Reply> {
    let bad = |why: &'static str| refused(("invalid_request", why));
    if asked.method != Method::POST {
        return Err(Reply { status: 405, ..bad("POST only") });
    }
    if let (AppOf::Gong, Some(query)) = (asked.of, asked.uri.query()) {
        return Fields::of(query).ok_or_else(|| bad("malformed query"));
    }
    let kind = asked.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(bad("expected a form"));
    }
    let form = std::str::from_utf8(asked.body).ok().and_then(Fields::of);
    form.ok_or_else(|| bad("malformed form"))
}

/// Id and secret of the app: Gong wants them in the header, the others take them in the form.
fn client(asked: &Asked<'_>, fields: &Fields) -> (Option<String>, Option<String>) {
    let header =
        asked.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()?.strip_prefix("Basic "));
    let basic = header.and_then(|header| String::from_utf8(STANDARD.decode(header).ok()?).ok());
    let basic = basic.as_deref().and_then(|text| text.split_once(':'));
    if let (AppOf::Gong | AppOf::Salesforce, Some((id, secret))) = (asked.of, basic) {
        return (Some(id.to_owned()), Some(secret.to_owned()));
    }
    if asked.of == AppOf::Gong {
        return (None, None);
    }
    let own = |name: &str| fields.get(name).map(str::to_owned);
    let assertion = fields.get("assertion").and_then(Jwt::read);
    let issuer = assertion.and_then(|stated| Some(stated.claims["iss"].as_str()?.to_owned()));
    (own("client_id").or(issuer), own("client_secret"))
}

fn reply(
    workspace: &Arc<Workspace>,
    asked: &Asked<'_>,
    fields: &Fields,
    secret: Option<&str>,
    now: Timestamp,
) -> Reply {
    let mut app = workspace.app(asked.of);
    let given = given(&mut app, asked.of, fields, secret, now);
    match given {
        Ok(given) => {
            let host = asked.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let base_url = app.base_url.clone();
            success(workspace, asked.of, &given, host, base_url)
        }
        Err(why) => {
            app.stats.refused += 1;
            refused(why)
        }
    }
}

fn given(
    app: &mut crate::world::App,
    of: AppOf,
    fields: &Fields,
    secret: Option<&str>,
    now: Timestamp,
) -> Result<Given, NotGiven> {
    let field = |name: &'static str| fields.get(name).ok_or(("invalid_request", "a field is missing"));
    let grant = field("grant_type")?;
    let signed = grant == "urn:ietf:params:oauth:grant-type:jwt-bearer";
    if !signed && secret != Some(app.secret.as_str()) {
        return Err(("invalid_client", "invalid client credentials"));
    }
    match (grant, of) {
        ("authorization_code", _) => {
            app.exchange(field("code")?, field("redirect_uri")?, fields.get("code_verifier"))
        }
        ("refresh_token", _) => app.refresh(field("refresh_token")?),
        ("client_credentials", AppOf::Salesforce) => app.grant(),
        (_, AppOf::Salesforce) if signed => {
            believe(app, field("assertion")?, now)?;
            app.grant()
        }
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    }
}

/// Whether the app has signed it, for its user, a moment ago.
fn believe(app: &crate::world::App, assertion: &str, now: Timestamp) -> Result<(), NotGiven> {
    let invalid = |why| Err(("invalid_grant", why));
    let Some(stated) = Jwt::read(assertion).filter(|stated| stated.header["alg"] == "RS256") else {
        return invalid("invalid assertion");
    };
    let Some(key) = &app.public_key else { return invalid("invalid assertion") };
    if !stated.is_signed_by(key) || stated.claims["iss"] != app.id.as_str() {
        return invalid("invalid assertion");
    }
    if !AUDIENCES.iter().any(|audience| stated.claims["aud"] == *audience) {
        return invalid("audience is invalid");
    }
    let (ends, now) = (stated.second("exp"), now.as_second());
    if ends <= now - CLOCK_SLACK_S || ends > now + CLOCK_SLACK_S + ASSERTION_LIFE_MAX_S {
        return invalid("expired authorization code");
    }
    if app.denies || stated.claims["sub"].as_str().is_none_or(str::is_empty) {
        return invalid("user hasn't approved this consumer");
    }
    Ok(())
}

/// Tokens as each vendor words them.
fn success(workspace: &Workspace, of: AppOf, given: &Given, host: &str, base_url: Option<String>) -> Reply {
    let scope = given.scopes.join(" ");
    let mut body = match of {
        AppOf::Gong => json!({
            "token_type": "bearer", "expires_in": given.life.as_secs(), "scope": scope,
            "api_base_url_for_customer": base_url.unwrap_or_else(|| format!("http://{host}/gong")),
        }),
        AppOf::Hubspot => json!({
            "token_type": "bearer", "expires_in": given.life.as_secs(), "scopes": given.scopes,
            "hub_id": workspace.portal_id(), "token_use": "access_token",
        }),
        AppOf::Salesforce => json!({
            "token_type": "Bearer", "scope": scope, "issued_at": "1777000000000",
            "instance_url": base_url.unwrap_or_else(|| format!("http://{host}/salesforce")),
            "id": "https://login.salesforce.com/id/00Dd00000000000EAA/005d00000000000QAA",
        }),
    };
    body["access_token"] = json!(given.access_token);
    if let Some(refresh_token) = &given.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Reply::json(body.to_string())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
    use serde_json::Value;

    use super::*;
    use crate::jwt::der_of;
    use crate::world::App;

    const NOW_S: i64 = 1_800_000_000;

    fn key() -> RsaKeyPair {
        let der = der_of(include_str!("google/service_account.pem")).expect("a key");
        RsaKeyPair::from_pkcs8(&der).expect("a key")
    }

    fn signed(header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let (stated, key) = (format!("{}.{}", part(header), part(claims)), key());
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), stated.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{stated}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn refused(app: &App, assertion: &str) -> Option<&'static str> {
        let now = Timestamp::from_second(NOW_S).expect("a time");
        believe(app, assertion, now).err().map(|(_, why)| why)
    }

    #[test]
    fn an_assertion_is_believed_as_the_app_has_signed_it_and_no_other() {
        let mut app = App::of(AppOf::Salesforce, "acme", 7);
        let header = json!({ "alg": "RS256" });
        let stated = |name: &str, value: Value| {
            let mut claims = json!({
                "iss": "acme-salesforce-app", "sub": "ana@acme.example", "aud": AUDIENCES[0], "exp": NOW_S + 180,
            });
            claims[name] = value;
            signed(&header, &claims)
        };
        let good = stated("jti", json!("1"));
        assert_eq!(refused(&app, &good), Some("invalid assertion"), "there is no certificate");
        app.public_key = Some(key().public_key().as_ref().to_vec());
        assert_eq!(refused(&app, &good), None);
        let (body, _) = good.rsplit_once('.').expect("three parts");
        let other = stated("jti", json!("2"));
        let (_, signature) = other.rsplit_once('.').expect("three parts");
        for (assertion, why) in [
            (format!("{body}.{signature}"), "invalid assertion"),
            ("a.b.c".to_owned(), "invalid assertion"),
            (stated("iss", json!("another-app")), "invalid assertion"),
            (signed(&json!({ "alg": "none" }), &json!({})), "invalid assertion"),
            (stated("aud", json!("https://evil.example")), "audience is invalid"),
            (stated("exp", json!(NOW_S - 901)), "expired authorization code"),
            (stated("exp", json!(NOW_S + 3600)), "expired authorization code"),
            (stated("sub", json!("")), "user hasn't approved this consumer"),
        ] {
            assert_eq!(refused(&app, &assertion), Some(why), "{assertion}");
        }
    }
}
