use simulator::{Endpoint, Fault, RateLimit, Settings};

use crate::client::get;
use crate::with_acme;

#[tokio::test]
async fn a_strict_limit_refuses_the_third_request_of_a_window() {
    let (simulator, world) = with_acme(5).await;
    let rate_limit = Some(RateLimit { requests: 2, window_ms: 600_000, retry_after_s: Some(3) });
    world.set_settings("acme", Settings { rate_limit, ..Settings::default() }).unwrap();
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(get(&simulator, "/v2/users").await);
    }
    assert_eq!(got.iter().map(|one| one.status).collect::<Vec<_>>(), [200, 200, 429, 429]);
    assert_eq!(got[2].header("retry-after"), Some("3"));
    assert_eq!(world.stats("acme").unwrap().refused, 2);
}

#[tokio::test]
async fn the_log_knows_what_was_asked_and_how_fast() {
    let (simulator, world) = with_acme(5).await;
    let paths = ["/v2/users", "/v2/conversations/list", "/v2/users", "/v2/conversations/none"];
    futures::future::join_all(paths.map(|path| get(&simulator, path))).await;
    let stats = world.stats("acme").unwrap();
    assert_eq!((stats.requests, stats.in_flight), (4, 0));
    assert_eq!((stats.by_endpoint[&Endpoint::Users], stats.by_status[&404]), (2, 1));
    assert_eq!(stats.max_in_any_second(), 4);
    let requests = world.requests("acme").unwrap();
    assert!(requests.is_sorted_by_key(|request| request.at_us));
    assert!(requests.iter().any(|request| request.path == paths[1] && request.status == Some(200)));
    world.reset_log("acme").unwrap();
    assert_eq!(world.stats("acme").unwrap().requests, 0);
}

#[tokio::test]
async fn requests_that_are_out_at_once_are_counted() {
    let (simulator, world) = with_acme(5).await;
    world.add_fault("acme", Fault::Slow { delay_ms: 200 }).unwrap();
    futures::future::join_all((0..3).map(|_| get(&simulator, "/v2/users"))).await;
    assert_eq!(world.stats("acme").unwrap().max_in_flight, 3);
}
