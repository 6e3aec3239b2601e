//! Networks that lose connections without a word: whoever waits for an answer gives up, and goes on.

use simulator::{DocumentSize, WorkspaceSpec};
use stories::{Role, Stand, Trouble, Wires, compare_with_truth};

/// So long an answer is waited for here; in production for minutes.
const SOON: (&str, &str) = ("SWITCHBOARD_DATABASE_ANSWER_S", "5");

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 150, days: 20, document_size, ..WorkspaceSpec::named("acme") }
}

#[tokio::test]
async fn connections_to_the_database_that_are_forgotten_hold_nobody() {
    let stand = Stand::paced(vec![(SOON.0, SOON.1.to_owned())]).await;
    stand.connected(spec(), &["--requests-per-second", "40", "--in-flight", "8"]).await;
    let (roles, all_wires) = start_all(&stand, Trouble::None).await;
    stand.until("a part of the history is there", async || stand.stored("acme").await >= 40).await;
    for wires in &all_wires {
        wires.database.set(Trouble::Forgotten);
    }
    assert_all_is_there(stand, roles).await;
}

#[tokio::test]
async fn commits_whose_answers_are_lost_are_done_once() {
    let stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let (roles, all_wires) = start_all(&stand, Trouble::CutAtCommit).await;
    let struck = || all_wires.iter().map(|wires| wires.database.struck()).min();
    stand.until("everybody has lost some answers", async || struck() >= Some(3)).await;
    for wires in &all_wires {
        wires.database.set(Trouble::None);
    }
    assert_all_is_there(stand, roles).await;
}

/// Every role, each behind wires with this trouble on the way to the database.
async fn start_all(stand: &Stand, trouble: Trouble) -> (Vec<Role>, Vec<Wires>) {
    let (mut roles, mut all_wires) = (Vec::new(), Vec::new());
    for role in ["scheduler", "fetcher", "normalizer", "steward"] {
        let wires = stand.wires(role).await;
        wires.database.set(trouble);
        roles.push(stand.start_behind(role, role, &wires, &[]).await);
        all_wires.push(wires);
    }
    (roles, all_wires)
}

async fn assert_all_is_there(stand: Stand, roles: Vec<Role>) {
    stand.idle().await;
    stand.sync("acme").await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.finish(roles).await;
}
