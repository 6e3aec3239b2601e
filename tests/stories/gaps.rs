//! What became of all that a vendor listed, by day, and that the commands which are said to close a gap close it.

use std::collections::BTreeMap;

use serde_json::Value;
use simulator::{DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::Stand;

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 60,
        days: 6,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

/// The days, and the gaps.
async fn told(stand: &Stand) -> (Vec<Value>, Vec<Value>) {
    let all = stand.json(&["gaps", "--tenant", "acme"]).await;
    all.into_iter().partition(|one| one["kind"] == "day")
}

fn sum(days: &[Value], of: &str) -> usize {
    let count = |day: &Value| day[of].as_u64().expect("a count");
    usize::try_from(days.iter().map(count).sum::<u64>()).expect("a count")
}

/// Gives the command that is said to close the only gap.
async fn close(stand: &Stand) -> String {
    let (_, gaps) = told(stand).await;
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    let command = gap["command"].as_str().unwrap_or_else(|| panic!("a command: {gap}"));
    let words = stand.ok(&["gaps"]).await;
    assert!(words.contains(command), "{words}");
    stand.ok(&command.split_whitespace().skip(1).collect::<Vec<_>>()).await;
    command.to_owned()
}

#[tokio::test]
async fn every_record_is_on_its_day_with_what_became_of_it() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "8"]).await;
    stand.connect_gong("acme", &["--backfill-days", "8"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let (days, gaps) = told(&stand).await;
    let pending: Vec<_> = gaps.iter().filter(|gap| gap["what"] != "pending").collect();
    assert!(pending.is_empty(), "{pending:?}");
    let of = |vendor: &str| {
        days.iter()
            .filter(|day| day["stream"] == "conversations" && day["vendor"] == vendor)
            .cloned()
            .collect::<Vec<_>>()
    };
    for vendor in ["attention", "gong"] {
        let (days, all) =
            (of(vendor), stand.count("SELECT count(*) FROM intake WHERE happened_at IS NOT NULL").await);
        let calls = "SELECT count(*) FROM intake JOIN connections USING (connection_id) WHERE stream = 'conversations'";
        assert_eq!(all, stand.count(calls).await, "every row says when it was");
        let listed = stand.count(&format!("{calls} AND vendor = '{vendor}'")).await;
        assert_eq!(sum(&days, "listed"), listed);
        let mut stored = BTreeMap::<String, u64>::new();
        for one in stand.export("acme").await.iter().filter(|one| one["vendor"] == vendor) {
            let day = one["started_at"].as_str().expect("a start").chars().take(10).collect();
            *stored.entry(day).or_default() += 1;
        }
        for day in &days {
            let kept = day["stored"].as_u64().zip(day["pending"].as_u64()).map(|(one, other)| one + other);
            let name = day["day"].as_str().expect("a day");
            assert_eq!(kept, Some(stored.get(name).copied().unwrap_or(0)), "{day}");
        }
    }
    let private = |day: &Value| day["skipped"]["private"].as_u64().unwrap_or(0);
    assert!(
        of("attention").iter().map(private).sum::<u64>() > 0,
        "some were not kept, on their days: {days:?}"
    );
    stand.finish(roles).await;
}

#[tokio::test]
async fn where_finds_an_imported_account_a_contact_and_a_user() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "1"]).await;
    stand.connect_gong("acme", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    for (kind, id) in [
        ("account", "SELECT min(external_id) FROM accounts"),
        ("account", "SELECT min(account_id::text) FROM accounts"),
        ("contact", "SELECT min(email) FROM contacts"),
        ("user", "SELECT min(external_id) FROM users"),
    ] {
        let id = stand.database.text(id).await;
        let words = stand.ok(&["where", &id]).await;
        assert!(words.starts_with(&format!("{kind} ")) && words.contains(" of acme ("), "{words}");
        assert_eq!(stand.json(&["where", &id]).await[0]["kind"], kind);
    }
    assert_eq!(stand.run(&["where", "nobody@nowhere.example"]).await.status.code(), Some(1));
    stand.finish(roles).await;
}

#[tokio::test]
async fn the_command_that_is_said_to_close_a_gap_closes_it() {
    let mut stand = Stand::fresh().await;
    let shares = simulator::Shares::NONE;
    stand.connected(WorkspaceSpec { shares, ..spec() }, &["--backfill-days", "8"]).await;
    let mut truth = stand.world().truth("acme").expect("a truth");
    let broken = truth.find(|one| one.skip.is_none()).expect("a call").id;
    let fault = FaultRule::from(Fault::Quoted { status: 500, words: "not this one".to_owned() });
    stand.world().add_fault("acme", fault.at(Endpoint::Detail).on(&broken)).expect("a fault");
    let roles = stand.start_all().await;
    stand.until("the record is dead", async || stand.dead().await == 1).await;
    stand.idle().await;
    stand.world().clear_faults("acme").expect("mended");
    let replay = close(&stand).await;
    assert!(replay.starts_with("switchboard dead replay --group "), "{replay}");
    stand.idle().await;
    assert_eq!(told(&stand).await.1, Vec::<Value>::new(), "it was stored");

    // a day of the history that nobody has listed
    stand
        .database
        .execute(
            "UPDATE streams SET live_from = now() - interval '1 hour', covered = covered - tstzmultirange(tstzrange(
                 date_trunc('day', now() - interval '3 days', 'UTC'), date_trunc('day', now() - interval '2 days', 'UTC')))
             WHERE stream = 'conversations'",
        )
        .await;
    stand.ok(&["pause", "acme/attention"]).await;
    assert_eq!(close(&stand).await, "switchboard resume acme/attention");
    let sync = close(&stand).await;
    assert!(sync.starts_with("switchboard sync acme/attention --from "), "{sync}");
    stand.idle().await;
    let (days, gaps) = told(&stand).await;
    assert_eq!(gaps, Vec::<Value>::new());
    let counted: Vec<_> = days.iter().filter(|day| !day["vendor_total"].is_null()).collect();
    let [day] = counted[..] else { panic!("the day that was fetched by itself: {days:?}") };
    // the vendor counts by the ends of calls, and the days are of their beginnings
    let listed = "SELECT listed FROM sync_runs WHERE kind = 'backfill' AND vendor_total IS NOT NULL ORDER BY listed_at DESC LIMIT 1";
    assert_eq!(day["vendor_total"], stand.number(listed).await, "{day}");
    stand.finish(roles).await;
}
