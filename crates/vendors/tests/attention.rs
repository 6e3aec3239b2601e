//! The real client against a vendor made of prepared bytes.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod fake;

use std::time::Duration;

use fake::{FakeVendor, Reply};
use jiff::Timestamp;
use model::Window;
use secrecy::SecretString;
use vendors::attention::{Attention, AttentionAuth, HeaderForm, ListPage, ListRequest};
use vendors::{BaseUrl, Failure, HttpOptions, VendorError, VendorHttp};

const KEY: &str = "sk-7f3a-very-secret";

fn auth(form: HeaderForm) -> AttentionAuth {
    AttentionAuth { key: SecretString::from(KEY), form }
}

fn client_with(vendor: &FakeVendor, options: &HttpOptions) -> Attention {
    let base_url = BaseUrl::parse(&format!("http://{}/v2/", vendor.address), true).unwrap();
    Attention::new(VendorHttp::new(options).unwrap(), base_url)
}

fn client(vendor: &FakeVendor) -> Attention {
    client_with(vendor, &HttpOptions::default())
}

fn first_page() -> ListRequest {
    let window = Window { from: at("2025-03-04T15:00:00Z"), to: at("2025-03-06T15:00:00Z") };
    ListRequest { window, page: 1, size: 50 }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn list_from(vendor: &FakeVendor) -> Result<ListPage, VendorError> {
    client(vendor).list(&auth(HeaderForm::Bearer), &first_page()).await
}

async fn list_error(reply: Reply) -> VendorError {
    let vendor = FakeVendor::replying(reply).await;
    let error = list_from(&vendor).await.expect_err("a failure");
    assert_eq!(vendor.requests().len(), 1, "a call is one request");
    assert!(!format!("{error:?} {error}").contains(KEY), "{error:?}");
    error
}

#[tokio::test]
async fn a_page_is_asked_for_with_everything_that_can_change_in_it() {
    let body = r#"{"data":[{"id":"1"},{"id":"2" }],"meta":{"pageCount":3,"pageNumber":"1"}}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let page = list_from(&vendor).await.unwrap();
    assert_eq!(
        page.rows.iter().map(|row| row.get()).collect::<Vec<_>>(),
        [r#"{"id":"1"}"#, r#"{"id":"2" }"#]
    );
    assert_eq!((page.page_count, page.page_number, page.body_bytes), (Some(3), Some(1), body.len()));
    let head = vendor.requests().remove(0);
    let line = "GET /v2/conversations/list?fromDateTime=2025-03-04T15%3A00%3A00Z&toDateTime=2025-03-06T15%3A00%3A00Z\
                &page=1&size=50&withCrmRecords=true&withIntelligenceItems=true\
                &filter%5Binclude_internal_participants%5D=true HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {KEY}\r\n")), "{head}");
    assert_eq!(vendor.bodies(), [""]);
    assert!(head.contains("user-agent: switchboard/") && head.contains("accept: application/json"), "{head}");
}

#[tokio::test]
async fn the_bare_form_sends_the_key_alone() {
    let vendor = FakeVendor::replying(Reply::ok(r#"{"data":[]}"#)).await;
    let workspace = client(&vendor).users(&auth(HeaderForm::Bare)).await.unwrap();
    assert_eq!((workspace.organizations.len(), workspace.users.len()), (0, 0));
    let head = vendor.requests().remove(0);
    assert!(head.starts_with("GET /v2/users HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: {KEY}\r\n")), "{head}");
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path_and_the_details_stay_as_they_are() {
    let body = r#"{"id":"a/b", "attributes":{"transcript":[]}}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let detail = client(&vendor).detail(&auth(HeaderForm::Bearer), "../a/ü?x#y").await.unwrap();
    assert_eq!(detail.get(), body);
    let head = vendor.requests().remove(0);
    let line = "GET /v2/conversations/..%2Fa%2F%C3%BC%3Fx%23y?detailedTranscript=true\
                &filter%5Binclude_internal_participants%5D=true&filter%5Binclude_zoom_metadata%5D=true\
                &filter%5Binclude_import_metadata%5D=true HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
}

#[tokio::test]
async fn an_id_that_no_path_can_hold_is_not_asked_for() {
    let vendor = FakeVendor::replying(Reply::ok(r#"{"data":[]}"#)).await;
    for id in ["", ".", ".."] {
        let error = client(&vendor).detail(&auth(HeaderForm::Bearer), id).await.expect_err("refused");
        assert_eq!((error.failure, error.status), (Failure::BadRequest, None));
    }
    assert!(vendor.requests().is_empty());
}

#[tokio::test]
async fn every_status_is_classified_and_brings_the_vendors_words() {
    let table = [
        ("400 Bad Request", Failure::BadRequest),
        ("401 Unauthorized", Failure::Credential),
        ("403 Forbidden", Failure::Forbidden),
        ("404 Not Found", Failure::NotFound),
        ("409 Conflict", Failure::BadRequest),
        ("422 Unprocessable", Failure::BadRequest),
        ("429 Too Many Requests", Failure::RateLimited),
        ("500 Internal Server Error", Failure::Transient),
        ("502 Bad Gateway", Failure::Transient),
        ("503 Service Unavailable", Failure::Transient),
        ("504 Gateway Timeout", Failure::Transient),
    ];
    for (status, failure) in table {
        let error = list_error(Reply::of(status, "", r#"{"error":{"message":"because"}}"#)).await;
        assert_eq!((error.failure, error.message.as_str()), (failure, "because"), "{status}");
        assert_eq!(error.status.unwrap().to_string(), status[..3]);
    }
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let table = [
        ("429 Too Many Requests", "retry-after: 7\r\n".to_owned(), Some(7)),
        ("429 Too Many Requests", format!("{date}retry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n"), Some(30)),
        ("503 Service Unavailable", "retry-after: 9\r\n".to_owned(), Some(9)),
        ("429 Too Many Requests", "retry-after: -7\r\n".to_owned(), None),
        ("429 Too Many Requests", String::new(), None),
    ];
    for (status, headers, seconds) in table {
        let error = list_error(Reply::of(status, &headers, "")).await;
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn a_refusal_counts_although_its_words_never_arrive() {
    let head =
        b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 99\r\n\r\nslow d".to_vec();
    for reply in [Reply::Reset(head.clone()), Reply::Bytes(head.clone())] {
        let error = list_error(reply).await;
        assert_eq!((error.failure, error.retry_after), (Failure::RateLimited, Some(Duration::from_secs(7))));
    }
    let vendor = FakeVendor::replying(Reply::Stall(head)).await;
    let hasty = HttpOptions { total_timeout: Duration::from_millis(300), ..HttpOptions::default() };
    let error = client_with(&vendor, &hasty).list(&auth(HeaderForm::Bearer), &first_page()).await;
    assert_eq!(error.expect_err("refused").failure, Failure::RateLimited);
}

#[tokio::test]
async fn a_success_of_another_shape_is_no_empty_page() {
    let html = Reply::of("200 OK", "content-type: text/html\r\n", "<html>maintenance</html>");
    for reply in [html, Reply::ok(r#"{"rows":[]}"#), Reply::ok(""), Reply::of("204 No Content", "", "")] {
        let error = list_error(reply).await;
        assert_eq!(error.failure, Failure::UnexpectedShape, "{error}");
    }
    let error = list_error(Reply::ok(r#"{"data":"Ana: our margin is secret"}"#)).await;
    assert!(!error.message.contains("Ana"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_work_later() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"data\":[{\"id\":";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"data\":[\r\n";
    let until_close = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\":[{\"id\":";
    let Reply::Bytes(mut gzip) = Reply::gzip(br#"{"data":[{"id":"1"}]}"#) else { unreachable!() };
    gzip.truncate(gzip.len() - 12);
    for reply in [
        Reply::Bytes(head.into()),
        Reply::Reset(head.into()),
        Reply::Bytes(chunked.into()),
        Reply::Bytes(until_close.into()),
        Reply::Bytes(gzip),
        Reply::Bytes(Vec::new()),
        Reply::Reset(Vec::new()),
        Reply::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
    ] {
        let error = list_error(reply).await;
        assert_eq!(error.failure, Failure::Transient, "{error}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_vendor_that_hangs_is_given_up_before_or_within_the_answer() {
    let hasty = HttpOptions { total_timeout: Duration::from_millis(200), ..HttpOptions::default() };
    for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"data\":["] {
        let vendor = FakeVendor::replying(Reply::Stall(begun.into())).await;
        let error = client_with(&vendor, &hasty).list(&auth(HeaderForm::Bearer), &first_page()).await;
        let error = error.expect_err("a timeout");
        assert_eq!((error.failure, error.status), (Failure::TooLong, None));
        assert!(error.is_transient());
        assert!(error.message.starts_with("the vendor did not answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_vendor_that_is_away_may_be_back_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap()), true).unwrap();
    drop(listener);
    let client = Attention::new(VendorHttp::new(&HttpOptions::default()).unwrap(), base_url);
    let error = client.users(&auth(HeaderForm::Bearer)).await.expect_err("nobody there");
    assert_eq!(error.failure, Failure::Transient);
    assert!(error.message.starts_with("the vendor cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_compressed_answer_is_read_and_one_with_broken_characters_too() {
    let vendor = FakeVendor::replying(Reply::gzip(br#"{"data":[{"id":"1"}]}"#)).await;
    assert_eq!(list_from(&vendor).await.unwrap().rows.len(), 1);
    assert!(vendor.requests()[0].contains("accept-encoding: gzip"));
    let vendor = FakeVendor::replying(Reply::ok(b"\xef\xbb\xbf{\"data\":[{\"title\":\"caf\xe9\"}]}")).await;
    assert_eq!(list_from(&vendor).await.unwrap().rows[0].get(), "{\"title\":\"caf\u{fffd}\"}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_cut_off_announced_or_not_packed_or_not() {
    let small = HttpOptions { body_bytes_max: 10_000, ..HttpOptions::default() };
    let body = format!(r#"{{"data":["{}"]}}"#, "x".repeat(20_000));
    let silent = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
    // never ends: a client that reads on would time out instead
    let endless = Reply::Stall(silent.clone().into());
    for reply in [Reply::ok(&body), Reply::Bytes(silent.into()), endless, Reply::gzip(body.as_bytes())] {
        let vendor = FakeVendor::replying(reply).await;
        let error = client_with(&vendor, &small).list(&auth(HeaderForm::Bearer), &first_page()).await;
        let error = error.expect_err("too large");
        assert_eq!(error.failure, Failure::TooLarge);
        assert_eq!(error.message, "the answer is larger than 10000 bytes");
    }
}

#[tokio::test]
async fn a_key_that_the_vendor_echoes_stays_out_of_the_error() {
    let text = format!("{} {KEY}", "x".repeat(490));
    for (reply, words) in [
        (Reply::of("401 Unauthorized", "", format!("bad key {KEY}!")), "bad key [secret]!"),
        (Reply::of("400 Bad Request", "", format!(r#"{{"detail":"{KEY}"}}"#)), "[secret]"),
        (Reply::ok(format!(r#"{{"error":"bad {KEY}"}}"#)), "the list has no `data`: bad [secret]"),
    ] {
        assert_eq!(list_error(reply).await.message, words);
    }
    let error = list_error(Reply::of("500 Internal Server Error", "", text)).await;
    assert!(!error.message.contains("sk-"), "{error}");
    assert!(error.message.chars().count() <= 500);
}
