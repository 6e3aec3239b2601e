//! Contacts of Salesforce come with all their accounts, where an organization lets them have several.

use std::collections::{BTreeMap, BTreeSet};

use simulator::CrmChange;
use stories::Stand;

use super::{assert_truth, change, in_sync, runs, set, settled, spec};

/// The accounts each contact is known to have to do with beside its own.
async fn other_accounts(stand: &Stand) -> BTreeMap<String, BTreeSet<String>> {
    let text = "SELECT coalesce(json_object_agg(external_id, others), '{}')::text FROM (
                    SELECT c.external_id, json_agg(a.external_id) AS others FROM contacts c
                    JOIN accounts a ON a.account_id = ANY (c.other_account_ids) AND a.tenant_id = c.tenant_id
                    WHERE c.gone_at IS NULL GROUP BY c.external_id) AS related";
    serde_json::from_str(&stand.database.text(text).await).expect("accounts by contact")
}

/// They are what the organization says, and not what they were.
async fn assert_related(stand: &Stand, before: &mut BTreeMap<String, BTreeSet<String>>) {
    assert_eq!(failures(stand).await, Vec::<String>::new());
    let now = other_accounts(stand).await;
    assert_eq!(now, stand.world().other_accounts("acme").expect("a truth"));
    assert_ne!(now, *before, "a change that moves nothing shows nothing");
    *before = now;
}

/// Why runs of the organization's streams have failed.
async fn failures(stand: &Stand) -> Vec<String> {
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    runs.iter().filter_map(|run| run["failed_reason"].as_str().map(str::to_owned)).collect()
}

/// How often the organization was asked about relations: for their fields, and in all.
fn asked_about_relations(stand: &Stand) -> (usize, usize) {
    let requests = stand.world().crm_requests("acme").expect("requests");
    let about: Vec<_> = requests.iter().filter(|one| one.path.contains("AccountContactRelation")).collect();
    (about.iter().filter(|one| one.path.ends_with("/describe")).count(), about.len())
}

#[tokio::test]
async fn a_contact_comes_with_all_its_accounts_and_a_relation_that_changes_alone_is_noticed() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let mut before = BTreeMap::new();
    assert_related(&stand, &mut before).await;
    assert_truth(&stand).await;
    let calls = stand.export("acme").await;

    // no date of a contact moves with any of these
    change(&stand, CrmChange::RelateContact { account: 2, contact: 1, to: 9 });
    change(&stand, CrmChange::RelateContact { account: 2, contact: 3, to: 11 });
    in_sync(&stand).await;
    assert_related(&stand, &mut before).await;
    // deleting a relation moves its date, or does not, as these two
    for account in [4, 5] {
        change(&stand, CrmChange::UnrelateContact { account, contact: 3, from: account + 1 });
        in_sync(&stand).await;
        assert_related(&stand, &mut before).await;
    }
    change(&stand, CrmChange::RetireRelation { account: 6, contact: 3, at: 7 });
    in_sync(&stand).await;
    assert_related(&stand, &mut before).await;
    assert_eq!(stand.export("acme").await, calls, "a contact votes for its own account");

    // they go along with their accounts
    change(&stand, CrmChange::DeleteAccount { account: 13 });
    change(&stand, CrmChange::MergeAccounts { loser: 17, winner: 20 });
    in_sync(&stand).await;
    assert_related(&stand, &mut before).await;
    assert_truth(&stand).await;

    // whose a relation was that nothing shows any more, the walk finds out
    change(&stand, CrmChange::UnrelateContact { account: 8, contact: 3, from: 9 });
    change(&stand, CrmChange::EmptyBin);
    in_sync(&stand).await;
    assert_eq!(other_accounts(&stand).await, before);
    stand.ok(&["sync", "acme/salesforce", "--walk"]).await;
    stand.idle().await;
    assert_related(&stand, &mut before).await;

    let (described, _) = asked_about_relations(&stand);
    let of_contacts = "SELECT count(*) FROM sync_runs WHERE stream = 'contacts' AND kind <> 'follow_up'";
    let runs = stand.count(of_contacts).await;
    assert_eq!(described, runs + 1, "once a run, and when connecting");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn very_many_relations_of_one_moment_are_taken_in_whole() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let mut before = BTreeMap::new();
    assert_related(&stand, &mut before).await;
    for account in 0..40 {
        for contact in 0..4 {
            let to = (account + 7) % 40;
            change(&stand, CrmChange::RelateContact { account, contact, to });
        }
    }
    in_sync(&stand).await;
    assert_related(&stand, &mut before).await;
    assert_eq!(before.len(), 160, "more than a page of a query");
    for account in 0..40 {
        for contact in 0..4 {
            let from = (account + 7) % 40;
            change(&stand, CrmChange::UnrelateContact { account, contact, from });
        }
    }
    in_sync(&stand).await;
    assert_related(&stand, &mut before).await;
    assert_eq!(runs(&stand, |run| run["state"] != "settled").await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn where_contacts_have_one_account_each_nobody_asks_page_by_page_for_others() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    set(&stand, |settings| settings.crm_single_accounts = true);
    let report = stand.connect_salesforce("acme", &[]).await;
    assert_eq!(report["missing_scopes"], serde_json::json!([]), "nothing is missing");
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    in_sync(&stand).await;
    assert_truth(&stand).await;
    assert_eq!(other_accounts(&stand).await, BTreeMap::new());
    let of_contacts = "SELECT count(*) FROM sync_runs WHERE stream = 'contacts'";
    let asked = asked_about_relations(&stand);
    let once_a_run = stand.count(of_contacts).await + 1;
    assert_eq!(asked, (once_a_run, once_a_run), "for their fields, and for nothing else");
    let pages = "SELECT max(page)::bigint FROM sync_runs WHERE stream = 'contacts' AND kind = 'bootstrap'";
    assert!(stand.number(pages).await > 1, "in pages");
    assert_eq!(runs(&stand, |run| run["state"] != "settled").await, 0);

    // the organization lets its contacts have several, and takes it back
    set(&stand, |settings| settings.crm_single_accounts = false);
    let walked = async || {
        stand.ok(&["sync", "acme/salesforce", "--walk"]).await;
        stand.idle().await;
    };
    walked().await;
    assert_related(&stand, &mut BTreeMap::new()).await;
    set(&stand, |settings| settings.crm_single_accounts = true);
    walked().await;
    assert_eq!(other_accounts(&stand).await, BTreeMap::new());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn relations_that_may_not_be_read_are_named_when_connecting_and_cost_nothing_else() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let hidden = vec!["AccountContactRelation.IsActive".to_owned()];
    set(&stand, |settings| settings.crm_lacks_scope.clone_from(&hidden));
    let report = stand.connect_salesforce("acme", &[]).await;
    let missing = report["missing_scopes"][0].as_str().expect("a scope");
    assert!(missing.contains("may not read AccountContactRelation.IsActive"), "{report}");
    assert_eq!(report["streams"], serde_json::json!(["accounts", "contacts", "deals", "leads", "users"]));
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_truth(&stand).await;
    assert_eq!(other_accounts(&stand).await, BTreeMap::new());
    assert_eq!(runs(&stand, |run| run["state"] != "settled").await, 0);
    stand.finish(roles).await;
}
