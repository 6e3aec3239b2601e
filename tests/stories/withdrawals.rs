//! Calls that become private or archived later, empty ones that fill up.

use serde_json::Value;
use simulator::{Change, DocumentSize, Shares, WorkspaceSpec, World};
use stories::{Stand, compare_all_but, compare_with_truth};

fn spec() -> WorkspaceSpec {
    let shares = Shares { empty: 0.1, private: 0.1, ..Shares::NONE };
    let tiny = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 80, days: 40, document_size: tiny, shares, ..WorkspaceSpec::named("acme") }
}

fn has(exported: &[Value], id: &str) -> bool {
    exported.iter().any(|one| one["external_id"] == id)
}

#[tokio::test]
async fn a_call_that_becomes_private_is_withdrawn_by_the_next_run_or_beyond_the_lookback_by_the_walk() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    let kept = kept_ids(&world);
    let (recent, old) =
        (kept.first().expect("a recent call").clone(), kept.last().expect("an old call").clone());
    let empty = world.truth("acme").expect("a truth").find(|one| one.skip == Some(model::SkipReason::Empty));
    let empty = empty.expect("an empty call").id;

    for id in [&recent, &old] {
        world.change("acme", Change::SetPrivate { id: id.clone(), private: true }).expect("made private");
    }
    world.change("acme", Change::Fill { id: empty.clone() }).expect("filled up");
    stand.sync("acme").await;
    let exported = stand.export("acme").await;
    assert!(!has(&exported, &recent), "within the lookback the next run sees it");
    assert!(has(&exported, &old), "beyond the lookback it does not");
    walk(&stand).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert!(has(&stand.export("acme").await, &empty));
    let found = stand.json(&["where", &old]).await;
    assert_eq!(
        (found[0]["standing"].as_str(), found[0]["skipped_reason"].as_str()),
        (Some("skipped"), Some("private"))
    );

    world.change("acme", Change::SetPrivate { id: old.clone(), private: false }).expect("made public");
    walk(&stand).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn private_calls_are_kept_where_they_are_admitted_and_forgotten_once_they_are_not() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--admit-private", "true"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let private = world.truth("acme").expect("a truth");
    let private = private.filter(|one| one.skip == Some(model::SkipReason::Private));
    let private: Vec<String> = private.map(|one| one.id).collect();
    let exported = stand.export("acme").await;
    compare_all_but(&private, &world, "acme", &exported);
    assert!(private.len() > 3 && private.iter().all(|id| has(&exported, id)));
    let content = async || {
        let keys = private.join("', '");
        let sql = format!("SELECT count(*) FROM raw_documents WHERE vendor_key IN ('{keys}')");
        stand.count(&sql).await
    };
    assert_eq!(content().await, private.len());
    stand.assert_sums().await;

    stand.connect("acme", "acme-key", &["--admit-private", "false"]).await;
    walk(&stand).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(content().await, 0, "not even the vendor's documents are left");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

async fn walk(stand: &Stand) {
    stand.ok(&["sync", "acme/attention", "--walk"]).await;
    stand.idle().await;
}

/// Of all that is to be kept, newest first.
fn kept_ids(world: &World) -> Vec<String> {
    let kept = world.truth("acme").expect("a truth").filter(|one| one.skip.is_none());
    kept.map(|one| one.id).collect()
}

#[tokio::test]
async fn a_call_archived_later_is_withdrawn_by_the_next_run_or_beyond_the_lookback_by_the_walk() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let kept = kept_ids(&world);
    let (recent, old) = (kept.first().expect("a recent call"), kept.last().expect("an old call"));

    for id in [recent, old] {
        world.change("acme", Change::SetArchived { id: id.clone(), archived: true }).expect("archived");
    }
    stand.sync("acme").await;
    let exported = stand.export("acme").await;
    assert!(!has(&exported, recent), "within the lookback the next run sees it");
    assert!(has(&exported, old), "beyond the lookback it does not");
    walk(&stand).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    for id in [recent, old] {
        let found = &stand.json(&["where", id]).await[0];
        assert_eq!(
            (found["standing"].as_str(), found["skipped_reason"].as_str()),
            (Some("skipped"), Some("archived"))
        );
    }
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn what_two_walks_do_not_see_is_withdrawn_and_very_many_at_once_wait_for_a_word() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let kept = kept_ids(&world);
    let vanish = |ids: &[String]| {
        for id in ids {
            world.change("acme", Change::Vanish { id: id.clone() }).expect("vanished");
        }
    };

    vanish(&kept[..3]);
    walk(&stand).await;
    assert_eq!(stand.stored("acme").await, kept.len(), "one walk may be mistaken");
    walk(&stand).await;
    stand.until("they are withdrawn", async || stand.stored("acme").await == kept.len() - 3).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);

    vanish(&kept[3..28]);
    walk(&stand).await;
    walk(&stand).await;
    let held = "SELECT coalesce(max(vanished_held), 0) FROM streams";
    stand.until("they are held", async || stand.number(held).await == 25).await;
    assert_eq!(stand.stored("acme").await, kept.len() - 3, "none is withdrawn");
    assert!(stand.ok(&["status"]).await.contains("HELD: 25 records"));
    stand.ok(&["withdraw-vanished", "acme/attention"]).await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert!(!stand.ok(&["status"]).await.contains("HELD"));
    stand.idle().await;
    stand.assert_sums().await;
    stand.finish(roles).await;
}
