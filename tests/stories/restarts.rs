//! A broker and a database that are killed and come back: the work goes on by itself.

use std::time::Duration;

use simulator::{DocumentSize, WorkspaceSpec};
use stories::{Stack, Stand, compare_with_truth};

/// A broker that is killed right after queues were declared may come back without them.
const QUEUES_ARE_SAFE_AFTER: Duration = Duration::from_secs(6);

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 400, days: 40, document_size, ..WorkspaceSpec::named("acme") }
}

async fn until_stored(stand: &Stand, at_least: usize) {
    stand.until("more is there", async || stand.stored("acme").await >= at_least).await;
}

#[tokio::test]
async fn a_broker_and_a_database_that_are_killed_and_come_back_lose_nothing() {
    let stack = Stack::up().await;
    let mut stand = Stand::on_stack(&stack).await;
    let declared = tokio::time::Instant::now();
    let options = ["--backfill-days", "45", "--requests-per-second", "25", "--in-flight", "4"];
    stand.connected(spec(), &options).await;
    let mut roles = stand.start_all().await;
    until_stored(&stand, 20).await;
    // nothing else says when the broker has put its queues into safety
    tokio::time::sleep_until(declared + QUEUES_ARE_SAFE_AFTER).await;

    stack.give("kill-rabbitmq").await;
    stack.give("start-rabbitmq").await;
    let before = stand.stored("acme").await;
    until_stored(&stand, before + 30).await;

    stack.give("kill-postgres").await;
    stack.give("start-postgres").await;
    let before = stand.stored("acme").await;
    assert!(before < 350, "there is work left");
    until_stored(&stand, before + 30).await;

    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    assert!(roles.iter_mut().all(stories::Role::is_running), "{}", stand.logs());
    stand.finish(roles).await;
}
