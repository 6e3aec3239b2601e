//! Every request that carries a key, a token or the secret of an app, answered with a redirect to another host.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

#[expect(dead_code, reason = "a redirect is whole: nothing breaks off")]
mod fake;

use fake::{FakeVendor, Reply};
use model::Window;
use secrecy::SecretString;
use vendors::attention::{Attention, AttentionAuth, HeaderForm, ListRequest};
use vendors::gong::{Calls, CallsRequest, Gong, GongAuth};
use vendors::hubspot::{HubSpot, Search};
use vendors::oauth::{ClientIn, Consent, OAuthClient, TokenEndpoint, TokenError};
use vendors::salesforce::{Readable, Rows, Salesforce};
use vendors::{BaseUrl, Bearer, Failure, HttpOptions, VendorError, VendorHttp, hubspot, salesforce};

const STATUSES: [&str; 5] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

/// Whatever is secret begins with it.
const SECRET: &str = "s3cret-";

fn secret(what: &str) -> SecretString {
    SecretString::from(format!("{SECRET}{what}"))
}

fn http() -> VendorHttp {
    VendorHttp::new(&HttpOptions::default()).unwrap()
}

fn base_url(vendor: &FakeVendor) -> BaseUrl {
    BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap()
}

fn bearer() -> Bearer {
    Bearer(secret("token"))
}

fn window() -> Window {
    Window { from: "2026-05-01T00:00:00Z".parse().unwrap(), to: "2026-05-02T00:00:00Z".parse().unwrap() }
}

fn refused<T, E>(answer: Result<T, E>) -> E {
    answer.err().expect("a redirect is no answer")
}

/// Lets everything be asked of a vendor that redirects to another, and returns the errors; the other must see nothing.
async fn redirected<E>(ask: impl AsyncFn(&FakeVendor) -> Vec<E>) -> Vec<E> {
    let other = FakeVendor::replying(Reply::ok("{}")).await;
    let mut errors = Vec::new();
    for status in STATUSES {
        let elsewhere = format!("location: http://{}/elsewhere?token={SECRET}echoed\r\n", other.address);
        let vendor = FakeVendor::replying(Reply::of(status, &elsewhere, "<html>moved")).await;
        let refusals = ask(&vendor).await;
        assert_eq!(vendor.requests().len(), refusals.len(), "a call is one request");
        errors.extend(refusals);
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    errors
}

async fn requests_are_not_redirected(ask: impl AsyncFn(&FakeVendor) -> Vec<VendorError>) {
    for error in redirected(ask).await {
        assert_eq!((error.failure, error.is_transient()), (Failure::Redirect, false), "{error}");
        let sentence =
            "the vendor redirects to 127.0.0.1, where the credential does not follow: see the base URL";
        assert_eq!(error.message, sentence);
        assert!(!format!("{error:?} {error}").contains(SECRET), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_of_attention_goes_nowhere_else() {
    requests_are_not_redirected(async |vendor| {
        let client = Attention::new(http(), base_url(vendor));
        let mut errors = Vec::new();
        for form in [HeaderForm::Bearer, HeaderForm::Bare] {
            let auth = AttentionAuth { key: secret("key"), form };
            errors
                .push(refused(client.list(&auth, &ListRequest { window: window(), page: 1, size: 9 }).await));
            errors.push(refused(client.detail(&auth, "1").await));
            errors.push(refused(client.users(&auth).await));
        }
        errors
    })
    .await;
}

#[tokio::test]
async fn a_key_or_a_token_of_gong_goes_nowhere_else() {
    requests_are_not_redirected(async |vendor| {
        let client = Gong::new(http(), base_url(vendor));
        let by_key = GongAuth::of_access_key("key", &format!("{SECRET}key")).unwrap();
        let mut errors = Vec::new();
        for auth in [by_key, GongAuth::of_access_token(secret("token"))] {
            let calls = CallsRequest { calls: Calls::Started(window()), cursor: None };
            errors.push(refused(client.calls(&auth, &calls).await));
            errors.push(refused(client.transcripts(&auth, &["1"], None).await));
            errors.push(refused(client.users(&auth, None).await));
            errors.push(refused(client.workspaces(&auth).await));
        }
        errors
    })
    .await;
}

#[tokio::test]
async fn a_token_of_hubspot_goes_nowhere_else() {
    requests_are_not_redirected(async |vendor| {
        let client = HubSpot::new(http(), base_url(vendor), "2026-09".to_owned());
        let companies = hubspot::Object::Companies;
        let changed = Search::Changed { from_ms: 1, to_ms: 2 };
        vec![
            refused(client.account(&bearer()).await),
            refused(client.list(&bearer(), companies, true, Some("after")).await),
            refused(client.search(&bearer(), companies, &changed).await),
            refused(client.read(&bearer(), companies, &["1".to_owned()], false).await),
            refused(client.owners(&bearer(), false, None).await),
            refused(
                client.companies_of(&bearer(), hubspot::Object::Contacts, &[("1".to_owned(), None)]).await,
            ),
        ]
    })
    .await;
}

/// What may be read of contacts, as an organization describes it.
async fn readable() -> Readable {
    let fields = ["Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "AccountId", "Email"];
    let fields: Vec<String> = fields.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
    let described = format!(r#"{{"queryable":true,"fields":[{}]}}"#, fields.join(","));
    let vendor = FakeVendor::replying(Reply::ok(described)).await;
    let client = Salesforce::new(http(), base_url(&vendor), "66.0");
    client.describe(&bearer(), salesforce::Object::Contact, &[]).await.unwrap()
}

#[tokio::test]
async fn a_token_of_salesforce_goes_nowhere_else() {
    let readable = readable().await;
    requests_are_not_redirected(async |vendor| {
        let client = Salesforce::new(http(), base_url(vendor), "66.0");
        let contact = salesforce::Object::Contact;
        vec![
            refused(client.organization(&bearer()).await),
            refused(client.describe(&bearer(), contact, &[]).await),
            refused(client.query(&bearer(), &readable, &Rows::All).await),
            refused(client.next(&bearer(), contact, "/services/data/v66.0/query/0r8-2").await),
            refused(client.deleted(&bearer(), contact, window()).await),
            refused(client.users(&bearer(), None).await),
        ]
    })
    .await;
}

#[tokio::test]
async fn nothing_that_gets_a_token_goes_anywhere_else() {
    let errors = redirected(async |vendor| {
        let client = OAuthClient { id: "app-1".to_owned(), secret: secret("app") };
        let (code, verifier) = (secret("code"), secret("verifier"));
        let consent =
            Consent { code: &code, redirect_uri: "http://127.0.0.1:1/callback", verifier: Some(&verifier) };
        let mut errors = Vec::new();
        for client_in in [ClientIn::Header, ClientIn::Form] {
            let endpoint = TokenEndpoint::new(http(), base_url(vendor), client_in);
            errors.push(refused(endpoint.authorization_code(&client, &consent).await));
            errors.push(refused(endpoint.refresh(&client, &secret("refresh")).await));
            errors.push(refused(endpoint.client_credentials(&client).await));
            errors.push(refused(endpoint.jwt_bearer(&secret("assertion")).await));
        }
        errors
    })
    .await;
    for error in errors {
        // nothing was given for it, so a refresh token that was shown is as good as before
        let TokenError::NotAsked(said) = &error else { panic!("{error:?}") };
        assert_eq!(said.failure, Failure::Redirect);
        let sentence = "127.0.0.1 redirects a request for a token, which never follows: see the token URL";
        assert_eq!(said.message, sentence);
        assert!(!format!("{error:?} {error}").contains(SECRET), "{error:?}");
    }
}
