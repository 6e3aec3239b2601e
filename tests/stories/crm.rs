//! A CRM opens the gate, and what changes in it moves the calls it concerns.

use std::collections::{BTreeMap, BTreeSet};

use simulator::{Change, CrmChange, CrmKind, DocumentSize, GongKey, GongSpec, WorkspaceSpec};
use stories::{Role, Stand, compare_with_truth};

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 150,
        days: 30,
        document_size: DocumentSize::Tiny,
        crm: CrmKind::HubSpot,
        ..WorkspaceSpec::named("acme")
    }
}

async fn in_sync(stand: &Stand) {
    stand.ok(&["sync", "acme/hubspot"]).await;
    stand.idle().await;
}

async fn walked(stand: &Stand) {
    stand.ok(&["sync", "acme/hubspot", "--walk"]).await;
    stand.idle().await;
}

fn change(stand: &Stand, crm: CrmChange) {
    stand.world().change("acme", Change::Crm { crm }).expect("a change");
}

async fn assert_truth(stand: &Stand) {
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
}

/// The same, and the changes have moved some call.
async fn assert_moved(stand: &Stand, before: &mut Vec<(String, String)>) {
    assert_truth(stand).await;
    let now = accounts(stand).await;
    assert_ne!(now, *before, "a change that moves no call shows nothing");
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

/// Calls wait, HubSpot is connected, and everything is on its account.
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
    stand.connect_hubspot("acme", &[]).await;
    stand.idle().await;
    roles
}

#[tokio::test]
async fn hubspot_opens_the_gate_and_every_call_lands_on_its_account() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    assert_truth(&stand).await;
    let calls = stand.export("acme").await;
    assert!(calls.iter().any(|call| call["account"].is_object()), "some calls have accounts");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn what_changes_in_hubspot_moves_exactly_the_calls_it_concerns() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;

    let mut before = accounts(&stand).await;
    // increments: properties that moved a date
    change(&stand, CrmChange::MoveDomains { from: 3, to: 4 });
    change(&stand, CrmChange::MoveContact { account: 6, contact: 1, to: 9 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // archived records move no date and show in no search
    change(&stand, CrmChange::DeleteAccount { account: 10 });
    change(&stand, CrmChange::DeleteContact { account: 11, contact: 2 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // a merge: the loser is in no list any more, its people go along without a date moving
    change(&stand, CrmChange::MergeAccounts { loser: 12, winner: 13 });
    change(&stand, CrmChange::MergeAccounts { loser: 13, winner: 14 });
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;

    // what comes back is seen by the walk at the latest
    change(&stand, CrmChange::RestoreAccount { account: 10 });
    change(&stand, CrmChange::RestoreContact { account: 11, contact: 2 });
    walked(&stand).await;
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
async fn a_persons_decision_stands_whatever_changes_in_the_crm_and_says_what_became_of_the_account() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let world = stand.world();
    let count = spec().accounts;
    let number = |id: &str| (0..count).find(|number| world.account_id("acme", *number).expect("an id") == id);
    let calls = stand.json(&["timeline", "--tenant", "acme", "--limit", "1000"]).await;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let found = calls.iter().find_map(|call| Some((call, number(&text(&call["account_external_id"])?)?)));
    let (call, first) = found.expect("a call on an account");
    let [id, vendors_id] =
        [&call["conversation_id"], &call["external_id"]].map(|id| text(id).expect("an id"));
    let [chosen, winner, other] = [1, 2, 3].map(|step| (first + step) % count);
    let name = |account: usize| world.account_id("acme", account).expect("an id");
    let on = async || {
        let exported = stand.export("acme").await;
        let one = exported.into_iter().find(|one| one["external_id"] == *vendors_id).expect("the call");
        [&one["account"]["external_id"], &one["account"]["rule"]].map(|one| text(one).unwrap_or_default())
    };
    let by_person = |account: usize| [name(account), "person".to_owned()];
    stand.ok(&["accounts", "move", &id, &name(chosen), "--by", "kim"]).await;
    assert_eq!(on().await, by_person(chosen));

    // whatever the rules would have decided by: its domains, its people, itself
    let people = (0..2).map(|contact| CrmChange::MoveContact { account: first, contact, to: other });
    let of_the_first = [CrmChange::MoveDomains { from: first, to: other }].into_iter().chain(people).chain([
        CrmChange::MoveDomains { from: chosen, to: other },
        CrmChange::DeleteAccount { account: first },
    ]);
    for one in of_the_first {
        change(&stand, one.clone());
        in_sync(&stand).await;
        assert_eq!(on().await, by_person(chosen), "{one:?}");
    }

    // the chosen account goes on as the one that took its place, twice
    for (loser, into) in [(chosen, winner), (winner, other)] {
        change(&stand, CrmChange::MergeAccounts { loser, winner: into });
        in_sync(&stand).await;
        assert_eq!(on().await, by_person(into));
    }
    let told = stand.ok(&["conversation", &id]).await;
    assert!(told.contains("kim decided at") && told.contains("since a merge in the CRM"), "{told}");
    let of_the_winner = stand.json(&["timeline", "--tenant", "acme", "--account", &name(other)]).await;
    assert!(of_the_winner.iter().any(|one| one["conversation_id"] == *id), "it is shown there");

    change(&stand, CrmChange::DeleteAccount { account: other });
    in_sync(&stand).await;
    assert_eq!(on().await, by_person(other), "nobody but a person puts it elsewhere");
    let told = stand.ok(&["conversation", &id]).await;
    assert!(
        told.contains("the CRM has deleted that account") && told.contains(&format!("move {id}")),
        "{told}"
    );
    stand.ok(&["accounts", "move", &id, "--take-back"]).await;
    stand.idle().await;
    assert_truth(&stand).await;
    stand.assert_sums().await;
    stand.finish(roles).await;
}

/// Which user everybody of the tenant's own is in the calls, by address; each is always the same one.
async fn users(stand: &Stand) -> BTreeMap<String, String> {
    let calls = stand.export("acme").await;
    let people = calls.iter().flat_map(|call| call["participants"].as_array().expect("participants"));
    let mut users = BTreeMap::new();
    for person in people {
        let Some(user) = person["user"].as_str() else { continue };
        assert_eq!(person["side"], "internal", "{person}");
        let email = person["email"].as_str().expect("an address").trim().to_lowercase();
        let before = users.insert(email, user.to_owned());
        assert!(before.is_none_or(|before| before == user), "{person}");
    }
    users
}

#[tokio::test]
async fn hubspots_owners_are_the_tenants_own_people_where_no_recorder_tells_who_is() {
    let mut stand = Stand::fresh().await;
    let gong = GongSpec { share: 1.0, ..spec().gong };
    stand.world().add_workspace(WorkspaceSpec { gong, conversations: 60, ..spec() }).expect("a workspace");
    // nobody has named a domain that anybody of theirs has
    stand.ok(&["tenant", "add", "acme", "--name", "acme", "--domain", "nobody.example.org"]).await;
    stand.connect_hubspot("acme", &[]).await;
    let blind = GongKey {
        key: "acme-gong".to_owned(),
        missing_scopes: vec!["api:users:read".to_owned()],
        ..GongKey::default()
    };
    stand.world().change("acme", Change::SetGongKey(blind)).expect("a key");
    stand.connect_gong("acme", &["--backfill-days", "31"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let known = users(&stand).await;
    let ids: BTreeSet<usize> = known.values().map(|id| id.parse().expect("an owner's number")).collect();
    // the first has left, and is known all the same
    assert_eq!(ids, (1..=spec().users).collect(), "{known:?}");
    for expected in stand.world().gong_truth("acme").expect("a truth").filter(|one| one.skip.is_none()) {
        for person in expected.attendees.iter().filter(|person| person.user.is_some()) {
            let email = person.email.as_deref().expect("an address").trim().to_lowercase();
            assert!(known.contains_key(&email), "{email}: {known:?}");
        }
    }

    stand.meet_users_anew().await;
    assert_eq!(users(&stand).await, known, "they are listed again, and their calls are linked again");
    stand.finish(roles).await;
}

#[tokio::test]
async fn very_many_deletions_at_once_are_held_until_a_person_says_so() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let before = stand.export("acme").await;
    for account in 0..25 {
        change(&stand, CrmChange::DeleteAccount { account });
    }
    in_sync(&stand).await;
    stand
        .until("the deletions are held", async || stand.ok(&["status"]).await.contains("HELD: 25 records"))
        .await;
    assert_eq!(stand.export("acme").await, before, "nothing has moved");
    stand.ok(&["withdraw-vanished", "acme/hubspot"]).await;
    stand.idle().await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_token_without_a_scope_is_told_what_stops_working_and_what_it_may_read_comes_in() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let world = stand.world();
    let mut settings = world.settings("acme").expect("settings");
    settings.crm_lacks_scope = vec!["companies".to_owned()];
    world.set_settings("acme", settings.clone()).expect("settings");
    let refused = stand.run_with_input(&stand.hubspot_args("acme", &[]), "pat-eu1-acme").await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("crm.objects.companies.read"), "{error}");
    let wrong = stand.run_with_input(&stand.hubspot_args("acme", &[]), "pat-eu1-nobody").await;
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && error.contains("refuses the token"), "{error}");

    settings.crm_lacks_scope = vec!["deals".to_owned(), "owners".to_owned()];
    world.set_settings("acme", settings).expect("settings");
    let report = stand.connect_hubspot("acme", &[]).await;
    let missing = ["crm.objects.deals.read", "crm.objects.owners.read"];
    assert_eq!(report["missing_scopes"], serde_json::json!(missing), "{report}");
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert!(!stand.export("acme").await.is_empty(), "the gate is open");

    // a scope that is lost later fails its own stream at once, and nothing else
    let mut settings = world.settings("acme").expect("settings");
    settings.crm_lacks_scope = vec!["contacts".to_owned()];
    world.set_settings("acme", settings).expect("settings");
    in_sync(&stand).await;
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    let failed: Vec<&str> = runs.iter().filter_map(|run| run["failed_reason"].as_str()).collect();
    assert!(
        matches!(failed[..], [why] if why.contains("missing scope crm.objects.contacts.read")),
        "{failed:?}"
    );
    let invalid = "SELECT count(*) FROM connections WHERE credential_state <> 'valid'";
    assert_eq!(stand.number(invalid).await, 0, "the token stays valid");
    stand.discard(roles).await;
}

#[tokio::test]
async fn an_import_that_writes_more_contacts_at_once_than_a_search_shows_is_taken_in_whole() {
    let mut stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec { accounts: 120, conversations: 60, ..spec() }).await;
    let world = stand.world();
    let settings = world.settings("acme").expect("settings");
    // 600 contacts; two pages and a half of them can be paged through
    let reached = simulator::Settings { crm_search_reach: 500, ..settings };
    world.set_settings("acme", reached).expect("settings");
    stand.connect_hubspot("acme", &[]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_truth(&stand).await;
    let mut before = accounts(&stand).await;
    for account in 0..60 {
        change(&stand, CrmChange::MoveContact { account, contact: 1, to: account + 60 });
        change(&stand, CrmChange::MoveContact { account, contact: 2, to: account + 60 });
    }
    change(&stand, CrmChange::ImportContacts);
    in_sync(&stand).await;
    assert_moved(&stand, &mut before).await;
    let listed = stand.json(&["runs", "--limit", "1000"]).await;
    let listed = listed.iter().filter(|run| run["stream"] == "contacts" && run["kind"] == "periodic");
    assert_eq!(listed.filter_map(|run| run["sums"]["listed"].as_i64()).max(), Some(600));
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_day_that_is_used_up_parks_the_sync_with_its_cause() {
    let mut stand = Stand::fresh().await;
    let roles = settled(&mut stand).await;
    let world = stand.world();
    let settings = world.settings("acme").expect("settings");
    let used_up = simulator::Settings { crm_quota_used_up: true, ..settings };
    world.set_settings("acme", used_up).expect("settings");
    stand.ok(&["sync", "acme/hubspot"]).await;
    stand
        .until("the sync is parked for want of quota", async || {
            let runs = stand.json(&["runs"]).await;
            let parked = |run: &&serde_json::Value| run["parked_cause"] == "quota";
            runs.iter().filter(parked).count() == 4
        })
        .await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}
