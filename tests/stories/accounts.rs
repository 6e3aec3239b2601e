//! The gate, and accounts that come later than the calls.

use simulator::{Change, DocumentSize, WorkspaceSpec};
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

    stand.meet_users_anew().await;
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

#[tokio::test]
async fn a_persons_decision_stands_until_it_is_taken_back() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let account_of = async |id: &str| {
        let exported = stand.export("acme").await;
        let one = exported.iter().find(|one| one["external_id"] == id).expect("the call");
        (one["account"]["external_id"].as_str().map(str::to_owned), one["account"]["rule"].clone())
    };
    let calls = stand.json(&["timeline", "--tenant", "acme", "--limit", "1000"]).await;
    let call = calls.iter().find(|call| !call["account"].is_null()).expect("a call on an account");
    let [id, vendors_id] =
        ["conversation_id", "external_id"].map(|key| call[key].as_str().expect("a text").to_owned());
    let (before, rule) = account_of(&vendors_id).await;
    let all = stand.json(&["accounts", "list", "--tenant", "acme"]).await;
    let other = all.iter().map(|one| one["external_id"].as_str().expect("an id"));
    let other = other.into_iter().find(|other| Some(*other) != before.as_deref()).expect("another account");

    stand.ok(&["accounts", "move", &id, other, "--by", "kim"]).await;
    let why = stand.ok(&["conversation", &id]).await;
    assert!(why.contains("found by person") && why.contains("kim decided at"), "{why}");
    let title = Change::SetTitle { id: vendors_id.clone(), title: "Newer".to_owned() };
    stand.world().change("acme", title).expect("newer");
    stand.resync("acme").await;
    stand.accounts("acme").await;
    // everything is linked again
    stand.database.execute("INSERT INTO account_changes (tenant_id, account_ids) SELECT 'acme', array_agg(account_id) FROM accounts").await;
    stand.idle().await;
    assert_eq!(account_of(&vendors_id).await, (Some(other.to_owned()), "person".into()));
    let unknown = stand.run(&["accounts", "move", &id, "nobody"]).await;
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has no account \"nobody\""), "{unknown:?}");

    stand.ok(&["accounts", "move", &id, "--none", "--by", "kim"]).await;
    assert_eq!(account_of(&vendors_id).await.0, None);
    stand.ok(&["accounts", "move", &id, "--take-back"]).await;
    stand.idle().await;
    assert_eq!(account_of(&vendors_id).await, (before, rule));
    let again = stand.run(&["accounts", "move", &id, "--take-back"]).await;
    assert!(String::from_utf8_lossy(&again.stderr).contains("nobody decided"), "{again:?}");
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn what_found_no_account_is_listed_by_the_domain_that_frees_the_most() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let first = stand.path("first.csv");
    std::fs::write(&first, "external_id,name,domains\nOTHER,Somebody else,elsewhere.example.org\n")
        .expect("a file");
    stand.ok(&["accounts", "import", "--tenant", "acme", &first.display().to_string()]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let unmatched = async || stand.json(&["unmatched", "--tenant", "acme"]).await;
    let groups = unmatched().await;
    let external = stand.export("acme").await.iter().filter(|one| one["internal"] == false).count();
    let count = |group: &serde_json::Value, key: &str| group[key].as_u64().expect("a number");
    assert_eq!(groups.iter().map(|group| count(group, "conversations")).sum::<u64>(), external as u64);
    let frees: Vec<u64> =
        groups.iter().filter(|group| !group["domain"].is_null()).map(|group| count(group, "frees")).collect();
    assert!(frees.len() > 2 && frees.is_sorted_by(|one, next| one >= next), "{groups:?}");

    let (domain, its_calls) = (groups[0]["domain"].as_str().expect("a domain"), frees[0]);
    let csv = format!("external_id,name,domains\nBIG,The biggest,{domain}\n");
    std::fs::write(&first, csv).expect("a file");
    stand.ok(&["accounts", "import", "--tenant", "acme", &first.display().to_string()]).await;
    stand.idle().await;
    let on_it = stand.json(&["timeline", "--tenant", "acme", "--account", "BIG", "--limit", "1000"]).await;
    assert_eq!(on_it.len() as u64, its_calls);
    assert!(unmatched().await.iter().all(|group| group["domain"] != domain));
    stand.finish(roles).await;
}
