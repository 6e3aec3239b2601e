//! A vendor's users are a stream as any other: with runs and sums of their own, and troubles that stop nothing else.

use queue::topology::NORMALIZE_LIVE;
use simulator::{Endpoint, Fault, FaultRule};
use stories::{Stand, compare_with_gong};

use crate::gong::{set_key, spec, tenant};

const KNOWN: &str = "SELECT count(*) FROM users";

/// A tenant whose people only Gong knows, and a vendor that lists them in several pages.
async fn connected(stand: &Stand) {
    tenant(stand, spec(40, 5)).await;
    stand.connect_gong("acme", &["--backfill-days", "6"]).await;
}

#[tokio::test]
async fn users_that_may_not_be_listed_any_more_fail_their_own_run_alone_and_a_replay_makes_it_good() {
    let mut stand = Stand::fresh().await;
    connected(&stand).await;
    set_key(&stand, |key| key.missing_scopes = vec!["api:users:read".to_owned()]);
    let roles = stand.start_all().await;
    stand.idle().await;
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    let failed: Vec<_> = runs.iter().filter(|run| run["state"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{runs:?}");
    let why = failed[0]["failed_reason"].as_str().expect("a reason");
    assert!(failed[0]["stream"] == "users" && why.contains("api:users:read"), "{failed:?}");
    assert!(stand.ok(&["status"]).await.contains("api:users:read"), "{}", stand.ok(&["status"]).await);
    assert_eq!(stand.number(KNOWN).await, 0);

    set_key(&stand, |_| {});
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    assert!(stand.number(KNOWN).await > 0);
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_list_of_users_whose_cursor_grows_too_old_or_leads_nowhere_is_begun_again() {
    for fault in [Fault::CursorExpired, Fault::EmptyNotFound] {
        let mut stand = Stand::fresh().await;
        connected(&stand).await;
        let fault = FaultRule::from(fault).at(Endpoint::GongUsers).after(1).times(1);
        stand.world().add_fault("acme", fault).expect("a fault");
        let roles = stand.start_all().await;
        stand.idle().await;
        let again = "SELECT sum(restarts)::bigint FROM sync_runs WHERE stream = 'users'";
        assert_eq!(stand.number(again).await, 1, "it was begun again");
        let listed = "SELECT listed FROM sync_runs WHERE stream = 'users'";
        assert_eq!(stand.number(listed).await, stand.number(KNOWN).await, "each once");
        stand.assert_sums().await;
        stand.finish(roles).await;
    }
}

#[tokio::test]
async fn users_whose_documents_got_lost_are_listed_again() {
    let mut stand = Stand::fresh().await;
    connected(&stand).await;
    let mut roles = vec![stand.start("scheduler").await, stand.start("fetcher").await];
    let listed = "SELECT count(*) FROM intake WHERE stream = 'users'";
    stand.until("users are listed", async || stand.number(listed).await > 0).await;
    // all that waits: of the calls' documents as well, which are fetched again in the same way
    stand.hold(&NORMALIZE_LIVE).await.lose().await;
    roles.push(stand.start("normalizer").await);
    roles.push(stand.start("steward").await);
    let looked = "SELECT count(*) FROM sync_runs WHERE stream = 'users' AND kind = 'follow-up'";
    stand.until("they are looked after", async || stand.number(looked).await > 0).await;
    stand.idle().await;
    assert_eq!(stand.number(KNOWN).await, stand.number(listed).await);
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}
