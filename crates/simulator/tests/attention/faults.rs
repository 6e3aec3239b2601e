use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use simulator::{Change, Endpoint, Fault, FaultRule, RetryAfter, Simulator, World};

use crate::client::{Got, exchange, get, parsed};
use crate::with_acme;

const LIST: &str = "/v2/conversations/list?size=10&page=2";

fn first_id(world: &World) -> String {
    world.truth("acme").unwrap().find(|expected| expected.segments > 0).unwrap().id
}

async fn under(fault: Fault, path: &str) -> Got {
    let (simulator, world) = with_acme(40).await;
    world.add_fault("acme", fault).unwrap();
    get(&simulator, path).await
}

async fn raw(simulator: &Simulator, path: &str) -> std::io::Result<Vec<u8>> {
    exchange(simulator, &format!("GET {path} HTTP/1.1\r\nAuthorization: acme-key\r\n"), "").await
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let table = [
        (Fault::Unauthorized, 401),
        (Fault::Forbidden, 403),
        (Fault::NotFound, 404),
        (Fault::RateLimited { retry_after: RetryAfter::Absent }, 429),
        (Fault::InternalError, 500),
        (Fault::BadGateway, 502),
        (Fault::Unavailable, 503),
    ];
    for (fault, status) in table {
        assert_eq!(under(fault.clone(), LIST).await.status, status, "{fault:?}");
    }
    let moved = under(Fault::Redirected { status: 307, to: "http://h/x".to_owned() }, LIST).await;
    assert_eq!((moved.status, moved.header("location")), (307, Some("http://h/x")));
}

#[tokio::test]
async fn a_429_says_when_to_come_back_in_three_ways() {
    let limited = |retry_after| under(Fault::RateLimited { retry_after }, LIST);
    assert_eq!(limited(RetryAfter::Absent).await.header("retry-after"), None);
    assert_eq!(limited(RetryAfter::Seconds(7)).await.header("retry-after"), Some("7"));
    let dated = limited(RetryAfter::Date(90)).await;
    assert_eq!(dated.header("date"), Some("Mon, 05 Jan 2026 12:00:00 GMT"));
    assert_eq!(dated.header("retry-after"), Some("Mon, 05 Jan 2026 12:01:30 GMT"));
}

#[tokio::test]
async fn a_rule_strikes_only_where_and_as_often_as_it_says() {
    let (simulator, world) = with_acme(40).await;
    let id = first_id(&world);
    let detail = format!("/v2/conversations/{id}");
    let rule = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&id).after(1).times(2);
    world.add_fault("acme", rule).unwrap();
    let mut statuses = Vec::new();
    for path in [LIST, &detail, &detail, LIST, &detail, &detail] {
        statuses.push(get(&simulator, path).await.status);
    }
    assert_eq!(statuses, [200, 200, 500, 200, 500, 200]);
    assert!(world.faults("acme").unwrap().is_empty(), "a spent rule is gone");
}

#[tokio::test]
async fn a_fault_of_one_detail_leaves_the_others_alone() {
    let (simulator, world) = with_acme(40).await;
    let ids: Vec<String> = world.truth("acme").unwrap().map(|expected| expected.id).collect();
    world.add_fault("acme", FaultRule::from(Fault::NotFound).on(&ids[3])).unwrap();
    assert_eq!(get(&simulator, &format!("/v2/conversations/{}", ids[3])).await.status, 404);
    assert_eq!(get(&simulator, &format!("/v2/conversations/{}", ids[4])).await.status, 200);
    assert!(get(&simulator, "/v2/conversations/list").await.ids().contains(&ids[3]));
}

#[tokio::test]
async fn a_removed_fault_is_over() {
    let (simulator, world) = with_acme(40).await;
    let id = world.add_fault("acme", Fault::Unauthorized).unwrap();
    assert_eq!(get(&simulator, LIST).await.status, 401);
    assert!(world.remove_fault("acme", id).unwrap());
    assert_eq!(get(&simulator, LIST).await.status, 200);
}

#[tokio::test]
async fn a_slow_answer_comes_late() {
    let (simulator, world) = with_acme(40).await;
    world.add_fault("acme", Fault::Slow { delay_ms: 120 }).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(get(&simulator, LIST).await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_held_answer_comes_once_its_fault_is_off_and_tells_what_is_true_by_then() {
    let (simulator, world) = with_acme(40).await;
    let held = world.add_fault("acme", FaultRule::from(Fault::Held).times(1)).unwrap();
    let later = async {
        while world.stats("acme").unwrap().in_flight == 0 {
            tokio::task::yield_now().await;
        }
        world.change("acme", Change::RevokeKey { key: "acme-key".to_owned() }).unwrap();
        assert_eq!(world.requests("acme").unwrap()[0].status, None);
        assert!(world.remove_fault("acme", held).unwrap());
    };
    let (got, ()) = tokio::join!(get(&simulator, LIST), later);
    assert_eq!(got.status, 401);
}

#[tokio::test]
async fn a_hanging_answer_never_comes_and_does_not_keep_the_simulator_from_stopping() {
    let (simulator, world) = with_acme(40).await;
    world.add_fault("acme", Fault::Hang).unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(150), raw(&simulator, LIST)).await;
    assert!(waited.is_err(), "something came");
    tokio::time::timeout(Duration::from_secs(4), simulator.stop()).await.unwrap();
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    let (simulator, world) = with_acme(40).await;
    world.add_fault("acme", Fault::Reset).unwrap();
    assert_eq!(raw(&simulator, LIST).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(world.requests("acme").unwrap()[0].status, None);
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_its_length_says() {
    let (simulator, world) = with_acme(40).await;
    world.add_fault("acme", Fault::Truncated).unwrap();
    let got = parsed(&raw(&simulator, LIST).await.unwrap());
    let promised: usize = got.header("content-length").unwrap().parse().unwrap();
    assert_eq!((got.status, got.body.len()), (200, promised / 2));
}

#[tokio::test]
async fn a_good_status_may_hold_anything() {
    let html = under(Fault::Html, LIST).await;
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(html.body.starts_with(b"<!doctype html>"));
    let other = under(Fault::OtherShape, LIST).await;
    assert_eq!((other.status, other.json().get("data")), (200, None));
}

#[tokio::test]
async fn a_poisonous_record_has_the_wrong_types() {
    let rows = under(Fault::WrongTypes, LIST).await.json();
    assert!(rows["data"][0]["id"].is_array() && rows["data"][1]["id"].is_string());
    let (simulator, world) = with_acme(40).await;
    let id = first_id(&world);
    world.add_fault("acme", FaultRule::from(Fault::WrongTypes).on(&id)).unwrap();
    let rows = get(&simulator, "/v2/conversations/list?size=50").await.json();
    let broken: Vec<&Value> =
        rows["data"].as_array().unwrap().iter().filter(|row| !row["attributes"].is_object()).collect();
    assert_eq!((broken.len(), broken[0]["id"].as_str()), (1, Some(id.as_str())));
    assert!(get(&simulator, &format!("/v2/conversations/{id}")).await.attributes().is_array());
}

#[tokio::test]
async fn rows_repeat_across_pages_and_none_is_lost() {
    let (simulator, world) = with_acme(40).await;
    let plain = get(&simulator, LIST).await.ids();
    let before = get(&simulator, "/v2/conversations/list?size=10&page=1").await.ids();
    world.add_fault("acme", Fault::DuplicateRows).unwrap();
    let repeated = get(&simulator, LIST).await.ids();
    assert_eq!(repeated[..3], before[7..]);
    assert_eq!(repeated[3..13], plain);
}

#[tokio::test]
async fn paging_may_never_end() {
    let (simulator, world) = with_acme(40).await;
    let first = get(&simulator, "/v2/conversations/list?page=1").await.ids();
    world.add_fault("acme", Fault::EndlessPaging).unwrap();
    assert_eq!(get(&simulator, "/v2/conversations/list?page=900").await.ids(), first);
}

#[tokio::test]
async fn a_document_may_be_oversized() {
    let (simulator, world) = with_acme(40).await;
    let id = first_id(&world);
    world.add_fault("acme", FaultRule::from(Fault::Oversized { bytes: 3_000_000 }).on(&id)).unwrap();
    let got = get(&simulator, &format!("/v2/conversations/{id}")).await;
    assert!((3_000_000..4_000_000).contains(&got.body.len()), "{} bytes", got.body.len());
}

#[tokio::test]
async fn texts_may_hold_odd_characters() {
    let got = under(Fault::OddCharacters, "/v2/conversations/list").await;
    assert!(got.json()["data"][0]["attributes"]["title"].as_str().unwrap().contains('\0'));
    assert!(String::from_utf8(got.body).unwrap().contains("\\u0000"));
}

#[tokio::test]
async fn garbage_is_the_same_for_the_same_seed() {
    let path = "/v2/conversations/list";
    let (plain, one) = (under(Fault::OtherShape, path).await, under(Fault::Garbage { seed: 1 }, path).await);
    assert_eq!(one.body, under(Fault::Garbage { seed: 1 }, path).await.body);
    assert_ne!(one.body, under(Fault::Garbage { seed: 2 }, path).await.body);
    assert_ne!(one.body, plain.body);
    assert_eq!(one.ids().len(), 10);
}

#[tokio::test]
async fn a_vendor_in_trouble_is_so_for_everybody() {
    let (simulator, world) = with_acme(5).await;
    world.add_workspace(simulator::WorkspaceSpec::named("umbra")).unwrap();
    world.add_fault_everywhere(&Fault::Unavailable);
    assert_eq!(get(&simulator, LIST).await.status, 503);
    assert_eq!(crate::client::get_as(&simulator, "umbra-key", LIST).await.status, 503);
}
