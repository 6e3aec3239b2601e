//! Gong beside Attention: the same promises over cursors, batches of transcripts, an empty 404 and a 401 that is none.

use simulator::{
    AddedKind, Change, DocumentSize, Endpoint, Fault, FaultRule, GongKey, GongSettings, GongSpec, RateLimit,
    Settings, Shares, WorkspaceSpec,
};
use stories::{Stand, compare_with_gong};

pub(crate) fn spec(conversations: u64, days: u32) -> WorkspaceSpec {
    let spec = WorkspaceSpec::named("acme");
    let gong = GongSpec { share: 1.0, ..spec.gong.clone() };
    WorkspaceSpec { conversations, days, document_size: DocumentSize::Tiny, gong, ..spec }
}

/// A tenant with accounts, and no connection yet.
pub(crate) async fn tenant(stand: &Stand, spec: WorkspaceSpec) {
    let id = spec.name.clone();
    stand.tenant(spec).await;
    stand.accounts(&id).await;
}

async fn sync(stand: &Stand) {
    stand.ok(&["sync", "acme/gong"]).await;
    stand.idle().await;
}

pub(crate) async fn resync(stand: &Stand, days: i64) {
    let day = |days: i64| (stand.world().now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
    stand.ok(&["sync", "acme/gong", "--from", &day(-days), "--to", &day(1)]).await;
    stand.idle().await;
}

pub(crate) async fn events_of(stand: &Stand, kind: &str) -> usize {
    let events = stand.json(&["events", "tail", "-n", "100000"]).await;
    events.iter().filter(|event| event["type"] == kind).count()
}

pub(crate) fn set_key(stand: &Stand, change: impl FnOnce(&mut GongKey)) {
    let mut key = GongKey { key: "acme-gong".to_owned(), ..GongKey::default() };
    change(&mut key);
    stand.world().change("acme", Change::SetGongKey(key)).expect("a key");
}

fn set_day_limit(stand: &Stand, limit: RateLimit) {
    let world = stand.world();
    let mut settings = world.settings("acme").expect("settings");
    settings.gong.day_limit = Some(limit);
    world.set_settings("acme", settings).expect("settings");
}

#[tokio::test]
async fn a_history_of_calls_is_fetched_and_later_ones_follow_each_as_the_vendor_knows_it() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, WorkspaceSpec { gong: GongSpec { share: 0.7, ..spec(0, 1).gong }, ..spec(300, 20) }).await;
    stand.connect_gong("acme", &["--backfill-days", "30"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let world = stand.world();
    let exported = stand.export("acme").await;
    compare_with_gong(&world, "acme", &exported);
    stand.assert_sums().await;
    let call = exported.iter().find(|one| !one["insights"].as_array().expect("insights").is_empty());
    let told =
        stand.ok(&["conversation", call.expect("a call")["external_id"].as_str().expect("an id")]).await;
    for said in [
        "direction ",
        "scope ",
        "system ",
        "language ",
        "started ",
        "Talk times: ",
        "Key points: ",
        " of gong",
    ] {
        assert!(told.contains(said), "{said:?} is missing: {told}");
    }

    world
        .change("acme", Change::Add { count: 30, finished_at: None, kind: AddedKind::Mixed })
        .expect("new calls");
    world.change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    let recent: Vec<String> =
        world.truth("acme").expect("a truth").skip(30).take(8).map(|one| one.id).collect();
    for (index, id) in recent.into_iter().enumerate() {
        let change = match index % 3 {
            0 => Change::SetTitle { id, title: format!("Renamed {index}") },
            1 => Change::ChangeInsight { id },
            _ => Change::SetPrivate { id, private: true },
        };
        world.change("acme", change).expect("a change");
    }
    sync(&stand).await;
    resync(&stand, 30).await;
    compare_with_gong(&world, "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    let stats = world.gong_stats("acme").expect("stats");
    assert!(stats.refused == 0 && stats.max_in_any_second <= 3, "{stats:?}");
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_call_without_its_transcript_is_shown_pending_and_completed_when_it_comes() {
    let pace = [("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", "1"), ("SWITCHBOARD_TRANSCRIPT_LOOK_MAX_S", "1")];
    let mut stand = Stand::paced(pace.map(|(name, value)| (name, value.to_owned())).into()).await;
    let shares = Shares { late_transcript: 0.3, ..Shares::NONE };
    tenant(&stand, WorkspaceSpec { shares, ..spec(20, 1) }).await;
    stand.connect_gong("acme", &[]).await;
    let roles = stand.start_all().await;
    let pending = async || {
        let exported = stand.export("acme").await;
        exported.iter().filter(|one| one["transcript"]["status"] == "pending").count()
    };
    stand.until("all calls are there", async || stand.export("acme").await.len() == 20).await;
    assert!(pending().await > 0, "calls without their transcript are shown");
    stand.world().change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    stand.until("every transcript is there", async || pending().await == 0).await;
    // a look asks for the call before its transcript: an analysis that came in between is the next list's to find
    sync(&stand).await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_list_whose_cursor_grows_too_old_is_begun_again_and_loses_nothing() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(700, 10)).await;
    stand.connect_gong("acme", &["--backfill-days", "14"]).await;
    let fault = FaultRule::from(Fault::CursorExpired).at(Endpoint::GongCalls).after(3).times(5);
    stand.world().add_fault("acme", fault).expect("a fault");
    let roles = stand.start_all().await;
    stand.idle().await;
    assert!(stand.database.number("SELECT sum(restarts) FROM sync_runs").await > 0, "a list was begun again");
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_list_that_promises_a_page_and_then_says_that_there_is_nothing_is_begun_again() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(450, 5)).await;
    // one slice
    stand.connect_gong("acme", &["--backfill-days", "6"]).await;
    let fault = FaultRule::from(Fault::EmptyNotFound).at(Endpoint::GongCalls).after(2).times(1);
    stand.world().add_fault("acme", fault).expect("a fault");
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_eq!(stand.number("SELECT sum(restarts)::bigint FROM sync_runs").await, 1, "it was begun again");
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_window_without_calls_is_covered_and_any_other_404_fails_its_page() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(5, 1)).await;
    stand.connect_gong("acme", &["--backfill-days", "20"]).await;
    let fault = FaultRule::from(Fault::NotFound).at(Endpoint::GongCalls).times(2);
    stand.world().add_fault("acme", fault).expect("a fault");
    let roles = stand.start_all().await;
    stand.until("a page fails with the 404", async || stand.logs().contains("conversation not found")).await;
    stand.idle().await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    let runs = stand.json(&["runs", "--limit", "1000"]).await;
    assert!(runs.iter().any(|run| run["kind"] == "bootstrap" && run["sums"]["listed"] == 0), "{runs:?}");
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_scope_that_is_taken_away_is_named_and_is_no_invalid_key() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_REPLAN_S", "2".to_owned())]).await;
    tenant(&stand, spec(60, 5)).await;
    stand.connect_gong("acme", &["--backfill-days", "7"]).await;
    let scope = "api:calls:read:transcript";
    set_key(&stand, |key| key.missing_scopes = vec![scope.to_owned()]);
    let roles = stand.start_all().await;
    let failed = async || {
        let runs = stand.json(&["runs", "--limit", "1000"]).await;
        runs.iter().any(|run| run["failed_reason"].as_str().is_some_and(|reason| reason.contains(scope)))
    };
    stand.until("a run fails and names the scope", failed).await;
    assert_eq!(stand.json(&["connections"]).await[0]["credential"], "valid");
    assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
    set_key(&stand, |_| {});
    stand
        .until("the failed windows are covered", async || {
            let exported = stand.export("acme").await.len();
            exported
                == stand.world().gong_truth("acme").expect("a truth").filter(|one| one.skip.is_none()).count()
        })
        .await;
    sync(&stand).await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn users_on_domains_that_nobody_named_are_the_tenants_own_people_at_gong_too() {
    let mut stand = Stand::fresh().await;
    stand.world().add_workspace(spec(60, 10)).expect("a workspace");
    let domain = &stand.world().own_domains("acme").expect("own domains")[0];
    stand.ok(&["tenant", "add", "acme", "--name", "acme", "--domain", domain]).await;
    stand.accounts("acme").await;
    stand.connect_gong("acme", &["--backfill-days", "12"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);

    stand.meet_users_anew().await;
    let tomorrow =
        "SELECT count(*) FROM streams WHERE stream = 'users' AND due_at > now() + interval '20 hours'";
    assert_eq!(stand.number(tomorrow).await, 1, "tomorrow again");
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_key_is_checked_before_it_is_saved_and_what_it_lacks_is_named() {
    let stand = Stand::fresh().await;
    let unlimited = GongSettings { rate_limit: None, day_limit: None };
    let settings = Settings { gong: unlimited, ..Settings::default() };
    tenant(&stand, WorkspaceSpec { settings, ..spec(5, 1) }).await;
    for (scope, lost) in [
        ("api:calls:read:extensive", "no call can be listed"),
        ("api:calls:read:transcript", "no transcript can be fetched"),
    ] {
        set_key(&stand, |key| key.missing_scopes = vec![scope.to_owned()]);
        let output = stand.try_connect_gong("acme", &[]).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(scope) && error.contains(lost), "{error}");
        assert!(error.contains("nothing was saved"), "{error}");
    }
    set_key(&stand, |key| key.revoked = true);
    let output = stand.try_connect_gong("acme", &[]).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("refuses the access key") && !error.contains("acme-gong"), "{error}");
    assert!(stand.json(&["connections"]).await.is_empty());

    set_key(&stand, |key| key.missing_scopes = vec!["api:users:read".to_owned()]);
    let output = stand.try_connect_gong("acme", &["--disabled"]).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && error.contains("api:users:read is missing"), "{error}");
    assert_eq!(stand.json(&["connections"]).await[0]["status"], "disabled");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_wait_of_hours_parks_the_company_and_holds_no_worker_and_no_message() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(40, 5)).await;
    stand.connect_gong("acme", &["--backfill-days", "7"]).await;
    // others of the company's keys have spent the day, but for a request
    let asked = stand.world().gong_stats("acme").expect("stats").requests;
    let requests = usize::try_from(asked).expect("a number") + 1;
    set_day_limit(&stand, RateLimit { requests, window_ms: 86_400_000, retry_after_s: Some(6 * 3600) });
    let roles = stand.start_all().await;
    stand
        .until("every run is parked", async || {
            let open = stand.json(&["runs", "--open"]).await;
            !open.is_empty() && open.iter().all(|run| run["parked_cause"] == "quota")
        })
        .await;
    stand.idle().await;
    let status = stand.json(&["status"]).await;
    let queues = status[0]["queues"].as_array().expect("queues");
    assert!(queues.iter().all(|queue| queue["ready"] == 0), "{queues:?}");
    let asked = stand.world().gong_stats("acme").expect("stats").requests;
    let next_day = GongSettings::default().day_limit.expect("a limit");
    set_day_limit(&stand, next_day);
    stand.database.execute("UPDATE vendor_budgets SET closed_until = now()").await;
    stand.idle().await;
    stand
        .until("all calls are there", async || {
            stand.world().gong_stats("acme").expect("stats").requests > asked
                && !stand.export("acme").await.is_empty()
        })
        .await;
    stand.idle().await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_day_that_is_spent_in_mid_backfill_leaves_live_work_its_share() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(400, 112)).await;
    // what is left for live work bears requests that a slow machine sends twice
    let connection =
        stand.connect_gong("acme", &["--backfill-days", "120", "--requests-per-day", "40"]).await;
    let roles = stand.start_all().await;
    let parked = async || {
        let open = stand.json(&["runs", "--open"]).await;
        !open.is_empty()
            && open.iter().all(|run| run["parked_cause"] == "quota" && run["kind"] == "bootstrap")
    };
    stand.until("the backfill is parked", parked).await;
    stand.idle().await;
    let status = stand.json(&["status"]).await;
    let shares = status[0]["day_shares"].as_array().expect("shares");
    let share = |name: &str| shares.iter().find(|one| one["share"] == name).expect("a share").clone();
    assert_eq!(
        (&share("backfill")["left"], &share("backfill")["used"]),
        (&0.into(), &20.into()),
        "{shares:?}"
    );
    assert!(
        share("backfill")["more_at"].is_string() && share("live")["left"].as_i64() >= Some(4),
        "{shares:?}"
    );
    let outlook = &status[0]["backfills"][0];
    assert!(outlook["slices_left"].as_i64() > Some(0) && outlook["done_at"].is_string(), "{outlook}");
    let before = stand.export("acme").await.len();
    assert!(before > 0 && before < 350, "a part of the history: {before}");

    let world = stand.world();
    let new = Change::Add { count: 3, finished_at: None, kind: AddedKind::Ordinary };
    world.change("acme", new).expect("new calls");
    sync(&stand).await;
    assert_eq!(stand.export("acme").await.len(), before + 3, "live work goes on");
    assert!(parked().await, "and the backfill waits");
    assert_eq!(stand.json(&["connections"]).await[0]["status"], "running", "{connection}");

    stand.database.execute("UPDATE vendor_hours SET hour = hour - interval '25 hours'").await;
    stand.database.execute("UPDATE vendor_budgets SET requests_per_day = 10000").await;
    stand.until("the backfill is done", async || stand.json(&["runs", "--open"]).await.is_empty()).await;
    stand.idle().await;
    compare_with_gong(&world, "acme", &stand.export("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_connection_that_is_not_enabled_asks_nothing_until_it_is_and_then_begins_with_two_days() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(60, 12)).await;
    stand.connect_gong("acme", &["--disabled"]).await;
    let world = stand.world();
    let asked = || world.gong_stats("acme").expect("stats").requests;
    let at_connect = asked();
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_eq!((asked(), stand.stored("acme").await), (at_connect, 0));
    assert_eq!(stand.json(&["connections"]).await[0]["status"], "disabled");
    stand.ok(&["enable", "acme/gong"]).await;
    stand.until("the last two days are there", async || stand.stored("acme").await > 0).await;
    stand.idle().await;
    let first = stand.export("acme").await;
    let three_days_ago = stand.world().now() - jiff::SignedDuration::from_hours(72);
    let started =
        |one: &serde_json::Value| one["started_at"].as_str().expect("a start").parse::<jiff::Timestamp>();
    assert!(first.iter().all(|one| started(one).expect("a time") > three_days_ago), "{first:?}");
    resync(&stand, 14).await;
    let exported = stand.export("acme").await;
    assert!(exported.len() > first.len());
    compare_with_gong(&stand.world(), "acme", &exported);
    stand.finish(roles).await;
}

#[tokio::test]
async fn two_tenants_of_one_company_share_its_limits_and_nothing_else() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(300, 56)).await;
    let domains = stand.world().own_domains("acme").expect("own domains");
    stand.ok(&["tenant", "add", "twin", "--name", "twin", "--domain", &domains[0]]).await;
    let [accounts, contacts] =
        ["accounts", "contacts"].map(|file| stand.path(&format!("acme-{file}.csv")).display().to_string());
    stand.ok(&["accounts", "import", "--tenant", "twin", &accounts, "--contacts", &contacts]).await;
    stand.connect_gong("acme", &["--backfill-days", "60", "--requests-per-day", "40"]).await;
    // the request that tells whose key it is can have no permit: it must not be the fourth of its second
    let connected = std::time::Instant::now();
    stand.until("another second has begun", async || connected.elapsed().as_secs() >= 1).await;
    let (base, spec) = (stand.gong_url(), stand.world().spec("acme").expect("a workspace"));
    let args =
        ["connect", "gong", "--tenant", "twin", "--base-url", &base, "--allow-http", "--backfill-days", "60"];
    let key = format!("{}\n{}\n", spec.gong.key, spec.gong.secret);
    let output = stand.run_with_input(&[&args[..], &["--interval-s", "86400"]].concat(), &key).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stand.number("SELECT count(*) FROM vendor_budgets WHERE vendor = 'gong'").await, 1);
    let roles = stand.start_all().await;
    stand
        .until("the day is spent", async || {
            let open = stand.json(&["runs", "--open"]).await;
            let waits = |tenant: &str| {
                let mine = open.iter().filter(|run| run["tenant"] == tenant);
                mine.clone().count() > 0 && mine.clone().all(|run| run["parked_cause"] == "quota")
            };
            waits("acme") && waits("twin")
        })
        .await;
    stand.idle().await;
    let stats = stand.world().gong_stats("acme").expect("stats");
    assert!(stats.requests <= 40 && stats.refused == 0 && stats.max_in_any_second <= 3, "{stats:?}");

    stand.database.execute("UPDATE vendor_hours SET hour = hour - interval '25 hours'").await;
    stand.database.execute("UPDATE vendor_budgets SET requests_per_day = 10000").await;
    stand.until("both are done", async || stand.json(&["runs", "--open"]).await.is_empty()).await;
    stand.idle().await;
    let stats = stand.world().gong_stats("acme").expect("stats");
    assert!(stats.refused == 0 && stats.max_in_any_second <= 3, "{stats:?}");
    let acme = stand.export("acme").await;
    compare_with_gong(&stand.world(), "acme", &acme);
    let twin = stand.export("twin").await;
    assert_eq!(twin.len(), acme.len());
    let meetings = |all: &[serde_json::Value]| -> std::collections::BTreeSet<String> {
        all.iter().map(|one| one["meeting_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert!(meetings(&acme).is_disjoint(&meetings(&twin)), "nothing of one is of the other");
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_company_is_known_by_every_workspace_it_had_and_its_tenants_share_one_limit() {
    let stand = Stand::fresh().await;
    tenant(&stand, spec(5, 1)).await;
    stand.ok(&["tenant", "add", "twin", "--name", "twin", "--domain", "twin-hq.com"]).await;
    let has = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        stand.world().change("acme", Change::SetGongWorkspaces { ids }).expect("workspaces");
    };
    has(&["100", "200"]);
    let first = stand.connect_gong("acme", &["--disabled"]).await;
    has(&["200", "300"]);
    stand.connect_gong_of("twin", "acme", &["--disabled"]).await;
    // by what only the other tenant saw
    has(&["300"]);
    assert_eq!(stand.connect_gong("acme", &["--disabled"]).await, first);
    assert_eq!(stand.number("SELECT count(*) FROM vendor_budgets WHERE vendor = 'gong'").await, 1);
    assert_eq!(stand.json(&["connections"]).await.len(), 2);
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_batch_of_transcripts_that_cannot_be_had_costs_no_call_and_is_asked_for_again() {
    let mut stand = Stand::fresh().await;
    tenant(&stand, spec(150, 1)).await;
    stand.connect_gong("acme", &[]).await;
    for fault in [Fault::InternalError, Fault::Truncated, Fault::OtherShape] {
        let rule = FaultRule::from(fault).at(Endpoint::GongTranscripts).times(1);
        stand.world().add_fault("acme", rule).expect("a fault");
    }
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
