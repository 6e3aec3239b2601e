//! Salesforce opens the gate like any CRM, and what changes, disappears or is merged in it moves the calls it concerns.

mod grants;
mod relations;

use serde_json::Value;
use simulator::{
    Change, CrmChange, CrmKind, DocumentSize, Endpoint, Fault, FaultRule, Settings, WorkspaceSpec,
};
use stories::{Role, Stand, compare_with_truth};

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 150,
        days: 30,
        document_size: DocumentSize::Tiny,
        crm: CrmKind::Salesforce,
        ..WorkspaceSpec::named("acme")
    }
}

/// People whose address does not lead where they belong: consultants with a mailbox at another account's host, and free mail.
const LEADING: [(usize, usize); 12] = [
    (2, 1),
    (9, 1),
    (16, 1),
    (23, 1),
    (30, 1),
    (37, 1),
    (15, 0),
    (17, 0),
    (21, 0),
    (26, 0),
    (33, 0),
    (36, 0),
];

async fn in_sync(stand: &Stand) {
    stand.ok(&["sync", "acme/salesforce"]).await;
    stand.idle().await;
}

fn change(stand: &Stand, crm: CrmChange) {
    stand.world().change("acme", Change::Crm { crm }).expect("a change");
}

fn set(stand: &Stand, change: impl FnOnce(&mut Settings)) {
    let world = stand.world();
    let mut settings = world.settings("acme").expect("settings");
    change(&mut settings);
    world.set_settings("acme", settings).expect("settings");
}

async fn assert_truth(stand: &Stand) {
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
}

/// The same, and the changes have moved some call.
async fn assert_moved(stand: &Stand, before: &mut Vec<(String, String)>) {
    assert_truth(stand).await;
    let now = accounts(stand).await;
    assert!(now != *before, "a change that moves no call shows nothing");
    *before = now;
}

/// Which call is on which account.
async fn accounts(stand: &Stand) -> Vec<(String, String)> {
    let calls = stand.export("acme").await;
    calls
        .iter()
        .map(|call| (call["external_id"].to_string(), call["account"]["external_id"].to_string()))
        .collect()
}

/// Calls wait, Salesforce is connected, and everything is on its account.
async fn settled(stand: &mut Stand) -> Vec<Role> {
    stand.tenant(spec()).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand
        .until("calls are parked for want of accounts", async || {
            let runs = stand.json(&["runs"]).await;
            runs.len() > 5 && runs.iter().all(|run| run["parked_cause"] == "crm")
        })
        .await;
    stand.connect_salesforce("acme", &[]).await;
    stand.idle().await;
    roles
}

/// The runs of the organization's streams that are like this.
async fn runs(stand: &Stand, like: impl Fn(&Value) -> bool) -> usize {
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    runs.iter().filter(|run| run["stream"] != "conversations" && like(run)).count()
}

#[tokio::test]
async fn salesforce_opens_the_gate_and_every_call_lands_on_its_account() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    assert_truth(&stand).await;
    let linked = "SELECT count(*) FROM conversations JOIN linked_records r USING (conversation_id)
                  WHERE length(r.external_id) = 15 AND link_rule = 'vendor-record'";
    assert!(stand.number(linked).await > 0, "calls that name an account by its short id are on it");
    let leads = "SELECT count(*) FROM contacts WHERE kind = 'lead' AND account_id IS NOT NULL";
    assert!(stand.number(leads).await > 0, "a lead that was converted leads to its account");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn what_changes_in_salesforce_moves_exactly_the_calls_it_concerns() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;

    let mut before = accounts(&stand).await;
    change(&stand, CrmChange::MoveDomains { from: 3, to: 4 });
    change(&stand, CrmChange::MoveContact { account: 6, contact: 1, to: 9 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // deletions: an account's moves a date, a contact's only shows in the list of what was deleted
    change(&stand, CrmChange::DeleteAccount { account: 10 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;
    for (account, contact) in LEADING {
        change(&stand, CrmChange::DeleteContact { account, contact });
    }
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // merges: the loser tells of it; what was merged stays so when nothing shows it any more
    change(&stand, CrmChange::MergeAccounts { loser: 12, winner: 13 });
    change(&stand, CrmChange::MergeAccounts { loser: 13, winner: 14 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // what comes back is seen by the walk at the latest
    change(&stand, CrmChange::RestoreAccount { account: 10 });
    for (account, contact) in LEADING {
        change(&stand, CrmChange::RestoreContact { account, contact });
    }
    stand.ok(&["sync", "acme/salesforce", "--walk"]).await;
    stand.idle().await;
    assert_moved(&stand, &mut before).await;

    // what has left the recycle bin is in no query
    change(&stand, CrmChange::DeleteAccount { account: 20 });
    change(&stand, CrmChange::EmptyBin);
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;
    stand.assert_sums().await;

    // the same once more changes nothing, not even a time
    let before = stand.export("acme").await;
    change(&stand, CrmChange::TouchContact { account: 2, contact: 2 });
    in_sync(&stand).await;
    assert_eq!(stand.export("acme").await, before);
    stand.finish(roles).await;
}

#[tokio::test]
async fn very_many_deletions_at_once_are_held_and_a_persons_word_lets_them_count() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let before = stand.export("acme").await;
    for account in 0..25 {
        change(&stand, CrmChange::DeleteAccount { account });
    }
    change(&stand, CrmChange::EmptyBin);
    in_sync(&stand).await;
    stand
        .until("the deletions are held", async || stand.ok(&["status"]).await.contains("HELD: 25 records"))
        .await;
    assert_eq!(stand.export("acme").await, before, "nothing has moved");
    stand.ok(&["withdraw-vanished", "acme/salesforce"]).await;
    stand.idle().await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_field_that_may_not_be_read_is_named_when_connecting_and_when_it_is_lost() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    set(&stand, |settings| settings.crm_lacks_scope = vec!["Account.Website".to_owned()]);
    let token = stand.world().salesforce_token("acme").expect("a token");
    let refused = stand.run_with_input(&stand.salesforce_args("acme", &[]), &token).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("Account.Website"), "{error}");
    let wrong = stand.run_with_input(&stand.salesforce_args("acme", &[]), "00Dxx!nobody").await;
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && error.contains("refuses the token"), "{error}");

    set(&stand, |settings| settings.crm_lacks_scope = vec!["leads".to_owned()]);
    let report = stand.connect_salesforce("acme", &[]).await;
    let missing = report["missing_scopes"][0].as_str().expect("a scope");
    assert!(missing.contains("may not read Lead"), "{report}");
    assert_eq!(report["streams"], serde_json::json!(["accounts", "contacts", "deals", "users"]));
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert!(!stand.export("acme").await.is_empty(), "the gate is open");

    // a permission that is lost later fails its own stream at once, and nothing else
    set(&stand, |settings| settings.crm_lacks_scope = vec!["Contact.Email".to_owned()]);
    in_sync(&stand).await;
    let named = |run: &Value| {
        run["state"] == "failed"
            && run["failed_reason"].as_str().is_some_and(|why| why.contains("Contact.Email"))
    };
    assert_eq!(runs(&stand, |run| run["state"] == "failed").await, 1);
    assert_eq!(runs(&stand, named).await, 1, "{:?}", stand.json(&["runs"]).await);
    let invalid = "SELECT count(*) FROM connections WHERE credential_state <> 'valid'";
    assert_eq!(stand.number(invalid).await, 0, "the token stays valid");
    stand.discard(roles).await;
}

#[tokio::test]
async fn a_query_that_grew_too_old_is_begun_again_and_misses_nothing() {
    let mut stand = Stand::fresh().await;
    let expired = FaultRule::from(Fault::CursorExpired).at(Endpoint::SalesforceNext).times(3);
    stand.tenant(spec()).await;
    stand.world().add_fault("acme", expired).expect("a fault");
    stand.connect_salesforce("acme", &[]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_eq!(
        stand.number("SELECT sum(restarts)::bigint FROM sync_runs").await,
        3,
        "lists were begun again"
    );
    assert_truth(&stand).await;
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_asked_in_parts_and_misses_nothing() {
    let mut stand = Stand::fresh().await;
    let settings = Settings { crm_query_days_max: Some(10_000), ..Settings::default() };
    stand.tenant(WorkspaceSpec { settings, ..spec() }).await;
    stand.connect_salesforce("acme", &[]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let asked = stand.number(
        "SELECT min(page)::bigint FROM sync_runs WHERE kind = 'bootstrap' AND stream <> 'conversations'",
    );
    assert!(asked.await > 4, "in parts");
    assert_truth(&stand).await;
    // an increment, and a walk, which notices what is missing
    change(&stand, CrmChange::MoveDomains { from: 3, to: 4 });
    in_sync(&stand).await;
    assert_truth(&stand).await;
    change(&stand, CrmChange::DeleteContact { account: 2, contact: 1 });
    change(&stand, CrmChange::EmptyBin);
    let records = "stream NOT IN ('conversations', 'users')";
    stand.database.execute(&format!("UPDATE streams SET walk_due_at = now() WHERE {records}")).await;
    let walks = format!("SELECT count(*) FROM sync_runs WHERE kind = 'walk' AND {records}");
    stand.until("the walks are planned", async || stand.number(&walks).await == 4).await;
    stand.idle().await;
    assert_truth(&stand).await;
    assert_eq!(runs(&stand, |run| run["state"] != "settled").await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_session_that_expired_parks_its_own_work_until_a_reconnect() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let expired = stand
        .world()
        .add_fault("acme", FaultRule::from(Fault::Unauthorized).at(Endpoint::SalesforceDescribe));
    let expired = expired.expect("a fault");
    stand.ok(&["sync", "acme/salesforce"]).await;
    stand
        .until("the syncs are parked for their credential", async || {
            runs(&stand, |run| run["parked_cause"] == "credential" && run["stream"] != "users").await == 4
        })
        .await;
    stand.world().remove_fault("acme", expired).expect("a fault");
    change(&stand, CrmChange::MoveDomains { from: 3, to: 4 });
    stand.connect_salesforce("acme", &[]).await;
    stand.idle().await;
    in_sync(&stand).await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_day_that_is_used_up_parks_every_stream_of_salesforce_with_its_cause() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    set(&stand, |settings| settings.crm_quota_used_up = true);
    stand.ok(&["sync", "acme/salesforce"]).await;
    stand
        .until("the syncs are parked for want of quota", async || {
            runs(&stand, |run| run["parked_cause"] == "quota").await == 5
        })
        .await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn domains_in_a_field_of_their_own_count_once_somebody_has_named_it() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    set(&stand, |settings| settings.crm_own_domain_field = true);
    let roles = stand.start_all().await;
    stand.connect("acme", "acme-key", &[]).await;
    stand.connect_salesforce("acme", &[]).await;
    stand.idle().await;
    let known = async || stand.number("SELECT count(*) FROM account_domains").await;
    let websites = known().await;

    stand.connect_salesforce("acme", &["--domain-field", "Domains__c"]).await;
    stand.idle().await;
    let all = known().await;
    assert!(all > websites + 5, "of everybody, touched or not: {websites}, {all}");
    assert_truth(&stand).await;
    stand.connect_salesforce("acme", &[]).await;
    in_sync(&stand).await;
    assert_eq!(known().await, all, "what was said once holds");

    let token = stand.world().salesforce_token("acme").expect("a token");
    set(&stand, |settings| settings.crm_own_domain_field = false);
    let refused = stand.run_with_input(&stand.salesforce_args("acme", &[]), &token).await;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        words.contains("may not read Account.Domains__c") && words.contains("nothing was saved"),
        "{words}"
    );
    stand.connect_salesforce("acme", &["--domain-field", "none"]).await;
    stand.idle().await;
    assert_eq!(known().await, all, "the website has them again");
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_backfill_gives_way_when_others_use_up_the_organizations_day_and_live_work_goes_on() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let told = "SELECT count(*) FROM vendor_budgets WHERE day_limit_told = 1000000 AND day_used_told > 0";
    assert_eq!(stand.number(told).await, 1, "what the organization says");

    // a tenth of the day is ours; 1,500 are left of what everybody has, fewer than live work of ours may want
    set(&stand, |settings| settings.crm_used_by_others = 998_500);
    in_sync(&stand).await;
    stand.ok(&["sync", "acme/salesforce", "--walk"]).await;
    let parked = async || runs(&stand, |run| run["kind"] == "walk" && run["parked_cause"] == "quota").await;
    stand.until("the walks have given way", async || parked().await >= 4).await;
    let before = accounts(&stand).await;
    change(&stand, CrmChange::MoveDomains { from: 3, to: 4 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before.clone()).await;
    assert!(parked().await >= 4, "live work goes on by itself");
    let status = stand.ok(&["status"]).await;
    assert!(status.contains("of the 1000000 requests that salesforce/"), "{status}");
    let refused = stand.world().crm_stats("acme").expect("numbers").by_status.get(&403).copied();
    assert_eq!(refused, None, "nobody ran into the limit");

    // what others have used comes back, and the next answer tells
    set(&stand, |settings| settings.crm_used_by_others = 0);
    in_sync(&stand).await;
    assert_eq!(runs(&stand, |run| run["state"] != "settled").await, 0);
    assert_truth(&stand).await;
    stand.assert_sums().await;
    stand.finish(roles).await;
}
