//! The vendor's limit: never exceeded, however many fetchers, and whatever its 429 looks like.

use simulator::{DocumentSize, Fault, FaultRule, Latency, RateLimit, RetryAfter, Settings, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

fn spec(conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec {
        conversations,
        days: 10,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

#[tokio::test]
async fn three_fetchers_never_send_more_than_the_limit_in_any_second() {
    let mut stand = Stand::fresh().await;
    let rate_limit = Some(RateLimit { requests: 10, window_ms: 1000, retry_after_s: Some(1) });
    let settings = Settings { rate_limit, latency: Latency { min_ms: 1, max_ms: 30 }, ..Settings::default() };
    stand
        .connected(
            WorkspaceSpec { settings, ..spec(150) },
            &["--requests-per-second", "10", "--in-flight", "5"],
        )
        .await;
    stand.world().reset_log("acme").expect("a fresh log");
    let mut roles = stand.start_all().await;
    roles.push(stand.start("fetcher").await);
    roles.push(stand.start("fetcher").await);
    stand.idle().await;
    let stats = stand.world().stats("acme").expect("stats");
    assert_eq!(stats.refused, 0, "{stats:?}");
    assert!(stats.max_in_any_second <= 10 && stats.max_in_flight <= 5, "{stats:?}");
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_reconnect_asks_within_the_limit_of_its_workspace_or_not_at_all() {
    let stand = Stand::fresh().await;
    stand.connected(spec(5), &[]).await;
    stand.world().reset_log("acme").expect("a fresh log");
    stand.database.execute("UPDATE vendor_budgets SET closed_until = now() + interval '1 hour'").await;
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    let output = stand.run_with_input(&connect, "acme-key").await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("leaves no room for 3") && error.contains("nothing was saved"), "{error}");
    assert_eq!(stand.world().stats("acme").expect("stats").requests, 0);

    stand.database.execute("UPDATE vendor_budgets SET closed_until = 'epoch'").await;
    stand.connect("acme", "acme-key", &[]).await;
    assert_eq!(stand.world().stats("acme").expect("stats").requests, 1);
    assert_eq!(stand.database.number("SELECT count(*) FROM vendor_permits").await, 0, "given back");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_first_connect_waits_out_a_limit_that_is_over_in_a_moment_and_no_longer_one() {
    let stand = Stand::fresh().await;
    stand.tenant(spec(5)).await;
    let limited = |seconds| Fault::RateLimited { retry_after: RetryAfter::Seconds(seconds) };
    stand.world().add_fault("acme", FaultRule::from(limited(600)).times(1)).expect("a fault");
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    let output = stand.run_with_input(&connect, "acme-key").await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("limits the rate right now") && error.contains("nothing was saved"), "{error}");
    assert_eq!(stand.world().stats("acme").expect("stats").requests, 1);

    stand.world().add_fault("acme", FaultRule::from(limited(1)).times(2)).expect("a fault");
    stand.connect("acme", "acme-key", &[]).await;
    assert_eq!(stand.world().stats("acme").expect("stats").requests, 4);
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_reconnect_with_a_faster_rate_does_not_wait_at_the_old_one() {
    let stand = Stand::fresh().await;
    stand.connected(spec(5), &["--requests-per-second", "0.01"]).await;
    stand.database.execute("UPDATE vendor_budgets SET next_slot_at = now() + interval '100 seconds'").await;
    // no slot of the old rate comes within what a command waits
    stand.connect("acme", "acme-key", &["--requests-per-second", "100"]).await;
    let far = "SELECT count(*) FROM vendor_budgets WHERE next_slot_at > now() + interval '1 second'";
    assert_eq!(stand.number(far).await, 0, "nor do those who come after it");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn every_kind_of_429_is_waited_for_and_counts_as_no_attempt() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(60), &[]).await;
    for (after, retry_after) in [
        (2, RetryAfter::Seconds(1)),
        (9, RetryAfter::Date(1)),
        (17, RetryAfter::Absent),
        (25, RetryAfter::Seconds(0)),
    ] {
        let fault = FaultRule::from(Fault::RateLimited { retry_after }).after(after).times(2);
        stand.world().add_fault("acme", fault).expect("a fault");
    }
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

/// A refusal is known to everybody so soon: what was on its way by then could not be held back.
const NEWS_US: u64 = 200_000;

#[tokio::test]
async fn after_a_429_no_fetcher_asks_anything_before_the_vendor_lets_it() {
    // one attempt that is counted would be the last
    let once = |name| (name, "1".to_owned());
    let mut stand =
        Stand::paced(vec![once("SWITCHBOARD_FETCH_ATTEMPTS"), once("SWITCHBOARD_DETAIL_ATTEMPTS")]).await;
    let limits = ["--requests-per-second", "4", "--in-flight", "4", "--backfill-days", "12"];
    stand.connected(spec(50), &limits).await;
    let world = stand.world();
    // without a word from the vendor the first refusal costs two seconds
    let refusals = [(RetryAfter::Seconds(3), 3), (RetryAfter::Date(4), 4), (RetryAfter::Absent, 2)];
    world.reset_log("acme").expect("a fresh log");
    for (nth, (retry_after, _)) in (0..).zip(refusals) {
        let fault = FaultRule::from(Fault::RateLimited { retry_after }).after(8 + 12 * nth).times(1);
        world.add_fault("acme", fault).expect("a fault");
    }
    let mut roles = stand.start_all().await;
    roles.push(stand.start("fetcher").await);
    roles.push(stand.start("fetcher").await);
    stand.idle().await;
    let asked = world.requests("acme").expect("a log");
    let refused_us: Vec<u64> =
        asked.iter().filter(|one| one.status == Some(429)).map(|one| one.at_us).collect();
    assert_eq!(refused_us.len(), refusals.len());
    for (at_us, (retry_after, wait_s)) in refused_us.into_iter().zip(refusals) {
        let closed = at_us + NEWS_US..at_us + wait_s * 1_000_000;
        let early: Vec<_> = asked.iter().filter(|one| closed.contains(&one.at_us)).collect();
        assert!(early.is_empty(), "{retry_after:?} at {at_us}: {early:?}");
    }
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(stand.number("SELECT count(*) FROM sync_runs WHERE state <> 'settled'").await, 0);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
