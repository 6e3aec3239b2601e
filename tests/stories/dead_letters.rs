//! What needs a person: found, understood, replayed.

use queue::Outgoing;
use queue::topology::NORMALIZE_LIVE;
use serde_json::{Value, json};
use simulator::{Change, CrmKind, DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

use crate::crashes::refused_calls;

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 40,
        days: 10,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

fn ordinary<const N: usize>(stand: &Stand) -> [String; N] {
    let truth = stand.world().truth("acme").expect("a truth");
    let mut calls = truth.filter(|one| one.skip.is_none() && one.segments > 0).map(|one| one.id);
    std::array::from_fn(|_| calls.next().expect("a call"))
}

#[tokio::test]
async fn details_that_never_come_make_one_record_dead_and_a_replay_brings_it_in() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let [broken] = ordinary(&stand);
    let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
    stand.world().add_fault("acme", fault).expect("a fault");
    let roles = stand.start_all().await;
    stand.until("the record is dead", async || stand.dead().await > 0).await;
    stand.idle().await;
    let letter = &stand.json(&["dead", "list"]).await[0];
    assert_eq!(
        (letter["stage"].as_str(), letter["record"].as_str()),
        (Some("detail"), Some(broken.as_str()))
    );
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    assert!(runs.iter().all(|run| run["state"] == "settled"), "its page did not fail: {runs:?}");
    assert_eq!(stand.json(&["where", &broken]).await[0]["standing"], "dead");

    stand.world().clear_faults("acme").expect("mended");
    for _ in 0..2 {
        stand.ok(&["dead", "replay", letter["id"].as_str().expect("an id")]).await;
        stand.until("it is stored", async || stand.standing(&broken).await == "stored").await;
        stand.idle().await;
        assert_eq!(stand.json(&["where", &broken]).await[0]["standing"], "stored");
    }
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn poisonous_documents_die_alone_and_newer_ones_close_their_letters_or_outlive_their_replay() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let [discarded, left] = ordinary(&stand);
    for broken in [&discarded, &left] {
        stand.world().add_fault("acme", FaultRule::from(Fault::WrongTypes).on(broken)).expect("a fault");
    }
    let roles = stand.start_all().await;
    stand.until("the documents are dead", async || stand.dead().await == 2).await;
    stand.idle().await;
    let others: Vec<Value> = stand.export("acme").await;
    let is_broken = |one: &&Value| [&discarded, &left].iter().any(|id| one["external_id"] == id.as_str());
    assert!(others.len() > 20 && others.iter().find(is_broken).is_none());
    stand.assert_sums().await;
    let letters = stand.json(&["dead", "list"]).await;
    let letter_of = |id: &str| {
        let letter = letters.iter().find(|letter| letter["record"] == id).expect("a letter");
        letter["id"].as_str().expect("an id").to_owned()
    };
    stand.ok(&["dead", "discard", &letter_of(&discarded), "--reason", "asked the vendor", "--yes"]).await;

    stand.world().clear_faults("acme").expect("mended");
    for id in [&discarded, &left] {
        let title = Change::SetTitle { id: id.clone(), title: "Newer".to_owned() };
        stand.world().change("acme", title).expect("newer");
    }
    stand.resync("acme").await;
    stand.until("the letter is closed", async || stand.dead().await == 0).await;
    let closed = stand.ok(&["dead", "show", &letter_of(&left)]).await;
    assert!(closed.contains("what was asked for then or later is stored"), "{closed}");
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    let before = stand.export("acme").await;
    assert!(stand.ok(&["dead", "replay", &letter_of(&discarded)]).await.contains("1 superseded"));
    let older = &stand.json(&["dead", "show", &letter_of(&discarded)]).await[0]["body"];
    let older = serde_json::to_vec(older).expect("a body");
    stand.publish(vec![Outgoing::to_work(&NORMALIZE_LIVE, older)]).await;
    stand.idle().await;
    assert_eq!(stand.export("acme").await, before, "an older document changes nothing that is newer");
    stand.until("its letter is closed like the other", async || stand.dead().await == 0).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_list_that_never_comes_fails_the_run_and_a_later_run_closes_its_letter() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    stand.world().add_fault("acme", FaultRule::from(Fault::OtherShape).at(Endpoint::List)).expect("a fault");
    let roles = stand.start_all().await;
    stand.until("the runs have failed", async || stand.dead().await >= 2).await;
    let failed = stand.json(&["runs", "--limit", "1000"]).await;
    assert!(failed.iter().any(|run| run["failed_reason"].as_str().is_some_and(|why| why.contains("data"))));
    stand.world().clear_faults("acme").expect("mended");
    stand.sync("acme").await;
    stand.until("a later run closed the letters", async || stand.dead().await == 0).await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_replayed_nudge_reopens_its_failed_run_and_its_window_is_covered() {
    // whatever is fetched, no schedule has asked for it
    let hours = "36000".to_owned();
    let mut stand = Stand::paced(vec![("SWITCHBOARD_REPLAN_S", hours)]).await;
    stand.connected(spec(), &["--backfill-days", "12"]).await;
    stand.world().add_fault("acme", FaultRule::from(Fault::OtherShape).at(Endpoint::List)).expect("a fault");
    let roles = stand.start_all().await;
    let runs = async |state: &str| {
        let sql = "SELECT count(*) FROM sync_runs WHERE stream = 'conversations' AND state LIKE";
        stand.count(&format!("{sql} '{state}'")).await
    };
    let all_failed = async || {
        let all = runs("%").await;
        all > 2 && runs("failed").await == all && stand.dead().await == all
    };
    stand.until("every run has failed and left its letter", all_failed).await;
    assert!(stand.export("acme").await.is_empty());
    let planned = runs("%").await;

    stand.world().clear_faults("acme").expect("mended");
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.until("every run is settled", async || runs("settled").await == planned).await;
    stand.idle().await;
    assert_eq!(runs("%").await, planned, "the same runs, and no other");
    let gaps = "SELECT count(*) FROM sync_runs r JOIN streams s USING (connection_id, stream)
                WHERE NOT s.covered @> tstzrange(r.window_from, r.window_to)";
    assert_eq!(stand.number(gaps).await, 0, "every window is covered");
    assert_eq!(stand.dead().await, 0);
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_group_is_understood_and_noted_and_what_was_discarded_is_taken_back() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let broken: [String; 2] = ordinary(&stand);
    for id in &broken {
        stand.world().add_fault("acme", FaultRule::from(Fault::WrongTypes).on(id)).expect("a fault");
    }
    let roles = stand.start_all().await;
    stand.until("the documents are dead", async || stand.dead().await == 2).await;
    stand.idle().await;
    let groups = stand.json(&["dead", "groups", "--vendor", "attention"]).await;
    let [group] = &groups[..] else { panic!("one cause, one group: {groups:?}") };
    assert_eq!(
        (&group["letters"], &group["tenants"][0], &group["trend"]),
        (&2.into(), &"acme".into(), &"growing".into())
    );
    let name = group["group"].as_str().expect("a name");

    let by_ada = [("SWITCHBOARD_OPERATOR", "ada")];
    let noted = stand.run_with(&by_ada, &["dead", "note", name, "the vendor knows"]).await;
    assert!(noted.status.success());
    let told = stand.ok(&["dead", "group", name]).await;
    for words in ["what to do: ", "by ada: the vendor knows", "in the last hour", "\"body\""] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let reason = ["dead", "discard", "--group", name, "--reason", "test calls", "--yes"];
    assert!(stand.run_with(&by_ada, &reason).await.status.success());
    assert_eq!(stand.dead().await, 0);
    let of_call = ["dead", "list", "--state", "discarded", "--text", &broken[0]];
    assert_eq!(stand.json(&of_call).await[0]["resolution"], "test calls");
    assert!(stand.ok(&["dead", "restore", "--group", name]).await.contains("restored 2"));
    assert_eq!(stand.dead().await, 2);
    let actions = stand.json(&["dead", "actions", "--group", name]).await;
    let told: Vec<_> = actions.iter().map(|one| (one["action"].as_str(), one["letters"].as_i64())).collect();
    assert_eq!(told, [(Some("restore"), Some(2)), (Some("discard"), Some(2)), (Some("note"), Some(0))]);
    assert_eq!((&actions[1]["operator"], &actions[1]["words"]), (&"ada".into(), &"test calls".into()));
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_replay_stops_at_its_first_failure_and_goes_on_when_it_is_resumed() {
    // fetched again while somebody has it in hand, a document dies twice
    let mut stand = Stand::paced(vec![("SWITCHBOARD_LOST_AFTER_S", "3600".to_owned())]).await;
    stand.connected(spec(), &[]).await;
    refused_calls(&stand, 8).await;
    let roles = stand.start_all().await;
    stand.until("the refused documents are dead", async || stand.dead().await == 8).await;
    stand.idle().await;
    let would = &stand.json(&["dead", "replay", "--all", "--dry-run"]).await[0]["preview"];
    assert_eq!((&would["letters"], &would["prospects"][0]["name"]), (&8.into(), &"write".into()));
    assert!(stand.json(&["dead", "replays"]).await.is_empty(), "nothing was ordered");

    let by_ada = [("SWITCHBOARD_OPERATOR", "ada")];
    let output = stand.run_with(&by_ada, &["dead", "replay", "--all", "--json"]).await;
    assert_eq!(output.status.code(), Some(3), "done in part");
    let stopped: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let so_far =
        |replay: &Value| (replay["state"].clone(), replay["outcomes"].clone(), replay["unsent"].clone());
    assert_eq!(so_far(&stopped), ("stopped".into(), json!({ "failed-same": 1 }), 7.into()));
    assert_eq!(stand.dead().await, 8, "the rest is left as it was");
    let seen = &stand.json(&["dead", "replays"]).await[0];
    assert_eq!((&seen["operator"], &seen["id"]), (&"ada".into(), &stopped["id"]));
    let status = stand.ok(&["status"]).await;
    let told = format!(
        "REPLAY {} by ada of 8 letters (all) is stopped (1 failed, 0 allowed",
        stopped["id"].as_str().expect("an id")
    );
    assert!(status.contains(&told) && status.contains(", wave 2: 1 failed same, 7 not sent"), "{status}");
    let rest = &stand.json(&["dead", "replay", "--all", "--dry-run"]).await[0]["preview"];
    assert_eq!((&rest["letters"], &rest["left_out"]), (&1.into(), &7.into()), "a letter is in one replay");
    let held_by = json!([{ "replay": stopped["id"], "state": "stopped", "letters": 7 }]);
    assert_eq!(rest["held_by"], held_by, "and it is said in which");

    stand.database.execute("ALTER TABLE conversations DROP CONSTRAINT mended").await;
    let id = stopped["id"].as_str().expect("an id");
    stand.ok(&["dead", "resume", id]).await;
    let done = stand.run(&["dead", "watch", id, "--json"]).await;
    let done: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(so_far(&done), ("done".into(), json!({ "failed-same": 1, "succeeded": 7 }), 0.into()));
    assert_eq!(stand.dead().await, 1);

    let held = &stand.json(&["dead", "replay", "--all", "--hold"]).await[0];
    assert!(
        stand
            .ok(&["dead", "cancel", held["replay"].as_str().expect("an id")])
            .await
            .contains("1 letters are left")
    );
    assert_eq!(stand.dead().await, 1);
    assert!(stand.ok(&["dead", "replay", "--all"]).await.contains("is done: 1 succeeded"));
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    let actions = stand.json(&["dead", "actions"]).await;
    let told: Vec<_> = actions.iter().filter_map(|one| one["action"].as_str()).collect();
    assert_eq!(told, ["replay", "cancel", "replay", "resume", "replay"]);
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_edited_document_is_sent_instead_of_the_original_which_is_kept() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let refused = refused_calls(&stand, 1).await;
    let roles = stand.start_all().await;
    stand.until("the document is dead", async || stand.dead().await == 1).await;
    stand.idle().await;
    stand.database.execute("ALTER TABLE conversations ADD CONSTRAINT worse CHECK (title <> 'Worse')").await;
    let letter = stand.json(&["dead", "list"]).await.remove(0);
    let id = letter["id"].as_str().expect("an id");
    let file = stand.path("draft.json");
    let file = file.to_str().expect("a path");
    let edit = ["dead", "edit", id, file];
    let write = async |word: &str, instead: &str| {
        stand.ok(&["dead", "draft", id, file]).await;
        let draft = std::fs::read_to_string(file).expect("a draft");
        assert!(draft.contains(word), "{draft}");
        std::fs::write(file, draft.replace(word, instead)).expect("a file");
    };
    let edited = async || stand.json(&["dead", "show", id]).await[0]["edited_body"].clone();
    let outcome = async |code: i32, words: &str| {
        let output = stand.run(&["dead", "replay", id]).await;
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(code) && told.contains(words), "{told}");
        stand.idle().await;
    };

    write(&refused[0], "another").await;
    assert_eq!(stand.run(&edit).await.status.code(), Some(1), "it is about another record");
    write("Refused", "Worse").await;
    let shown = stand.ok(&[&edit[..], &["--dry-run"]].concat()).await;
    let added = |line: &str| line.starts_with('+') && line.contains("\"title\": \"Worse\"");
    assert!(shown.lines().any(added), "{shown}");
    assert_eq!(edited().await, Value::Null, "nothing is done yet");
    stand.ok(&edit).await;
    outcome(3, "1 failed other").await;
    let again = stand.json(&["dead", "list"]).await.remove(0);
    assert_eq!((&again["id"], &again["deaths"]), (&letter["id"], &2.into()), "it is the same letter");
    assert!(again["error"].as_str().is_some_and(|error| error.contains("worse")), "{again}");

    stand.ok(&["dead", "undo", id]).await;
    assert_eq!(edited().await, Value::Null);
    outcome(3, "1 failed other").await;
    let again = stand.json(&["dead", "list"]).await.remove(0);
    assert!(
        again["error"].as_str().is_some_and(|error| error.contains("mended")),
        "the original was sent: {again}"
    );

    write("Refused", "Mended by hand").await;
    stand.ok(&edit).await;
    outcome(0, "is done: 1 succeeded").await;
    let exported = stand.export("acme").await;
    let mended = exported.iter().find(|one| one["external_id"] == refused[0].as_str()).expect("a call");
    assert_eq!(mended["title"], "Mended by hand");
    assert_eq!(stand.dead().await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_edited_record_of_a_crm_is_sent_with_the_others_of_its_message() {
    let mut stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec { crm: CrmKind::HubSpot, ..spec() }).await;
    stand.connect_hubspot("acme", &[]).await;
    let refused = stand.world().account_id("acme", 3).expect("an account");
    let constraint = format!("CHECK (external_id <> '{refused}' OR name = 'Mended by hand')");
    stand.database.execute(&format!("ALTER TABLE accounts ADD CONSTRAINT mended {constraint}")).await;
    let roles = stand.start_all().await;
    stand.until("the message is dead", async || stand.dead().await == 1).await;
    stand.idle().await;
    let stored = stand.number("SELECT count(*) FROM accounts").await;
    assert!(stored > 10, "the others are stored");
    let letter = stand.json(&["dead", "list"]).await.remove(0);
    let id = letter["id"].as_str().expect("an id");
    let file = stand.path("draft.json");
    let file = file.to_str().expect("a path");
    stand.ok(&["dead", "draft", id, file]).await;
    let mut draft: Value = serde_json::from_slice(&std::fs::read(file).expect("a draft")).expect("JSON");
    let records = draft["records"].as_array_mut().expect("records");
    let record = records.iter_mut().find(|one| one["listed"]["id"] == refused.as_str()).expect("the record");
    record["listed"]["properties"]["name"] = json!("Mended by hand");
    std::fs::write(file, draft.to_string()).expect("a file");
    let told = stand.ok(&["dead", "edit", id, file]).await;
    assert_eq!(told.lines().filter(|line| line.starts_with("+ ")).count(), 1, "{told}");
    assert!(stand.ok(&["dead", "replay", id]).await.contains("is done: 1 succeeded"));
    stand.idle().await;
    assert_eq!(stand.number("SELECT count(*) FROM accounts").await, stored + 1);
    assert_eq!(stand.dead().await, 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}
