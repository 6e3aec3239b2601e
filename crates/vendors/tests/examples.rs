//! Every example of the vendors' documentation, one file each: what is asked for it, and what is read of it.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

#[expect(dead_code, reason = "examples are whole: nothing breaks off")]
mod fake;

use std::fmt::Debug;
use std::path::Path;

use fake::{FakeVendor, Reply};
use model::Window;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use vendors::gong::{Calls, CallsRequest, Gong, GongAuth};
use vendors::hubspot::{HubSpot, Search};
use vendors::oauth::{ClientIn, OAuthClient, TokenEndpoint};
use vendors::salesforce::Salesforce;
use vendors::{BaseUrl, Bearer, HttpOptions, VendorHttp, hubspot, salesforce};

#[derive(Deserialize)]
struct Fixture<'a> {
    ask: &'a str,
    status: Option<&'a str>,
    #[serde(default)]
    headers: String,
    #[serde(borrow)]
    answer: &'a RawValue,
}

fn http() -> VendorHttp {
    VendorHttp::new(&HttpOptions::default()).unwrap()
}

fn base_url(vendor: &FakeVendor) -> BaseUrl {
    BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap()
}

fn window() -> Window {
    Window { from: "2025-03-01T00:00:00Z".parse().unwrap(), to: "2025-03-02T00:00:00Z".parse().unwrap() }
}

fn bearer() -> Bearer {
    Bearer(SecretString::from("a-token"))
}

fn told(read: impl Debug) -> String {
    format!("{read:#?}")
}

async fn token(vendor: &FakeVendor, client_in: ClientIn) -> String {
    let client = OAuthClient { id: "app-1".to_owned(), secret: SecretString::from("a-secret") };
    let endpoint = TokenEndpoint::new(http(), base_url(vendor), client_in);
    told(endpoint.refresh(&client, &SecretString::from("a-refresh-token")).await)
}

async fn gong(vendor: &FakeVendor, ask: &str) -> String {
    let client = Gong::new(http(), base_url(vendor));
    let auth = GongAuth::of_access_key("key", "a-secret").unwrap();
    let calls = CallsRequest { calls: Calls::Started(window()), cursor: None };
    match ask {
        "calls" => told(client.calls(&auth, &calls).await),
        "transcripts" => told(client.transcripts(&auth, &["7782342274025937895"], None).await),
        "users" => told(client.users(&auth, None).await),
        "workspaces" => told(client.workspaces(&auth).await),
        _ => token(vendor, ClientIn::Header).await,
    }
}

async fn hubspot(vendor: &FakeVendor, ask: &str) -> String {
    let client = HubSpot::new(http(), base_url(vendor), "2026-09".to_owned());
    let (companies, contacts) = (hubspot::Object::Companies, hubspot::Object::Contacts);
    let changed = Search::Changed { from_ms: 1_772_000_000_000, to_ms: 1_773_000_000_000 };
    let inputs = [("1001".to_owned(), None), ("1002".to_owned(), Some("a-place".to_owned()))];
    match ask {
        "list" => told(client.list(&bearer(), companies, false, None).await),
        "search" => told(client.search(&bearer(), companies, &changed).await),
        "read" => told(client.read(&bearer(), companies, &["1".to_owned()], false).await),
        "owners" => told(client.owners(&bearer(), false, None).await),
        "associations" => told(client.companies_of(&bearer(), contacts, &inputs).await),
        "account" => told(client.account(&bearer()).await),
        _ => token(vendor, ClientIn::Form).await,
    }
}

async fn salesforce(vendor: &FakeVendor, ask: &str) -> String {
    let client = Salesforce::new(http(), base_url(vendor), "66.0");
    let contact = salesforce::Object::Contact;
    let next = "/services/data/v66.0/query/0r8xx0000000001AAA-2";
    match ask {
        "next" => told(client.next(&bearer(), contact, next).await),
        "deleted" => told(client.deleted(&bearer(), contact, window()).await),
        "organization" => told(client.organization(&bearer()).await),
        _ => token(vendor, ClientIn::Form).await,
    }
}

/// What was sent, without what every request has.
fn sent(vendor: &FakeVendor) -> String {
    let (heads, bodies) = (vendor.requests(), vendor.bodies());
    assert_eq!(heads.len(), 1, "an answer takes one request");
    let line = heads[0].lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    format!("{line}\n{}", bodies[0])
}

async fn compare_with_snapshots(name: &str, ask: impl AsyncFn(&FakeVendor, &str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "the fixtures are gone");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let fixture: Fixture<'_> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{} is no fixture: {error}", path.display()));
        let status = fixture.status.unwrap_or("200 OK");
        let reply = Reply::of(status, &fixture.headers, fixture.answer.get());
        let vendor = FakeVendor::replying(reply).await;
        let read = ask(&vendor, fixture.ask).await;
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path(format!("snapshots/{name}"));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        settings.bind(|| insta::assert_snapshot!(name, format!("{}\n\n{read}", sent(&vendor).trim_end())));
    }
}

#[tokio::test]
async fn every_answer_of_gong_is_read_as_its_snapshot_says() {
    compare_with_snapshots("gong", gong).await;
}

#[tokio::test]
async fn every_answer_of_hubspot_is_read_as_its_snapshot_says() {
    compare_with_snapshots("hubspot", hubspot).await;
}

#[tokio::test]
async fn every_answer_of_salesforce_is_read_as_its_snapshot_says() {
    compare_with_snapshots("salesforce", salesforce).await;
}
