//! One meeting, two recorders: each once on the timeline, whichever came first, and apart when a person says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulator::{Change, DocumentSize, GongSettings, GongSpec, Settings, Shares, WorkspaceSpec};
use stories::{Role, Stand, compare_meetings, compare_with_gong};

/// Every meeting is recorded by Attention, most by Gong as well; nothing that is skipped, and no recording without its time.
fn spec() -> WorkspaceSpec {
    let spec = WorkspaceSpec::named("acme");
    let gong = GongSpec { share: 0.7, ..spec.gong.clone() };
    WorkspaceSpec {
        conversations: 40,
        days: 5,
        document_size: DocumentSize::Tiny,
        shares: Shares::NONE,
        gong,
        ..spec
    }
}

async fn play(spec: WorkspaceSpec, gong_first: bool) {
    let (stand, roles) = told(spec, gong_first).await;
    stand.finish(roles).await;
}

/// Both recorders are asked, one after the other, and each meeting is what the world says.
async fn told(spec: WorkspaceSpec, gong_first: bool) -> (Stand, Vec<Role>) {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec).await;
    stand.accounts("acme").await;
    let roles = stand.start_all().await;
    for turn in [gong_first, !gong_first] {
        if turn {
            stand.connect_gong("acme", &["--backfill-days", "7"]).await;
        } else {
            stand.connect("acme", "acme-key", &["--backfill-days", "7"]).await;
        }
        stand.idle().await;
    }
    let exported = stand.export("acme").await;
    compare_with_gong(&stand.world(), "acme", &exported);
    compare_meetings(&stand.world(), "acme", &exported);
    let expected = stand.world().meetings("acme").expect("meetings");
    assert!(
        expected.iter().any(|copies| copies.len() == 2) && expected.iter().any(|copies| copies.len() == 1)
    );

    let timeline = stand.json(&["timeline", "--tenant", "acme", "--limit", "1000"]).await;
    assert_eq!(timeline.len(), expected.len(), "each meeting once");
    let of_gong = stand.json(&["timeline", "--tenant", "acme", "--limit", "1000", "--source", "gong"]).await;
    let by_gong = exported.iter().filter(|one| one["vendor"] == "gong").count();
    assert_eq!(of_gong.len(), by_gong);
    assert!(of_gong.iter().all(|one| one["vendor"] == "gong"));
    assert_counted_once(&stand, &timeline, &exported).await;

    let pair = timeline.iter().find(|one| one["sources"].as_array().is_some_and(|copies| copies.len() == 2));
    let pair = pair.expect("a meeting of both");
    part_for_good(&stand, pair).await;
    stand.assert_sums().await;
    (stand, roles)
}

/// What is counted anywhere are meetings, as the timeline has them, and not their copies.
async fn assert_counted_once(stand: &Stand, timeline: &[Value], exported: &[Value]) {
    let mut on: BTreeMap<&str, i64> = BTreeMap::new();
    for account in timeline.iter().filter_map(|one| one["account_external_id"].as_str()) {
        *on.entry(account).or_default() += 1;
    }
    let accounts = stand.json(&["accounts", "list", "--tenant", "acme"]).await;
    let count = |one: &Value| one["conversations"].as_i64().expect("a count");
    let listed = accounts.iter().map(|one| (one["external_id"].as_str().expect("an id"), count(one)));
    assert_eq!(listed.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>(), on);

    let waits = |one: &&Value| one["account"].is_null() && one["internal"] == false;
    let waiting: BTreeSet<&str> =
        exported.iter().filter(waits).map(|one| one["meeting_id"].as_str().expect("an id")).collect();
    let groups = stand.json(&["unmatched", "--tenant", "acme"]).await;
    assert_eq!(
        groups.iter().map(count).sum::<i64>(),
        i64::try_from(waiting.len()).expect("few"),
        "{groups:?}"
    );
}

/// A person parts two copies, and they stay apart when one of them changes.
async fn part_for_good(stand: &Stand, pair: &Value) {
    let (meeting, shown) =
        (pair["meeting_id"].as_str().expect("an id"), pair["conversation_id"].as_str().expect("an id"));
    let told = stand.ok(&["conversation", shown]).await;
    assert!(told.contains(meeting) && told.contains("people in both"), "{told}");
    let copies = async || {
        stand.json(&["meeting", "show", meeting]).await[0]["sources"].as_array().expect("copies").len()
    };
    assert_eq!(copies().await, 2);
    stand.ok(&["meeting", "split", shown]).await;
    stand.idle().await;
    assert_eq!(copies().await, 1);
    let source = |vendor: &str| {
        let copies = pair["sources"].as_array().expect("copies").iter();
        copies
            .filter(|copy| copy["vendor"] == vendor)
            .map(|copy| copy["external_id"].as_str().expect("an id").to_owned())
            .next()
    };
    let id = source("attention").expect("a copy");
    let renamed = Change::SetTitle { id, title: "Another title".to_owned() };
    stand.world().change("acme", renamed).expect("a change");
    stand.sync_days("acme", 6).await;
    stand.idle().await;
    assert_eq!(copies().await, 1, "it stays so");
    // the other recorder's days once more, and everything linked and matched again
    stand.sync_days_of("acme/gong", 6).await;
    let all = "INSERT INTO account_changes (tenant_id, domains)
               SELECT 'acme', array_agg(DISTINCT domain) FROM participants WHERE domain IS NOT NULL";
    stand.database.execute(all).await;
    stand.idle().await;
    assert_eq!(copies().await, 1, "and so");
    let told = stand.ok(&["conversation", shown]).await;
    assert!(told.contains("a person has parted it from"), "{told}");
}

#[tokio::test]
async fn meetings_of_two_recorders_are_on_the_timeline_once_when_attention_comes_first() {
    play(spec(), false).await;
}

#[tokio::test]
async fn meetings_of_two_recorders_are_on_the_timeline_once_when_gong_comes_first() {
    play(spec(), true).await;
}

/// How many copies, begun more than a minute apart, this rule has matched.
async fn matched(stand: &Stand, rule: &str) -> i64 {
    stand
        .number(&format!(
            "SELECT count(*) FROM conversations, jsonb_array_elements(meeting_evidence) AS copy
             WHERE copy ->> 'rule' = '{rule}' AND (copy ->> 'starts_apart_s')::int > 60"
        ))
        .await
}

#[tokio::test]
async fn copies_that_begin_minutes_apart_and_name_no_room_are_one_meeting_by_their_people() {
    let gong = GongSpec { late_max_s: 290, linkless_share: 0.6, ..spec().gong };
    let (stand, roles) = told(WorkspaceSpec { gong, ..spec() }, false).await;
    assert!(matched(&stand, "people").await > 0 && matched(&stand, "join-link").await > 0);
    stand.finish(roles).await;
}

#[tokio::test]
async fn copies_that_share_nothing_but_an_event_of_a_calendar_are_one_meeting_however_late_one_begins() {
    let mut stand = Stand::fresh().await;
    let gong = GongSpec { share: 1.0, attention_share: 0.5, second_share: 0.7, ..spec().gong };
    let unlimited = GongSettings { rate_limit: None, day_limit: None };
    let settings = Settings { gong: unlimited, ..Settings::default() };
    stand.tenant(WorkspaceSpec { gong, settings, ..spec() }).await;
    stand.accounts("acme").await;
    let roles = stand.start_all().await;
    stand.connect_second_gong("acme", &["--backfill-days", "7"]).await;
    stand.idle().await;
    stand.connect("acme", "acme-key", &["--backfill-days", "7"]).await;
    stand.connect_gong("acme", &["--backfill-days", "7"]).await;
    stand.idle().await;
    let exported = stand.export("acme").await;
    compare_meetings(&stand.world(), "acme", &exported);
    assert!(matched(&stand, "calendar").await > 0);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn meetings_that_are_held_in_the_same_rooms_again_and_again_stay_apart() {
    play(WorkspaceSpec { rooms: Some(2), ..spec() }, false).await;
}

#[tokio::test]
async fn a_persons_word_about_a_meeting_is_taken_back_where_it_was_said_and_outlives_its_copy() {
    let (stand, roles) = told(spec(), false).await;
    let timeline = stand.json(&["timeline", "--tenant", "acme", "--limit", "1000"]).await;
    let pair = timeline.iter().find(|one| one["sources"].as_array().is_some_and(|copies| copies.len() == 2));
    let copies = pair.expect("a meeting of both")["sources"].as_array().expect("copies");
    let text = |vendor: &str, key: &str| {
        let copy = copies.iter().find(|copy| copy["vendor"] == vendor).expect("a copy");
        copy[key].as_str().expect("a text").to_owned()
    };
    let [of_attention, of_gong] = ["attention", "gong"].map(|vendor| text(vendor, "conversation_id"));
    let accounts = stand.json(&["accounts", "list", "--tenant", "acme"]).await;
    let [one, another] = [0, 1].map(|place| accounts[place]["external_id"].as_str().expect("an id"));

    stand.ok(&["accounts", "move", &of_gong, one]).await;
    let refused = stand.run(&["accounts", "move", &of_attention, "--take-back"]).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains(&format!("`switchboard accounts move {of_gong} --take-back`")), "{error}");
    stand.ok(&["accounts", "move", &of_attention, another]).await;
    let taken_back = stand.ok(&["accounts", "move", &of_gong, "--take-back"]).await;
    assert!(taken_back.contains(&format!("as was decided about its copy {of_attention}")), "{taken_back}");

    let archived = Change::SetArchived { id: text("attention", "external_id"), archived: true };
    stand.world().change("acme", archived).expect("a change");
    stand.sync_days("acme", 6).await;
    stand.idle().await;
    let why = stand.ok(&["conversation", &of_gong]).await;
    assert!(why.contains("found by person"), "{why}");
    assert!(why.contains(&format!("of its copy {of_attention}, which was withdrawn")), "{why}");
    let gone_back = stand.ok(&["accounts", "move", &of_gong, "--take-back"]).await;
    assert!(gone_back.contains("the rules decide"), "{gone_back}");
    stand.finish(roles).await;
}
