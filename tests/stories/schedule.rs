//! What will run and why not, and why it did not run: `schedule` says what `status` says.

use jiff::SignedDuration;
use serde_json::Value;
use simulator::{DocumentSize, Shares, WorkspaceSpec};
use stories::Stand;

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec {
        conversations: 10,
        days: 5,
        shares: Shares::NONE,
        document_size,
        ..WorkspaceSpec::named("acme")
    }
}

/// What is told of the schedule, after it was compared with what `status` says of the same connection.
async fn ahead(stand: &Stand) -> Value {
    let all = stand.json(&["schedule", "--tenant", "acme"]).await;
    let status = stand.json(&["status"]).await.remove(0);
    let connection = &status["connections"][0];
    for one in &all {
        assert_eq!((&one["status"], &one["advice"]), (&connection["status"], &connection["advice"]));
        assert_eq!(one["blocked"], connection["blocked"]);
        let goes_on = ["running", "will run", "not due"].contains(&one["outlook"].as_str().expect("a word"));
        assert_eq!(goes_on, connection["blocked"].is_null(), "{one}");
    }
    of_calls(all.into_iter().filter(|one| one["kind"] == "periodic"))
}

/// What is told of the calls' schedule.
fn of_calls(mut all: impl Iterator<Item = Value>) -> Value {
    all.find(|one| one["stream"] == "conversations").expect("a schedule")
}

async fn at(stand: &Stand, at: jiff::Timestamp) -> Value {
    of_calls(stand.json(&["schedule", "--tenant", "acme", "--at", &at.to_string()]).await.into_iter())
}

#[tokio::test]
async fn a_pause_is_told_ahead_and_found_afterwards_and_the_schedule_agrees_with_the_status() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--interval-s", "3600"]).await;
    let mut roles = stand.start_all().await;
    stand.idle().await;
    let running = ahead(&stand).await;
    assert_eq!(running["outlook"], "will run");
    let runs = running["runs_24h"].as_i64().expect("a count");
    assert!(
        (23..=24).contains(&runs),
        "the next comes within the hour, and a tenth later at most: {running}"
    );
    let words = stand.ok(&["schedule"]).await;
    assert!(words.contains("acme/attention") && words.contains(&format!("{runs} runs")), "{words}");

    stand.ok(&["pause", "acme/attention"]).await;
    stand.ok(&["sync", "acme/attention"]).await;
    let noted = "SELECT count(*) FROM connection_stops WHERE until IS NULL AND reason = 'paused'";
    stand.until("the pause is noted", async || stand.count(noted).await == 1).await;
    let paused = ahead(&stand).await;
    assert_eq!((&paused["outlook"], &paused["runs_24h"]), (&"paused".into(), &0.into()), "{paused}");
    let words = stand.ok(&["schedule"]).await;
    assert!(words.contains("paused: `switchboard resume acme/attention`"), "{words}");
    stand.ok(&["resume", "acme/attention"]).await;
    let over = "SELECT count(*) FROM connection_stops WHERE until IS NOT NULL";
    stand.until("its end is noted", async || stand.count(over).await == 1).await;
    stand.idle().await;
    assert_eq!(ahead(&stand).await["outlook"], "will run");

    // the pause began three hours ago; before that all was well
    let now = stand.world().now();
    let ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    stand
        .database
        .execute(
            "UPDATE connections SET created_at = now() - interval '1 day';
             UPDATE connection_stops SET since = now() - interval '3 hours', until = now() - interval '50 min';
             UPDATE sync_runs SET planned_at = now() - interval '200 min', started_at = now() - interval '200 min',
                 listed_at = now() - interval '199 min', ended_at = now() - interval '199 min'
             WHERE kind = 'periodic' AND run_id = (
                 SELECT run_id FROM sync_runs WHERE kind = 'periodic' AND stream = 'conversations' ORDER BY planned_at LIMIT 1)",
        )
        .await;
    assert_eq!(at(&stand, ago(2000)).await["then"], "not connected");
    let well = at(&stand, ago(190)).await;
    assert!(well["then"] == "between runs" && well["before"]["state"] == "settled", "{well}");
    let stopped = at(&stand, ago(60)).await;
    assert!(stopped["then"] == "stopped" && stopped["stopped"]["reason"] == "paused", "{stopped}");
    assert_eq!(stopped["covered"], true, "what happened meanwhile has been listed since");
    let words = stand.ok(&["schedule", "--at", &ago(60).to_string()]).await;
    assert!(words.contains("it was paused from") && words.contains("yes"), "{words}");
    let future = stand.run(&["schedule", "--at", &(now + SignedDuration::from_hours(9)).to_string()]).await;
    assert_eq!(future.status.code(), Some(2));

    // nobody plans any more
    roles.remove(0).stop().await;
    stand.database.execute("UPDATE heartbeats SET seen_at = now() - interval '5 min'").await;
    let words = stand.ok(&["schedule"]).await;
    assert!(words.contains("NO SCHEDULER has been seen for 5 min"), "{words}");
    assert_eq!(at(&stand, ago(2)).await["then"], "no scheduler");
    stand.finish(roles).await;
}

#[tokio::test]
async fn runs_of_long_ago_are_forgotten_and_who_asks_for_them_is_told_so() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--interval-s", "86400"]).await;
    let mut roles = Vec::new();
    for role in ["scheduler", "fetcher", "normalizer"] {
        roles.push(stand.start(role).await);
    }
    stand.idle().await;
    let now = stand.world().now();
    for days_ago in [100, 95, 92] {
        stand.ok(&["sync", "acme/attention"]).await;
        stand.idle().await;
        let moved = format!(
            "UPDATE sync_runs SET planned_at = t, started_at = t, listed_at = t, ended_at = t
             FROM (SELECT now() - interval '{days_ago} days') AS s (t)
             WHERE kind = 'periodic' AND stream = 'conversations' AND planned_at > now() - interval '1 day'"
        );
        stand.database.execute(&moved).await;
    }
    stand.database.execute("UPDATE connections SET created_at = now() - interval '1 year'").await;
    let exported = stand.export("acme").await;
    let first_day = now - SignedDuration::from_hours(24 * 100 - 1);
    assert_eq!(at(&stand, first_day).await["then"], "between runs");
    roles.push(stand.start("steward").await);
    let old = "SELECT count(*) FROM sync_runs WHERE planned_at < now() - interval '94 days'";
    stand.until("all but the last of the old ones are gone", async || stand.count(old).await == 0).await;
    let told = at(&stand, first_day).await;
    assert!(told["then"] == "not kept" && told["before"].is_null(), "{told}");
    let words = stand.ok(&["schedule", "--at", &first_day.to_string()]).await;
    assert!(words.contains("older runs are not kept"), "{words}");
    stand.ok(&["sync", "acme/attention"]).await;
    stand.idle().await;
    assert_eq!(stand.export("acme").await, exported, "nothing else is gone");
    assert_eq!(at(&stand, stand.world().now()).await["before"]["state"], "settled");
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_day_that_is_spent_and_a_closed_gate_are_told_as_what_they_are() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    stand.connect("acme", &spec().key, &["--interval-s", "3600"]).await;
    let roles = stand.start_all().await;
    let parked = "SELECT count(*) FROM sync_runs WHERE parked_cause = 'crm'";
    stand.until("its runs are gated", async || stand.count(parked).await > 0).await;
    assert_eq!(ahead(&stand).await["outlook"], "gated");
    stand.accounts("acme").await;
    stand.idle().await;
    stand
        .database
        .execute(
            "UPDATE vendor_budgets SET requests_per_day = 10;
             INSERT INTO vendor_hours (vendor, vendor_account, share, hour, requests)
             SELECT vendor, vendor_account, 'live', now() - interval '2 hours', 10 FROM vendor_budgets",
        )
        .await;
    let spent = ahead(&stand).await;
    assert_eq!(spent["outlook"], "over quota");
    assert!(
        (1..=2).contains(&spent["runs_24h"].as_i64().expect("a count")),
        "in the last hour of the day: {spent}"
    );
    let words = stand.ok(&["schedule"]).await;
    assert!(words.contains("the requests of the day are spent"), "{words}");
    stand.ok(&["sync", "acme/attention"]).await;
    let parked = "SELECT count(*) FROM sync_runs WHERE parked_cause = 'quota'";
    stand.until("its runs are parked", async || stand.count(parked).await == 2).await;
    assert_eq!(ahead(&stand).await["outlook"], "over quota");
    stand.finish(roles).await;
}
