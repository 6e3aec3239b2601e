//! Whatever a vendor sends, nothing is lost and nobody dies of it.

use simulator::{AddedKind, Change, DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Stand, compare_all_but, compare_with_truth};

const DAYS: i64 = 12;
const HISTORY: [&str; 2] = ["--backfill-days", "12"];

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 40, days: 10, document_size, ..WorkspaceSpec::named("acme") }
}

fn ids(stand: &Stand) -> Vec<String> {
    stand.world().truth("acme").expect("a truth").map(|one| one.id).collect()
}

fn spoil(stand: &Stand, rule: FaultRule) {
    stand.world().add_fault("acme", rule).expect("a fault");
}

/// Every listed record stands somewhere, and a dead one has a letter.
async fn assert_each_stands_somewhere(stand: &Stand) {
    let letters = stand.json(&["dead", "list"]).await;
    for id in ids(stand) {
        let standing = stand.standing(&id).await;
        assert!(["stored", "skipped", "pending", "dead"].contains(&standing.as_str()), "{id}: {standing}");
        let has_letter = letters.iter().any(|letter| letter["record"] == id.as_str());
        assert!(standing != "dead" || has_letter, "{id}: {letters:?}");
    }
    stand.assert_sums().await;
}

/// The vendor is well again: another look and a replay bring in everything.
async fn mend(stand: &Stand) {
    stand.world().clear_faults("acme").expect("mended");
    stand.sync_days("acme", DAYS).await;
    stand.idle().await;
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
}

#[tokio::test]
async fn garbage_in_every_field_of_everything_loses_nothing() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &HISTORY).await;
    let mut roles = stand.start_all().await;
    for seed in 1..=3 {
        spoil(&stand, FaultRule::from(Fault::Garbage { seed }));
        stand.sync_days("acme", DAYS).await;
        stand.idle().await;
        assert_each_stands_somewhere(&stand).await;
        stand.world().clear_faults("acme").expect("another seed");
    }
    mend(&stand).await;
    assert!(roles.iter_mut().all(stories::Role::is_running), "{}", stand.logs());
    stand.finish(roles).await;
}

#[tokio::test]
async fn odd_garbled_and_huge_documents_leave_the_others_alone() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &HISTORY).await;
    let ordinary = stand.world().truth("acme").expect("a truth");
    let huge = ordinary.filter(|one| one.skip.is_none() && one.segments > 0).last().expect("a call").id;
    let spoiled: Vec<String> = ids(&stand).into_iter().step_by(2).filter(|id| *id != huge).collect();
    for (index, id) in spoiled.iter().enumerate() {
        let fault = if index % 2 == 0 { Fault::OddCharacters } else { Fault::Garbage { seed: 7 } };
        spoil(&stand, FaultRule::from(fault).on(id));
    }
    spoil(&stand, FaultRule::from(Fault::Oversized { bytes: 25_000_000 }).on(&huge));
    let mut roles = stand.start_all().await;
    stand.idle().await;
    assert_each_stands_somewhere(&stand).await;
    let exported = stand.export("acme").await;
    let spared = [&spoiled[..], std::slice::from_ref(&huge)].concat();
    compare_all_but(&spared, &stand.world(), "acme", &exported);
    for id in spoiled.iter().step_by(2) {
        let standing = stand.standing(id).await;
        assert!(["stored", "skipped", "pending"].contains(&standing.as_str()), "{id}: {standing}");
    }
    let one = exported.iter().find(|one| one["external_id"] == huge.as_str()).expect("the huge one");
    assert!(one["transcript"].to_string().len() > 20_000_000, "all of it");
    assert!(stand.database.number("SELECT count(*) FROM claim_checks").await > 0, "put away, not queued");
    assert!(roles.iter_mut().all(stories::Role::is_running), "{}", stand.logs());
    // the row of the huge one has always been the same, so only a change makes it worth another look
    let title = "Short at last".to_owned();
    stand.world().change("acme", Change::SetTitle { id: huge, title }).expect("a title");
    mend(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn answers_that_are_none_are_asked_for_again_and_nothing_is_missing() {
    let mut stand = Stand::fresh().await;
    // some windows of more than one page
    stand.connected(WorkspaceSpec { conversations: 130, ..spec() }, &HISTORY).await;
    let mut roles = stand.start_all().await;
    stand.idle().await;
    let faults = [
        FaultRule::from(Fault::Html),
        FaultRule::from(Fault::OtherShape),
        FaultRule::from(Fault::Truncated),
        FaultRule::from(Fault::Reset),
        FaultRule::from(Fault::DuplicateRows).at(Endpoint::List),
        FaultRule::from(Fault::EndlessPaging).at(Endpoint::List),
    ];
    for rule in faults {
        let what = format!("{rule:?}");
        stand.world().reset_log("acme").expect("a fresh log");
        spoil(&stand, rule);
        let add = Change::Add { count: 3, finished_at: None, kind: AddedKind::Ordinary };
        stand.world().change("acme", add).expect("new calls");
        stand.sync_days("acme", DAYS).await;
        stand.until(&what, async || stand.world().requests("acme").expect("a log").len() > 3).await;
        mend(&stand).await;
        assert!(stand.json(&["dead", "list"]).await.is_empty(), "{what}");
    }
    assert!(roles.iter_mut().all(stories::Role::is_running), "{}", stand.logs());
    stand.finish(roles).await;
}

#[tokio::test]
async fn answers_that_come_late_or_never_are_asked_for_again_and_nothing_is_missing() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &HISTORY).await;
    let too_late = Fault::Slow { delay_ms: 60_000 };
    let faults = [
        FaultRule::from(Fault::Hang).at(Endpoint::List).times(1),
        FaultRule::from(too_late.clone()).at(Endpoint::List).after(1).times(1),
        FaultRule::from(Fault::Slow { delay_ms: 400 }).at(Endpoint::Detail).times(5),
        FaultRule::from(Fault::Hang).at(Endpoint::Detail).times(1),
        FaultRule::from(too_late).at(Endpoint::Detail).after(2).times(1),
    ];
    stand.world().reset_log("acme").expect("a fresh log");
    for rule in faults {
        spoil(&stand, rule);
    }
    let mut roles = stand.start_all().await;
    stand.idle().await;
    let asked = stand.world().requests("acme").expect("a log");
    let unanswered = |endpoint| {
        asked.iter().filter(|request| request.endpoint == endpoint && request.status.is_none()).count()
    };
    assert_eq!((unanswered(Endpoint::List), unanswered(Endpoint::Detail)), (2, 2), "given up by us");
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    assert_eq!(stand.number("SELECT count(*) FROM sync_runs WHERE state = 'failed'").await, 0);
    assert!(roles.iter_mut().all(stories::Role::is_running), "{}", stand.logs());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
