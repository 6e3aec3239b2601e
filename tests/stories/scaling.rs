//! A process is sent away in the midst of its work: the page it has in hand is finished, and nobody does it again.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use simulator::{DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

/// In production's pace, for a claim outlives the wait and a page has its whole turn.
const GRACE_S: u64 = 60;

#[tokio::test]
async fn a_fetcher_that_is_sent_away_finishes_its_page_and_no_page_is_asked_for_twice() {
    let pace = vec![("SWITCHBOARD_CLAIM_S", "60".to_owned()), ("SWITCHBOARD_GRACE_S", GRACE_S.to_string())];
    let mut stand = Stand::paced(pace).await;
    let spec = WorkspaceSpec {
        conversations: 300,
        days: 40,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    };
    stand.connected(spec, &["--backfill-days", "45"]).await;
    let world = stand.world();
    let held = FaultRule::from(Fault::Held).at(Endpoint::Detail);
    let held = world.add_fault("acme", held).expect("a fault");
    let mut sent_away = stand.start("fetcher").await;
    let mut roles = vec![stand.start("scheduler").await, stand.start("normalizer").await];
    stand.until("a page is under way", async || world.stats("acme").expect("stats").in_flight >= 4).await;

    sent_away.signal(Signal::TERM);
    stand.until("it takes nothing new", async || sent_away.log().contains("finishing what is in hand")).await;
    roles.extend([stand.start("fetcher").await, stand.start("steward").await]);
    assert_eq!(stand.stored("acme").await, 0, "its page is not done with yet");
    world.remove_fault("acme", held).expect("answers");
    assert!(sent_away.ended(Duration::from_secs(GRACE_S)).await.success(), "{}", sent_away.log());

    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    let mut asked = BTreeMap::<String, usize>::new();
    for request in world.requests("acme").expect("a log") {
        // the newest calls are in two runs' pages, which may ask for their details at once
        if request.endpoint == Endpoint::List {
            *asked.entry(request.path).or_default() += 1;
        }
    }
    asked.retain(|_, times| *times > 1);
    assert!(asked.is_empty(), "asked for more than once: {asked:?}");
    stand.assert_sums().await;
    stand.finish(roles).await;
}
