//! Requests for tokens against a vendor that answers anything at all.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod fake;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fake::{FakeVendor, Reply};
use jiff::Timestamp;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use vendors::oauth::{Assertion, ClientIn, Consent, OAuthClient, Refusal, TokenEndpoint, TokenError, Tokens};
use vendors::{BaseUrl, HttpOptions, VendorHttp};

const SECRET: &str = "app-s3cret/+";
const CODE: &str = "code-7f3a==";
const VERIFIER: &str = "verifier-of-forty-three-characters-and-more";
const REFRESH: &str = "rt-9c21/+";
/// `app-1:app-s3cret/+` as a header has it.
const BASIC: &str = "YXBwLTE6YXBwLXMzY3JldC8r";
const GIVEN: &str =
    r#"{"access_token":"at-1","refresh_token":"rt-2","token_type":"bearer","expires_in":1800}"#;

fn app() -> OAuthClient {
    OAuthClient { id: "app-1".to_owned(), secret: SecretString::from(SECRET) }
}

fn endpoint(address: &str, client_in: ClientIn) -> TokenEndpoint {
    let url = BaseUrl::parse(&format!("http://{address}/oauth/token"), true).unwrap();
    let options = HttpOptions { total_timeout: Duration::from_millis(500), ..HttpOptions::default() };
    TokenEndpoint::new(VendorHttp::new(&options).unwrap(), url, client_in)
}

async fn refreshed(reply: Reply) -> Result<Tokens, TokenError> {
    let vendor = FakeVendor::replying(reply).await;
    let refreshed =
        endpoint(&vendor.address, ClientIn::Form).refresh(&app(), &SecretString::from(REFRESH)).await;
    assert_eq!(vendor.requests().len(), 1, "a call is one request");
    refreshed
}

async fn exchanged(reply: Reply, client_in: ClientIn) -> (Result<Tokens, TokenError>, FakeVendor) {
    let vendor = FakeVendor::replying(reply).await;
    let (code, verifier) = (SecretString::from(CODE), SecretString::from(VERIFIER));
    let consent =
        Consent { code: &code, redirect_uri: "http://127.0.0.1:7000/callback", verifier: Some(&verifier) };
    (endpoint(&vendor.address, client_in).authorization_code(&app(), &consent).await, vendor)
}

fn refusal(status: &str, body: &str) -> Reply {
    Reply::of(status, "content-type: application/json\r\n", body)
}

#[tokio::test]
async fn a_code_is_exchanged_once_with_everything_that_the_vendor_checks() {
    let (tokens, vendor) = exchanged(Reply::ok(GIVEN), ClientIn::Form).await;
    let tokens = tokens.unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "at-1");
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "rt-2");
    assert_eq!(tokens.expires_in, Some(Duration::from_mins(30)));
    assert_eq!(
        vendor.bodies(),
        [format!(
            "grant_type=authorization_code&code=code-7f3a%3D%3D&redirect_uri=http%3A%2F%2F127.0.0.1%3A7000%2Fcallback\
             &code_verifier={VERIFIER}&client_id=app-1&client_secret=app-s3cret%2F%2B"
        )]
    );
    let head = vendor.requests()[0].to_lowercase();
    assert!(head.starts_with("post /oauth/token http/1.1\r\n"), "nothing secret is in the address: {head}");
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded") && !head.contains("authorization:")
    );
}

#[tokio::test]
async fn the_apps_secret_travels_in_the_header_where_the_vendor_wants_it_there() {
    let (tokens, vendor) = exchanged(Reply::ok(GIVEN), ClientIn::Header).await;
    tokens.unwrap();
    assert!(
        vendor.requests()[0].contains(&format!("authorization: Basic {BASIC}")),
        "{:?}",
        vendor.requests()
    );
    assert!(!vendor.bodies()[0].contains("client_secret"), "{:?}", vendor.bodies());
    assert!(vendor.bodies()[0].contains("client_id=app-1"), "{:?}", vendor.bodies());
}

#[tokio::test]
async fn the_other_grants_send_what_is_theirs_and_take_an_answer_without_a_refresh_token() {
    let alone =
        r#"{"access_token":"00D!A","instance_url":"https://acme.my.salesforce.com","token_type":"Bearer"}"#;
    let vendor = FakeVendor::replying(Reply::ok(alone)).await;
    let endpoint = endpoint(&vendor.address, ClientIn::Form);
    let tokens = endpoint.client_credentials(&app()).await.unwrap();
    assert!(tokens.refresh_token.is_none() && tokens.expires_in.is_none());
    assert_eq!(tokens.base_url.as_deref(), Some("https://acme.my.salesforce.com"));
    endpoint.jwt_bearer(&SecretString::from("a.b.c")).await.unwrap();
    endpoint.refresh(&app(), &SecretString::from(REFRESH)).await.unwrap();
    assert_eq!(
        vendor.bodies(),
        [
            "grant_type=client_credentials&client_id=app-1&client_secret=app-s3cret%2F%2B",
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c",
            "grant_type=refresh_token&refresh_token=rt-9c21%2F%2B&client_id=app-1&client_secret=app-s3cret%2F%2B",
        ]
    );
}

#[tokio::test]
async fn every_refusal_is_known_by_its_word() {
    let table = [
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"expired code"}"#,
            Refusal::Grant,
        ),
        ("400 Bad Request", r#"{"error":"invalid_grant"}"#, Refusal::Grant),
        (
            "400 Bad Request",
            r#"{"status":"BAD_REFRESH_TOKEN","message":"missing or unknown"}"#,
            Refusal::Grant,
        ),
        ("401 Unauthorized", r#"{"requestId":"1","errors":["Invalid refresh token"]}"#, Refusal::Grant),
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#, Refusal::Client),
        (
            "400 Bad Request",
            r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#,
            Refusal::Client,
        ),
        ("400 Bad Request", r#"{"error":"unauthorized_client"}"#, Refusal::App),
        ("400 Bad Request", r#"{"error":"redirect_uri_mismatch"}"#, Refusal::RedirectUri),
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"redirect_uri does not match"}"#,
            Refusal::RedirectUri,
        ),
        ("400 Bad Request", r#"{"error":"invalid_scope"}"#, Refusal::Scope),
        ("400 Bad Request", r#"{"error":"unsupported_grant_type"}"#, Refusal::Request),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (status, body, expected) in table {
        let error = refreshed(refusal(status, body)).await.expect_err("a refusal");
        assert_eq!(error.refusal(), Some(expected), "{body}: {error}");
        assert!(!error.is_transient());
        sentences.insert(error.to_string().split(" (").next().unwrap().to_owned());
    }
    assert_eq!(sentences.len(), 6, "each its own sentence: {sentences:?}");
    let said = refreshed(refusal(table[0].0, table[0].1)).await.expect_err("a refusal").to_string();
    assert!(said.ends_with("(HTTP 400: invalid_grant: expired code)"), "{said}");
}

#[tokio::test]
async fn what_the_vendor_did_not_take_is_told_from_what_nobody_knows() {
    let not_asked = [
        refusal("429 Too Many Requests", ""),
        refusal("503 Service Unavailable", "<html>maintenance</html>"),
        refusal("400 Bad Request", r#"{"error":"temporarily_unavailable"}"#),
        Reply::of("302 Found", "location: https://elsewhere.example/token\r\n", ""),
        refusal("404 Not Found", "<html>"),
        refusal("403 Forbidden", "<html>blocked"),
    ];
    for reply in not_asked {
        let error = refreshed(reply).await.expect_err("no token");
        assert!(matches!(error, TokenError::NotAsked(_)) && error.is_transient(), "{error:?}");
    }
    let cut = GIVEN[..40].to_owned();
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{GIVEN}");
    let unknown = [
        refusal("500 Internal Server Error", ""),
        refusal("502 Bad Gateway", "<html>"),
        refusal("504 Gateway Timeout", ""),
        Reply::ok(cut),
        Reply::ok("<html>"),
        Reply::ok(r#"{"refresh_token":"rt-2"}"#),
        Reply::Reset(whole.clone().into_bytes()),
        Reply::Stall(whole.into_bytes()),
        Reply::Bytes(Vec::new()),
    ];
    for reply in unknown {
        let error = refreshed(reply).await.expect_err("no token");
        assert!(matches!(error, TokenError::Unknown(_)) && error.is_transient(), "{error:?}");
        for shown in ["at-1", "rt-2"] {
            assert!(!format!("{error} {error:?}").contains(shown), "{error:?}");
        }
    }
    let nobody =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = endpoint(&nobody, ClientIn::Form).client_credentials(&app()).await.expect_err("nobody there");
    assert!(matches!(error, TokenError::NotAsked(_)), "{error:?}");
    assert!(refreshed(Reply::gzip(GIVEN.as_bytes())).await.is_ok(), "compressed like any other answer");
}

#[tokio::test]
async fn nothing_that_is_echoed_is_ever_shown() {
    let echo = format!(
        r#"{{"error":"invalid_grant","error_description":"{CODE} {VERIFIER} {SECRET} {BASIC} app-s3cret%2F%2B code-7f3a%3D%3D"}}"#
    );
    for client_in in [ClientIn::Form, ClientIn::Header] {
        let (answer, vendor) = exchanged(refusal("400 Bad Request", &echo), client_in).await;
        let error = answer.expect_err("a refusal");
        let shown = format!("{error} {error:?} {:?} {:?}", app(), endpoint(&vendor.address, client_in));
        assert!(shown.contains("[secret]"), "{shown}");
        let mut secrets = vec![CODE, VERIFIER, SECRET, "app-s3cret%2F%2B", "code-7f3a%3D%3D"];
        if client_in == ClientIn::Header {
            secrets.push(BASIC);
        }
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}

fn key(name: &str) -> SecretString {
    let path = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    SecretString::from(std::fs::read_to_string(path).unwrap())
}

const ASSERTION: Assertion<'static> =
    Assertion { issuer: "3MVG9", subject: "ana@acme.example", audience: "https://login.salesforce.com" };

#[test]
fn an_assertion_is_signed_for_three_minutes_and_its_signature_holds() {
    let now: Timestamp = "2026-11-21T15:00:00Z".parse().unwrap();
    let signed = ASSERTION.signed(&key("signing.pem"), now).unwrap();
    let parts: Vec<&str> = signed.expose_secret().split('.').collect();
    let json = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(json(parts[0])["alg"], "RS256");
    let claims = json(parts[1]);
    assert_eq!((&claims["iss"], &claims["sub"]), (&"3MVG9".into(), &"ana@acme.example".into()));
    assert_eq!(claims["aud"], "https://login.salesforce.com");
    assert_eq!(claims["exp"], now.as_second() + 180);

    let PrivateKeyDer::Pkcs8(der) =
        PrivateKeyDer::from_pem_slice(key("signing.pem").expose_secret().as_bytes()).unwrap()
    else {
        panic!("a key in PKCS#8");
    };
    let pair = KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
    let stated = format!("{}.{}", parts[0], parts[1]);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    public.verify(&RSA_PKCS1_2048_8192_SHA256, stated.as_bytes(), &signature).unwrap();
    // the older form of the same key signs the same
    let older = ASSERTION.signed(&key("signing_pkcs1.pem"), now).unwrap();
    assert_eq!(older.expose_secret(), signed.expose_secret());
}

#[test]
fn a_key_that_cannot_sign_says_what_is_expected() {
    let now = Timestamp::UNIX_EPOCH;
    let cut = SecretString::from(key("signing.pem").expose_secret()[..400].to_owned());
    for bad in [SecretString::from("hunter2"), SecretString::from(""), cut, key("elliptic.pem")] {
        let error = ASSERTION.signed(&bad, now).expect_err("no key").to_string();
        assert!(error.contains("expected an RSA key of 2048 bits") && !error.contains("hunter2"), "{error}");
    }
}
