//! The real client against a vendor that answers anything at all.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod fake;

use std::time::Duration;

use fake::{FakeVendor, Reply};
use jiff::Timestamp;
use model::Window;
use vendors::gong::{Calls, CallsPage, CallsRequest, Gong, GongAuth};
use vendors::{BaseUrl, Failure, HttpOptions, VendorError, VendorHttp};

const KEY: &str = "ACCESSKEY7F3A";
const SECRET: &str = "eyJ-very-secret";
/// `KEY:SECRET` as the header has it.
const BASIC: &str = "QUNDRVNTS0VZN0YzQTpleUotdmVyeS1zZWNyZXQ=";

fn auth() -> GongAuth {
    GongAuth::of_access_key(KEY, SECRET).unwrap()
}

fn client(vendor: &FakeVendor) -> Gong {
    let base_url = BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap();
    Gong::new(VendorHttp::new(&HttpOptions::default()).unwrap(), base_url)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn first_page() -> CallsRequest<'static> {
    let window = Window { from: at("2025-03-04T15:00:00Z"), to: at("2025-03-06T15:00:00Z") };
    CallsRequest { calls: Calls::Started(window), cursor: None }
}

async fn calls_from(vendor: &FakeVendor) -> Result<CallsPage, VendorError> {
    client(vendor).calls(&auth(), &first_page()).await
}

async fn calls_error(reply: Reply) -> VendorError {
    let vendor = FakeVendor::replying(reply).await;
    let error = calls_from(&vendor).await.expect_err("a failure");
    assert_eq!(vendor.requests().len(), 1, "a call is one request");
    for secret in [KEY, SECRET, BASIC] {
        assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
    }
    error
}

fn refusal(status: &str, words: &str) -> Reply {
    Reply::of(status, "", format!(r#"{{"requestId":"4al","errors":["{words}"]}}"#))
}

#[tokio::test]
async fn calls_are_asked_for_with_everything_that_can_change_in_them() {
    let body =
        r#"{"requestId":"r","records":{"cursor":"next"},"calls":[{"metaData":{"id":"1"}},{"metaData" :{}}]}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let page = calls_from(&vendor).await.unwrap();
    let rows: Vec<&str> = page.calls.iter().map(|row| row.get()).collect();
    assert_eq!(rows, [r#"{"metaData":{"id":"1"}}"#, r#"{"metaData" :{}}"#]);
    assert_eq!((page.cursor.as_deref(), page.body_bytes), (Some("next"), body.len()));
    let head = vendor.requests().remove(0);
    assert!(head.starts_with("POST /v2/calls/extensive HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: Basic {BASIC}\r\n")), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let sent: serde_json::Value = serde_json::from_str(&vendor.bodies()[0]).unwrap();
    let filter =
        serde_json::json!({ "fromDateTime": "2025-03-04T15:00:00Z", "toDateTime": "2025-03-06T15:00:00Z" });
    assert_eq!(sent["filter"], filter);
    assert_eq!(sent["contentSelector"]["context"], "Extended");
    let exposed = &sent["contentSelector"]["exposedFields"];
    assert_eq!((&exposed["parties"], &exposed["media"]), (&true.into(), &false.into()));
    assert!(sent.get("cursor").is_none());
}

#[tokio::test]
async fn transcripts_are_asked_for_by_ids_and_those_that_are_missing_are_left_out() {
    let body = r#"{"records":{},"callTranscripts":[{"callId":"1","transcript":[]}]}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let page = client(&vendor).transcripts(&auth(), &["1", "2"], Some("on")).await.unwrap();
    assert_eq!((page.transcripts.len(), page.transcripts[0].call_id.as_str()), (1, "1"));
    assert!(vendor.requests()[0].starts_with("POST /v2/calls/transcript HTTP/1.1\r\n"));
    assert_eq!(vendor.bodies()[0], r#"{"cursor":"on","filter":{"callIds":["1","2"]}}"#);
}

#[tokio::test]
async fn users_and_workspaces_are_listed() {
    let vendor = FakeVendor::replying(Reply::ok(r#"{"users":[{"id":"1"}],"workspaces":[{"id":"9"}]}"#)).await;
    assert_eq!(client(&vendor).users(&auth(), Some("a b")).await.unwrap().users.len(), 1);
    assert_eq!(client(&vendor).workspaces(&auth()).await.unwrap()[0].id, "9");
    assert!(vendor.requests()[0].starts_with("GET /v2/users?cursor=a+b HTTP/1.1\r\n"));
    assert!(vendor.requests()[1].starts_with("GET /v2/workspaces HTTP/1.1\r\n"));
}

#[tokio::test]
async fn the_404_that_says_that_nothing_was_found_is_an_empty_page_and_no_other_is() {
    let words = "No calls found corresponding to the provided filters";
    let vendor = FakeVendor::replying(refusal("404 Not Found", words)).await;
    let page = calls_from(&vendor).await.unwrap();
    assert_eq!((page.calls.len(), page.cursor), (0, None));
    assert!(client(&vendor).transcripts(&auth(), &["1"], None).await.unwrap().transcripts.is_empty());
    for other in [
        refusal("404 Not Found", "Call ID 894411314421502864 was not found"),
        Reply::of("404 Not Found", "", "<html>nothing here</html>"),
        Reply::of("404 Not Found", "", ""),
    ] {
        assert_eq!(calls_error(other).await.failure, Failure::NotFound);
    }
    assert_eq!(calls_error(refusal("400 Bad Request", words)).await.failure, Failure::BadRequest);
}

#[tokio::test]
async fn a_401_for_want_of_a_scope_names_it_and_is_no_bad_credential() {
    let words = "You don't have permission to use 'api:calls:read:extensive' in your app.";
    let error = calls_error(refusal("401 Unauthorized", words)).await;
    assert_eq!(error.failure, Failure::MissingScope);
    assert_eq!(error.message, format!("missing scope api:calls:read:extensive: {words}"));
    for words in ["Unauthorized", "access token has been revoked"] {
        assert_eq!(calls_error(refusal("401 Unauthorized", words)).await.failure, Failure::Credential);
    }
}

#[tokio::test]
async fn every_status_is_classified_and_brings_the_vendors_words() {
    let table = [
        ("400 Bad Request", "Json parse error", Failure::BadRequest),
        ("400 Bad Request", "The cursor has expired", Failure::CursorExpired),
        ("403 Forbidden", "IP not trusted", Failure::Forbidden),
        ("409 Conflict", "because", Failure::BadRequest),
        ("429 Too Many Requests", "because", Failure::RateLimited),
        ("500 Internal Server Error", "because", Failure::Transient),
        ("503 Service Unavailable", "because", Failure::Transient),
    ];
    for (status, words, failure) in table {
        let error = calls_error(refusal(status, words)).await;
        assert_eq!((error.failure, error.message.as_str()), (failure, words), "{status}");
    }
}

#[tokio::test]
async fn a_used_up_day_says_for_how_many_hours() {
    let error = calls_error(Reply::of("429 Too Many Requests", "retry-after: 21600\r\n", "")).await;
    assert_eq!(error.retry_after(), Some(Duration::from_hours(6)));
}

#[tokio::test]
async fn a_success_of_another_shape_is_no_empty_page() {
    let html = Reply::of("200 OK", "content-type: text/html\r\n", "<html>maintenance</html>");
    for reply in [html, Reply::ok(r#"{"rows":[]}"#), Reply::ok(""), Reply::of("204 No Content", "", "")] {
        assert_eq!(calls_error(reply).await.failure, Failure::UnexpectedShape);
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"calls\":[{\"metaData\":";
    assert_eq!(calls_error(Reply::Bytes(cut.into())).await.failure, Failure::Transient);
}

#[tokio::test]
async fn a_secret_that_the_vendor_echoes_stays_out_of_the_error() {
    for echoed in [KEY, SECRET, BASIC] {
        let error = calls_error(refusal("401 Unauthorized", &format!("bad {echoed}!"))).await;
        assert_eq!(error.message, "bad [secret]!");
    }
}

#[tokio::test]
async fn a_vendor_that_hangs_or_breaks_off_may_work_later_and_a_compressed_answer_is_read() {
    let hasty = HttpOptions { total_timeout: Duration::from_millis(300), ..HttpOptions::default() };
    for (reply, failure) in [
        (Reply::Stall(Vec::new()), Failure::TooLong),
        (Reply::Reset(b"HTTP/1.1 200 OK\r\n".to_vec()), Failure::Transient),
    ] {
        let vendor = FakeVendor::replying(reply).await;
        let base_url = BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap();
        let client = Gong::new(VendorHttp::new(&hasty).unwrap(), base_url);
        let error = client.calls(&auth(), &first_page()).await.expect_err("no answer");
        assert_eq!(error.failure, failure);
    }
    let vendor = FakeVendor::replying(Reply::gzip(br#"{"calls":[{"metaData":{}}]}"#)).await;
    assert_eq!(calls_from(&vendor).await.unwrap().calls.len(), 1);
}
