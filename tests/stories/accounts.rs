//! The gate, and accounts that come later than the calls.

use simulator::{DocumentSize, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 120,
        days: 30,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

#[tokio::test]
async fn conversations_wait_for_accounts_and_come_in_by_themselves_once_there_are_some() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand
        .until("runs are parked for want of accounts", async || {
            let parked = stand.number("SELECT count(*) FROM sync_runs WHERE parked_cause = 'crm'").await;
            parked > 5 && parked == stand.number("SELECT count(*) FROM sync_runs").await
        })
        .await;
    assert!(stand.json(&["runs"]).await.iter().all(|run| run["parked_cause"] == "crm"));
    assert!(stand.export("acme").await.is_empty());
    assert_eq!(stand.world().stats("acme").expect("stats").by_endpoint.get(&simulator::Endpoint::List), None);
    stand.accounts("acme").await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn users_on_domains_that_nobody_named_are_the_tenants_own_people() {
    let mut stand = Stand::fresh().await;
    stand.world().add_workspace(spec()).expect("a workspace");
    let domain = &stand.world().own_domains("acme").expect("own domains")[0];
    // the second domain is known by the vendor's users alone
    stand.ok(&["tenant", "add", "acme", "--name", "acme", "--domain", domain]).await;
    stand.accounts("acme").await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);

    // as if they had come to the workspace only now
    stand.database.execute("DELETE FROM users").await;
    stand.database.execute("UPDATE participants SET side = 'external', user_external_id = NULL").await;
    stand.database.execute("UPDATE streams SET walk_due_at = now()").await;
    stand
        .until("the walk is planned", async || {
            stand.number("SELECT count(*) FROM sync_runs WHERE kind = 'walk'").await > 0
        })
        .await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn calls_that_found_no_account_are_linked_when_accounts_come() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let first = stand.path("first.csv");
    std::fs::write(&first, "external_id,name,domains\nOTHER,Somebody else,elsewhere.example.org\n")
        .expect("a file");
    stand.ok(&["accounts", "import", "--tenant", "acme", &first.display().to_string()]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert!(stand.export("acme").await.iter().all(|one| one["account"].is_null()));
    stand.accounts("acme").await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}
