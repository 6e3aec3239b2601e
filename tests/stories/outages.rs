//! A vendor that is away: nothing dies of it, hardly anything is asked of it, and afterwards everything is there.

use simulator::{
    AddedKind, Change, CrmChange, CrmKind, DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec,
};
use stories::{Stand, compare_with_truth};

fn spec(name: &str, conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec { conversations, days: 60, document_size: DocumentSize::Tiny, ..WorkspaceSpec::named(name) }
}

fn add_calls(stand: &Stand, name: &str, count: u64) {
    let change = Change::Add { count, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change(name, change).expect("new calls");
}

async fn is_away(stand: &Stand, name: &str) -> bool {
    stand.json(&["connections", "--tenant", name]).await[0]["away"].is_object()
}

/// The vendor is found to be away, stays so for some probes, is mended, and its work is done.
async fn outlast(stand: &Stand) {
    stand.until("the vendor is found to be away", async || is_away(stand, "acme").await).await;
    let probes = "SELECT sum(probes) FROM vendor_budgets";
    stand.until("it stays away", async || stand.number(probes).await >= 5).await;
    stand.world().clear_faults("acme").expect("mended");
    stand.until("it is back", async || !is_away(stand, "acme").await).await;
    stand.idle().await;
}

const PARKED: &str = "SELECT count(*) FROM sync_runs WHERE tenant_id = 'acme' AND state = 'parked'";

#[tokio::test]
async fn an_outage_amid_the_history_parks_it_asks_by_probes_alone_and_costs_nothing() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_PROBE_MS", "250".to_owned())]).await;
    stand.connected(spec("acme", 500), &["--requests-per-second", "100", "--in-flight", "4"]).await;
    stand.connected(spec("globex", 30), &[]).await;
    let mut roles = stand.start_all().await;
    roles.push(stand.start("fetcher").await);
    stand.until("a part of the history is there", async || stand.stored("acme").await > 60).await;
    let world = stand.world();
    world.add_fault("acme", Fault::Unavailable).expect("a fault");
    stand.until("the vendor is found to be away", async || is_away(&stand, "acme").await).await;
    let at_work =
        "SELECT count(*) FROM sync_runs WHERE tenant_id = 'acme' AND state IN ('planned', 'listing')";
    stand.until("its work is parked", async || stand.number(at_work).await == 0).await;

    let probes = "SELECT sum(probes) FROM vendor_budgets WHERE away_since IS NOT NULL";
    world.reset_log("acme").expect("a fresh log");
    let before = stand.number(probes).await;
    stand.until("it is asked a few times more", async || stand.number(probes).await >= before + 4).await;
    let asked = world.stats("acme").expect("stats");
    let asked_by_probes = stand.number(probes).await - before;
    // one may be under way
    assert!(
        (asked_by_probes..=asked_by_probes + 1).contains(&asked.requests.cast_signed()),
        "{asked_by_probes}: {asked:?}"
    );
    assert!(stand.number(PARKED).await > 0);
    let told = ["parked: vendor-down since 20", "next probe at 20", "failures in a row, the last: HTTP 503"];
    for command in ["connections", "status", "schedule"] {
        let said = stand.ok(&[command]).await;
        assert!(told.iter().all(|words| said.contains(words)), "{command}: {said}");
    }
    let steward = roles.iter().find(|role| role.name() == "steward").expect("a steward");
    let away = r#"switchboard_vendor_accounts_away{vendor="attention"} 1"#;
    stand.until("it is counted", async || steward.get("/metrics").await.contains(away)).await;

    // another account of the same vendor has nothing to do with it
    add_calls(&stand, "globex", 3);
    stand.ok(&["sync", "globex/attention"]).await;
    stand
        .until("it is in time", async || {
            stand.stored("globex").await
                == world.truth("globex").expect("a truth").filter(|one| one.skip.is_none()).count()
        })
        .await;
    assert!(is_away(&stand, "acme").await && !is_away(&stand, "globex").await);

    world.clear_faults("acme").expect("mended");
    stand.until("it is back", async || !is_away(&stand, "acme").await).await;
    stand.idle().await;
    for name in ["acme", "globex"] {
        compare_with_truth(&world, name, &stand.export(name).await);
    }
    let letters = stand.number("SELECT count(*) FROM dead_letters").await;
    let failed = stand.number("SELECT count(*) FROM sync_runs WHERE state = 'failed'").await;
    assert_eq!((letters, failed), (0, 0), "nobody has anything to do about it");
    assert_eq!(stand.number(PARKED).await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_outage_of_the_details_alone_is_one_too() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 20), &["--backfill-days", "61"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let fault = FaultRule::from(Fault::Reset).at(Endpoint::Detail);
    world.add_fault("acme", fault).expect("a fault");
    add_calls(&stand, "acme", 200);
    stand.ok(&["sync", "acme/attention"]).await;
    outlast(&stand).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(stand.number("SELECT count(*) FROM dead_letters").await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_outage_of_a_crms_searches_alone_is_one_too() {
    let mut stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec { crm: CrmKind::HubSpot, ..spec("acme", 20) }).await;
    stand.connect_hubspot("acme", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let fault = FaultRule::from(Fault::Unavailable).at(Endpoint::HubSpotSearch);
    world.add_fault("acme", fault).expect("a fault");
    world
        .change("acme", Change::Crm { crm: CrmChange::TouchContact { account: 2, contact: 2 } })
        .expect("a change");
    stand.ok(&["sync", "acme/hubspot"]).await;
    outlast(&stand).await;
    let letters = stand.number("SELECT count(*) FROM dead_letters").await;
    let failed = stand.number("SELECT count(*) FROM sync_runs WHERE state = 'failed'").await;
    assert_eq!((letters, failed), (0, 0), "nobody has anything to do about it");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn calls_that_nobody_can_have_die_with_their_letters_and_are_no_outage() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 20), &["--backfill-days", "61"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let known: Vec<String> = world.truth("acme").expect("a truth").map(|one| one.id).collect();
    add_calls(&stand, "acme", 6);
    let added = world.truth("acme").expect("a truth").map(|one| one.id).filter(|id| !known.contains(id));
    let broken: Vec<String> = added.collect();
    for id in &broken {
        let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(id);
        world.add_fault("acme", fault).expect("a fault");
    }
    // nothing else is asked for between the attempts
    stand.ok(&["sync", "acme/attention"]).await;
    stand.until("each has its letter", async || stand.dead().await == broken.len()).await;
    stand.idle().await;
    let letters = stand.json(&["dead", "list"]).await;
    let explained =
        |letter: &serde_json::Value| letter["error"].as_str().is_some_and(|why| why.contains("500"));
    assert!(letters.iter().all(explained), "{letters:?}");
    let stops = "SELECT count(*) FROM connection_stops WHERE reason = 'vendor-down'";
    assert_eq!(stand.number(stops).await, 0, "the vendor was there all the time");
    stand.assert_sums().await;
    stand.finish(roles).await;
}
