//! The real client against an organization that answers anything at all.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod fake;

use std::time::Duration;

use fake::{FakeVendor, Reply};
use model::Window;
use secrecy::SecretString;
use vendors::salesforce::{Deleted, Object, Readable, RecordPage, Rows, Salesforce, are_relations_off};
use vendors::{BaseUrl, Bearer, Failure, HttpOptions, VendorError, VendorHttp};

const TOKEN: &str = "00DxxEXAMPLE!AQ0AQsecret";

const EMPTY: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;

fn token() -> Bearer {
    Bearer(SecretString::from(TOKEN))
}

fn client(vendor: &FakeVendor) -> Salesforce {
    let base_url = BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap();
    Salesforce::new(VendorHttp::new(&HttpOptions::default()).unwrap(), base_url, "66.0")
}

fn window() -> Window {
    Window { from: "2026-05-01T07:25:37.5Z".parse().unwrap(), to: "2026-05-02T00:00:00Z".parse().unwrap() }
}

fn description(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
    format!(r#"{{"name":"Opportunity","queryable":true,"fields":[{}]}}"#, fields.join(","))
}

const OPPORTUNITY: [&str; 6] = ["Id", "IsDeleted", "SystemModstamp", "Name", "AccountId", "IsWon"];

async fn readable() -> Readable {
    let vendor = FakeVendor::replying(Reply::ok(description(&OPPORTUNITY))).await;
    let readable = client(&vendor).describe(&token(), Object::Opportunity, &[]).await.unwrap();
    assert!(vendor.requests()[0].starts_with("GET /services/data/v66.0/sobjects/Opportunity/describe HTTP"));
    readable
}

async fn query(vendor: &FakeVendor, rows: Rows<'_>) -> Result<RecordPage, VendorError> {
    client(vendor).query(&token(), &readable().await, &rows).await
}

async fn error_of(reply: Reply) -> VendorError {
    let vendor = FakeVendor::replying(reply).await;
    let error = query(&vendor, Rows::All).await.expect_err("a failure");
    assert_eq!(vendor.requests().len(), 1, "a call is one request");
    assert!(!format!("{error:?} {error}").contains("AQ0AQ"), "{error:?}");
    error
}

fn refusal(status: &str, code: &str, words: &str) -> Reply {
    Reply::of(status, "", format!(r#"[{{"message":"{words}","errorCode":"{code}"}}]"#))
}

#[tokio::test]
async fn a_query_asks_for_what_may_be_read_and_shows_what_is_deleted() {
    let body = r#"{"totalSize":2,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/0r8xx0000000001AAA-1",
        "records":[{"attributes":{"type":"Opportunity"}, "Id":"006"}]}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let page = query(&vendor, Rows::Touched(window())).await.unwrap();
    assert_eq!(page.rows[0].get(), r#"{"attributes":{"type":"Opportunity"}, "Id":"006"}"#);
    assert_eq!(
        (page.next.as_deref(), page.total),
        (Some("/services/data/v66.0/query/0r8xx0000000001AAA-1"), 2)
    );
    let head = vendor.requests().remove(0);
    let line = "GET /services/data/v66.0/queryAll?q=SELECT+Id%2C+IsDeleted%2C+SystemModstamp%2C+Name%2C+AccountId%2C+IsWon\
                +FROM+Opportunity+WHERE+SystemModstamp+%3E%3D+2026-05-01T07%3A25%3A37Z\
                +AND+SystemModstamp+%3C%3D+2026-05-02T00%3A00%3A00Z+ORDER+BY+SystemModstamp%2C+Id HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{head}");
    assert_eq!(vendor.bodies(), [""], "the query is in the address");
    assert!(head.contains("accept-encoding: gzip"), "{head}");
    let zipped = FakeVendor::replying(Reply::gzip(body.as_bytes())).await;
    assert_eq!(query(&zipped, Rows::All).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_query_goes_on_below_the_same_base_url_and_nowhere_else() {
    let vendor = FakeVendor::replying(Reply::ok(EMPTY)).await;
    let client = client(&vendor);
    let page =
        client.next(&token(), Object::Account, "/services/data/v62.0/query/0r8xx0000000001AAA-2000").await;
    assert_eq!(page.unwrap().next, None);
    let head = vendor.requests().remove(0);
    assert!(head.starts_with("GET /services/data/v62.0/query/0r8xx0000000001AAA-2000 HTTP"), "{head}");
    for elsewhere in [
        "https://evil.example/services/data/v66.0/query/0r8",
        "//evil.example/services/data/v66.0/query/0r8",
        "/services/data/v66.0/query/../../oauth2",
        "/services/data/v66.0/query/..",
        "/services/oauth2/revoke",
        "",
    ] {
        assert!(client.next(&token(), Object::Account, elsewhere).await.is_err(), "{elsewhere}");
    }
    assert_eq!(vendor.requests().len(), 1, "nobody was asked");
}

#[tokio::test]
async fn as_many_ids_as_are_allowed_fit_and_a_longer_query_is_not_sent() {
    let vendor = FakeVendor::replying(Reply::ok(EMPTY)).await;
    let ids: Vec<String> = (0..2_000).map(|number| format!("001D0000{number:010}")).collect();
    assert!(query(&vendor, Rows::OfIds(&ids[..vendors::salesforce::READ_MAX])).await.is_ok());
    let error = query(&vendor, Rows::OfIds(&ids)).await.expect_err("too long");
    assert_eq!(error.failure, Failure::BadRequest);
    assert!(error.message.contains("of the 16384"), "{error}");
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_field_that_is_needed_and_may_not_be_read_is_a_missing_scope_by_its_name() {
    let vendor = FakeVendor::replying(Reply::ok(description(&OPPORTUNITY[..4]))).await;
    let error =
        client(&vendor).describe(&token(), Object::Opportunity, &[]).await.expect_err("a missing field");
    assert_eq!(error.failure, Failure::MissingScope);
    assert!(error.message.contains("Opportunity.AccountId"), "{error}");
    let no_such = refusal("404 Not Found", "NOT_FOUND", "The requested resource does not exist");
    let vendor = FakeVendor::replying(no_such).await;
    let error = client(&vendor).describe(&token(), Object::Lead, &[]).await.expect_err("a hidden object");
    assert_eq!(error.failure, Failure::MissingScope);
    assert!(error.message.contains("may not read Lead"), "{error}");
}

const RELATION: [&str; 7] =
    ["Id", "IsDeleted", "SystemModstamp", "ContactId", "AccountId", "IsDirect", "IsActive"];

#[tokio::test]
async fn relations_are_asked_for_by_their_contacts_and_only_those_that_are_there() {
    let vendor = FakeVendor::replying(Reply::ok(EMPTY)).await;
    let (client, relation) = (client(&vendor), Readable::needed(Object::Relation));
    let contacts: Vec<String> = (0..2_000).map(|number| format!("003D0000{number:010}")).collect();
    let rows = Rows::OfContacts(&contacts[..1]);
    assert!(client.query(&token(), &relation, &rows).await.is_ok());
    let fields = RELATION.join("%2C+");
    let line = format!(
        "GET /services/data/v66.0/query?q=SELECT+{fields}+FROM+AccountContactRelation+WHERE+IsDirect+%3D+false\
         +AND+ContactId+IN+%28%27003D00000000000000%27%29 HTTP/1.1\r\n"
    );
    assert!(vendor.requests()[0].starts_with(&line), "{}", vendor.requests()[0]);

    // as many as are allowed fit beside a long token
    let long = Bearer(SecretString::from("t".repeat(3_000)));
    let most = Rows::OfContacts(&contacts[..vendors::salesforce::RELATED_MAX]);
    assert!(client.query(&long, &relation, &most).await.is_ok());
    let error = client.query(&token(), &relation, &Rows::OfContacts(&contacts)).await.expect_err("too long");
    assert_eq!(error.failure, Failure::BadRequest);

    // whose a relation was that is deleted, only what shows deleted ones tells
    for rows in [Rows::Touched(window()), Rows::OfIds(&contacts[..1])] {
        assert!(client.query(&token(), &relation, &rows).await.is_ok());
        let head = vendor.requests().pop().expect("a request");
        assert!(head.starts_with("GET /services/data/v66.0/queryAll?q="), "{head}");
    }
}

#[tokio::test]
async fn an_organization_whose_contacts_have_one_account_is_told_from_one_that_hides_the_others() {
    let relations = async |reply: Reply| {
        let vendor = FakeVendor::replying(reply).await;
        let answer = client(&vendor).relations(&token()).await;
        let line = "GET /services/data/v66.0/sobjects/AccountContactRelation/describe HTTP";
        assert!(vendor.requests()[0].starts_with(line));
        answer
    };
    let there = relations(Reply::ok(description(&RELATION))).await.unwrap();
    assert_eq!(there, Some(Readable::needed(Object::Relation)));
    let off = refusal("404 Not Found", "NOT_FOUND", "The requested resource does not exist");
    assert_eq!(relations(off).await, Ok(None));

    let hidden = relations(Reply::ok(description(&RELATION[..6]))).await.expect_err("a hidden field");
    assert_eq!(hidden.failure, Failure::MissingScope);
    assert!(hidden.message.contains("AccountContactRelation.IsActive"), "{hidden}");
    let elsewhere = relations(Reply::of("404 Not Found", "", "<html>")).await.expect_err("somebody else's");
    assert_eq!(elsewhere.failure, Failure::NotFound);

    let vendor =
        FakeVendor::replying(refusal("400 Bad Request", "INVALID_TYPE", "sObject type is not supported."));
    let vendor = vendor.await;
    let rows = Rows::Touched(window());
    let error = client(&vendor).query(&token(), &Readable::needed(Object::Relation), &rows).await;
    assert!(are_relations_off(&error.expect_err("switched off")));
}

#[tokio::test]
async fn refusals_mean_what_their_codes_say() {
    let expired =
        error_of(refusal("401 Unauthorized", "INVALID_SESSION_ID", "Session expired or invalid")).await;
    assert_eq!(expired.failure, Failure::Credential);
    assert_eq!(expired.to_string(), "HTTP 401: INVALID_SESSION_ID: Session expired or invalid");
    let day =
        error_of(refusal("403 Forbidden", "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")).await;
    assert_eq!((day.failure, day.retry_after), (Failure::RateLimited, Some(Duration::from_mins(30))));
    let locator =
        error_of(refusal("400 Bad Request", "INVALID_QUERY_LOCATOR", "invalid query locator")).await;
    assert_eq!(locator.failure, Failure::CursorExpired);
    let words = "No such column 'AccountId' on entity 'Opportunity'.";
    let field = error_of(refusal("400 Bad Request", "INVALID_FIELD", words)).await;
    assert_eq!(field.failure, Failure::MissingScope);
    assert!(field.message.contains("Opportunity.AccountId"), "{field}");
    let echoed = error_of(refusal("403 Forbidden", "X", &format!("no {TOKEN}"))).await;
    assert!(echoed.message.contains("[secret]"), "{echoed}");
}

#[tokio::test]
async fn no_answer_of_another_shape_is_taken_for_an_end() {
    for body in ["<html>maintenance</html>", "{}", "[]", "", r#"{"totalSize":1,"done":false,"records":[]}"#] {
        let error = error_of(Reply::ok(body)).await;
        assert_eq!(error.failure, Failure::UnexpectedShape, "{body}");
    }
    let cut = error_of(Reply::ok(r#"{"totalSize":1,"records":[{"Id":"#)).await;
    assert_eq!(cut.failure, Failure::Transient);
    assert_eq!(error_of(Reply::of("503 Unavailable", "", "<html>")).await.failure, Failure::Transient);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"totalSize\":1".to_vec();
    assert_eq!(error_of(Reply::Reset(half.clone())).await.failure, Failure::Transient);
    let patience = HttpOptions { total_timeout: Duration::from_millis(200), ..HttpOptions::default() };
    let vendor = FakeVendor::replying(Reply::Stall(half)).await;
    let base_url = BaseUrl::parse(&format!("http://{}", vendor.address), true).unwrap();
    let hasty = Salesforce::new(VendorHttp::new(&patience).unwrap(), base_url, "66.0");
    let error = hasty.organization(&token()).await.expect_err("no answer in time");
    assert_eq!(error.failure, Failure::TooLong);
}

#[tokio::test]
async fn deletions_are_asked_for_by_time_and_very_many_are_said_to_be() {
    let vendor = FakeVendor::replying(Reply::ok(r#"{"deletedRecords":[{"id":"001B"},{"id":"001A"}]}"#)).await;
    let deleted = client(&vendor).deleted(&token(), Object::Account, window()).await.unwrap();
    assert_eq!(deleted, Deleted::Ids(vec!["001A".to_owned(), "001B".to_owned()]));
    let head = vendor.requests().remove(0);
    let line = "GET /services/data/v66.0/sobjects/Account/deleted?start=2026-05-01T07%3A25%3A37Z&end=2026-05-02T00%3A00%3A00Z HTTP";
    assert!(head.starts_with(line), "{head}");
    let many = FakeVendor::replying(refusal("400 Bad Request", "EXCEEDED_ID_LIMIT", "too many")).await;
    assert_eq!(client(&many).deleted(&token(), Object::Account, window()).await, Ok(Deleted::TooMany));
}

#[tokio::test]
async fn the_organization_and_its_people_are_found_with_the_scope_of_the_data_alone() {
    let body = r#"{"totalSize":1,"done":true,"records":[{"attributes":{},"Id":"00DxxxxxxxxxxxxEAA","Name":"Acme"}]}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let organization = client(&vendor).organization(&token()).await.unwrap();
    assert_eq!(
        (organization.id.as_str(), organization.name.as_deref()),
        ("00DxxxxxxxxxxxxEAA", Some("Acme"))
    );
    let nobody = FakeVendor::replying(Reply::ok(EMPTY)).await;
    assert!(client(&nobody).organization(&token()).await.is_err());

    let body = r#"{"totalSize":3,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/0r8-2","records":[
        {"Id":"005A","Name":"Ana","Email":"ana@acme.com"},{"Id":"005B","Name":null,"Email":null},7]}"#;
    let vendor = FakeVendor::replying(Reply::ok(body)).await;
    let page = client(&vendor).users(&token(), None).await.unwrap();
    assert_eq!((page.rows.len(), page.total), (3, 3));
    assert!(client(&vendor).users(&token(), page.next.as_deref()).await.is_ok());
    assert!(vendor.requests()[1].starts_with("GET /services/data/v66.0/query/0r8-2 HTTP"));
}
