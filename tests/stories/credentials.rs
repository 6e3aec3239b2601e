//! A revoked key stops its own work only, tells of it once, and goes on after a reconnect.

use std::path::Path;

use simulator::{
    AddedKind, Change, DocumentSize, Endpoint, EndpointForm, Fault, FaultRule, HeaderForm, KeyLevel,
    Settings, WorkspaceSpec,
};
use stories::{Stand, compare_with_truth};

fn spec(name: &str, conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec { conversations, days: 60, document_size: DocumentSize::Tiny, ..WorkspaceSpec::named(name) }
}

async fn events_of(stand: &Stand, kind: &str) -> usize {
    let events = stand.json(&["events", "tail", "-n", "100000"]).await;
    events.iter().filter(|event| event["type"] == kind).count()
}

#[tokio::test]
async fn a_revoked_key_parks_its_own_work_with_one_event_and_a_reconnect_goes_on() {
    let mut stand = Stand::fresh().await;
    stand.vhost.tap().await;
    stand.connected(spec("acme", 600), &["--requests-per-second", "100", "--in-flight", "4"]).await;
    stand.connected(spec("globex", 100), &[]).await;
    let roles = stand.start_all().await;
    stand.until("a part of the history is there", async || stand.stored("acme").await > 60).await;
    let world = stand.world();
    world.change("acme", Change::RevokeKey { key: "acme-key".to_owned() }).expect("revoked");
    stand
        .until("the key is found invalid", async || {
            let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
            stand.number(invalid).await > 0
        })
        .await;
    assert_eq!(stand.json(&["connections", "--tenant", "acme"]).await[0]["credential"], "invalid");
    stand.idle().await;
    compare_with_truth(&world, "globex", &stand.export("globex").await);
    assert!(stand.export("acme").await.len() < 600);
    let parked = stand.json(&["runs", "--tenant", "acme", "--open"]).await;
    assert!(!parked.is_empty() && parked.iter().all(|run| run["parked_cause"] == "credential"), "{parked:?}");
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    let events = stand.json(&["events", "tail", "-n", "100000"]).await;
    let event = events.iter().rfind(|event| event["type"] == "credential.invalidated").expect("an event");
    let id = format!("message_id: {}\n", event["id"].as_str().expect("an id"));
    let on_the_wire = stand.vhost.tapped().await;
    assert!(on_the_wire.iter().any(|message| message.contains(&id)));

    world
        .change("acme", Change::AddKey { key: "second-key".to_owned(), level: KeyLevel::Organization })
        .expect("a key");
    stand.connect("acme", "second-key", &["--requests-per-second", "500"]).await;
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    assert_eq!(events_of(&stand, "credential.restored").await, 1);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_form_of_the_header_that_was_learned_is_known_to_the_next_process() {
    let mut stand = Stand::fresh().await;
    let header_forms = vec![EndpointForm { endpoint: Endpoint::Detail, form: HeaderForm::Bare }];
    let settings = Settings { header_forms, ..Settings::default() };
    let spec = WorkspaceSpec { days: 5, settings, ..spec("acme", 20) };
    stand.connected(spec, &["--backfill-days", "6"]).await;
    let world = stand.world();
    let refusals = || world.stats("acme").expect("stats").by_status.get(&401).copied().unwrap_or_default();
    let mut roles = stand.start_all().await;
    stand.idle().await;
    let learned = refusals();
    // those that were under way when the first was answered
    assert!((1..=8).contains(&learned), "{learned} requests taught it");
    roles.remove(1).stop().await;
    roles.push(stand.start("fetcher").await);
    let ids: Vec<String> = world.truth("acme").expect("a truth").map(|one| one.id).collect();
    for id in ids {
        let title = format!("Renamed {id}");
        world.change("acme", Change::SetTitle { id, title }).expect("a title");
    }
    stand.sync_days("acme", 6).await;
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(refusals(), learned, "nobody had to learn it again");
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_vendor_that_refuses_everybody_for_a_while_costs_no_reconnect() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_OUTAGE_WAIT_S", "1".to_owned())]).await;
    let names: Vec<String> = (1..=8).map(|number| format!("fleet-{number}")).collect();
    for name in &names {
        let spec = WorkspaceSpec { days: 5, ..spec(name, 12) };
        stand.connected(spec, &["--backfill-days", "6"]).await;
    }
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    for (number, name) in names.iter().enumerate() {
        world.reset_log(name).expect("a fresh log");
        world.add_fault(name, Fault::Unauthorized).expect("a fault");
        let add = Change::Add { count: 2, finished_at: None, kind: AddedKind::Ordinary };
        world.change(name, add).expect("new calls");
        stand.ok(&["sync", &format!("{name}/attention")]).await;
        if number == 0 {
            // alone, a refused key looks revoked; the others are refused at once
            stand
                .until("the first is marked", async || events_of(&stand, "credential.invalidated").await == 1)
                .await;
        }
    }
    let refusals = |name: &String| {
        let stats = world.stats(name).expect("stats");
        stats.by_status.get(&401).copied().unwrap_or_default()
    };
    // each page is refused in both forms of the header: so often, everybody has come back for more
    stand.until("it lasts a while", async || names.iter().all(|name| refusals(name) >= 4)).await;
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1, "of 8 keys only the first is marked");
    let status = stand.ok(&["status"]).await;
    assert!(status.contains("parked: vendor-down"), "{status}");

    for name in &names {
        world.clear_faults(name).expect("mended");
    }
    stand
        .until("every key is good again", async || {
            stand.json(&["connections"]).await.iter().all(|one| one["credential"] == "valid")
        })
        .await;
    let parked = "SELECT count(*) FROM sync_runs WHERE state = 'parked'";
    stand.until("nobody is held any more", async || stand.number(parked).await == 0).await;
    stand.idle().await;
    for name in &names {
        compare_with_truth(&world, name, &stand.export(name).await);
    }
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    assert_eq!(events_of(&stand, "credential.restored").await, 1);
    assert!(stand.json(&["dead", "list"]).await.is_empty(), "no attempt was counted");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            text += &std::fs::read_to_string(entry.path()).unwrap_or_default();
        }
    }
    text
}

async fn add_key(stand: &Stand, key: &str) {
    let change = Change::AddKey { key: key.to_owned(), level: KeyLevel::Organization };
    stand.world().change("acme", change).expect("a key");
    stand.connect("acme", key, &["--requests-per-second", "500"]).await;
}

fn revoke_key(stand: &Stand, key: &str) {
    stand.world().change("acme", Change::RevokeKey { key: key.to_owned() }).expect("revoked");
}

/// Lets the vendor sit on its answers to what the rule says, until that many requests are out.
async fn hold(stand: &Stand, rule: FaultRule, requests: usize) -> simulator::FaultId {
    let held = stand.world().add_fault("acme", rule).expect("a fault");
    stand
        .until("requests are out", async || stand.world().stats("acme").expect("stats").in_flight >= requests)
        .await;
    held
}

async fn assert_current(stand: &Stand, generation: i32) {
    let current = format!(
        "SELECT count(*) FROM connections WHERE credential_state = 'valid' AND credential_generation = {generation}"
    );
    assert_eq!(stand.number(&current).await, 1);
}

#[tokio::test]
async fn a_late_401_about_a_replaced_key_is_no_news_and_its_page_is_tried_again_with_the_new_one() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 120), &["--backfill-days", "62"]).await;
    let world = stand.world();
    let roles = stand.start_all().await;

    // replaced before anybody knows that it is revoked
    let held = hold(&stand, FaultRule::from(Fault::Held).at(Endpoint::List), 2).await;
    add_key(&stand, "second-key").await;
    revoke_key(&stand, "acme-key");
    world.remove_fault("acme", held).expect("answers");
    stand.idle().await;
    let refused = world.stats("acme").expect("stats").by_status.get(&401).copied();
    assert!(refused >= Some(2), "the held requests were refused: {refused:?}");
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
    let logs = all_text(stand.path("master.key").parent().expect("the folder"));
    assert!(!logs.contains("parked"), "{logs}");
    assert_current(&stand, 2).await;

    // replaced after another request had told
    let old =
        world.truth("acme").expect("a truth").filter(|one| one.skip.is_none()).last().expect("a call").id;
    world.change("acme", Change::SetTitle { id: old.clone(), title: "Renamed".to_owned() }).expect("a title");
    stand.resync("acme").await;
    let held = hold(&stand, FaultRule::from(Fault::Held).at(Endpoint::Detail).on(&old), 1).await;
    revoke_key(&stand, "second-key");
    stand.ok(&["sync", "acme/attention"]).await;
    stand
        .until("the key is found invalid", async || events_of(&stand, "credential.invalidated").await == 1)
        .await;
    add_key(&stand, "third-key").await;
    world.remove_fault("acme", held).expect("an answer");
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    assert_eq!(events_of(&stand, "credential.restored").await, 1);
    assert_current(&stand, 3).await;
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_reconnect_keeps_its_workspace_wherever_its_users_sit() {
    let stand = Stand::fresh().await;
    let id = stand.connected(spec("acme", 5), &[]).await;
    let two_abroad = || vec!["0-elsewhere".to_owned(), "0-elsewhere".to_owned()];
    stand
        .world()
        .set_settings("acme", Settings { foreign_teams: two_abroad(), ..Settings::default() })
        .expect("set");
    assert_eq!(stand.connect("acme", "acme-key", &[]).await, id, "whoever has more teams by now");
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    let unknown =
        stand.run_with_input(&[&connect[..], &["--workspace", "nobody"]].concat(), "acme-key").await;
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("--workspace nobody: the key's users belong to")
    );

    let other = stand.connect("acme", "acme-key", &["--workspace", "0-elsewhere"]).await;
    assert_ne!(other, id);
    let either = stand.run_with_input(&connect, "acme-key").await;
    assert_eq!(either.status.code(), Some(1));
    let error = String::from_utf8_lossy(&either.stderr).into_owned();
    assert!(error.contains("say by --workspace") && error.contains("nothing was saved"), "{error}");
    assert_eq!(stand.connect("acme", "acme-key", &["--workspace", "0-elsewhere"]).await, other);
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_before_anything_is_saved_and_says_what_to_do() {
    let stand = Stand::fresh().await;
    stand.tenant(spec("acme", 5)).await;
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    let output = stand.run_with_input(&connect, "sk-wrong-key").await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("refuses the API key") && error.contains("nothing was saved"), "{error}");
    assert!(!error.contains("sk-wrong-key"), "{error}");
    assert!(stand.json(&["connections"]).await.is_empty());
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_rotated_master_key_opens_what_the_old_one_sealed_and_a_disconnect_destroys_the_secret() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme", 30), &["--backfill-days", "14"]).await;
    let first = std::fs::read_to_string(stand.path("master.key")).expect("the key file");
    stand.ok(&["key", "rotate"]).await;
    let lines = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let rotated = lines(&std::fs::read_to_string(stand.path("master.key")).expect("the key file"));
    assert_eq!((rotated.len(), &rotated[1..]), (2, &lines(&first)[..]));
    // the old key has no use any more
    std::fs::write(stand.path("master.key"), format!("{}\n", rotated[0])).expect("only the new key");
    let roles = stand.start_all().await;
    stand.idle().await;
    let exported = stand.export("acme").await;
    assert!(!exported.is_empty());
    stand.ok(&["disconnect", "acme/attention", "--yes"]).await;
    assert_eq!(stand.database.number("SELECT count(*) FROM credentials").await, 0);
    assert_eq!(stand.export("acme").await, exported, "the data is kept");
    let output = stand.run(&["sync", "acme/attention"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("connect it again"));
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_rotation_beside_a_running_fetcher_fails_no_run_even_where_the_old_key_file_is_mounted() {
    let mut stand = Stand::fresh().await;
    stand.connected(WorkspaceSpec { days: 5, ..spec("acme", 20) }, &["--backfill-days", "6"]).await;
    let mounted = stand.path("mounted.key");
    std::fs::copy(stand.path("master.key"), &mounted).expect("a copy");
    let mut roles = Vec::new();
    for role in ["scheduler", "normalizer", "steward"] {
        roles.push(stand.start(role).await);
    }
    let file = mounted.display().to_string();
    roles.push(stand.start_with("fetcher", &[("SWITCHBOARD_MASTER_KEY_FILE", &file)]).await);
    stand.idle().await;
    stand.ok(&["key", "rotate"]).await;
    let add = Change::Add { count: 2, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("acme", add).expect("new calls");
    stand.ok(&["sync", "acme/attention"]).await;
    let waits = "SELECT count(*) FROM sync_runs WHERE state = 'listing' AND last_error LIKE '%put the rotated key file there%'";
    stand.until("the run waits for the key", async || stand.number(waits).await > 0).await;
    assert_eq!(stand.number("SELECT max(attempt)::bigint FROM sync_runs").await, 0, "no attempt is counted");
    std::fs::copy(stand.path("master.key"), &mounted).expect("the new file is mounted");
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.finish(roles).await;
}
