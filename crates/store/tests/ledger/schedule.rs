//! What will run, what kept something from running, and that both say what is told of the connection.

use jiff::{SignedDuration, Timestamp};
use model::{ParkCause, RunKind, RunState};
use store::report::{self, Doing, Outlook, Past, Pulse, Scheduled, Then};
use store::{Speaker, connection, heartbeat, run_plan, stop};

use crate::common::Connected;

async fn scheduled(connected: &Connected) -> Vec<Scheduled> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let work = report::schedule(&tx).await.unwrap();
    tx.commit().await.unwrap();
    work
}

/// How the connection is doing, and what will become of its schedule.
async fn told(connected: &Connected) -> (Doing, Outlook) {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let one = connection::list(&tx).await.unwrap().remove(0);
    let pulse: Pulse = report::pulses(&tx).await.unwrap().remove(0);
    let doing = Doing::of(&one, Some(&pulse), None);
    let work = report::schedule(&tx).await.unwrap();
    tx.commit().await.unwrap();
    let periodic = work.iter().find(|one| one.kind == RunKind::Periodic).expect("a schedule");
    (doing, periodic.outlook(doing, report::blocked(&one, Some(&pulse))))
}

async fn note(connected: &Connected) -> u64 {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let noted = stop::note(&tx).await.unwrap();
    tx.commit().await.unwrap();
    noted
}

async fn past(connected: &Connected, at: Timestamp) -> Past {
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    let past = report::pasts(&tx, at).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    past
}

async fn now(connected: &Connected) -> Timestamp {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let now = run_plan::database_now(&tx).await.unwrap();
    tx.commit().await.unwrap();
    now
}

#[tokio::test]
async fn every_kind_of_work_that_is_due_or_open_is_told_and_nothing_else() {
    let connected = Connected::fresh().await;
    connected
        .database
        .execute("UPDATE streams SET history_unplanned = false, due_at = now() + interval '5 min'")
        .await;
    let kinds = |work: &[Scheduled]| work.iter().map(|one| one.kind).collect::<Vec<_>>();
    let quiet = scheduled(&connected).await;
    assert_eq!(kinds(&quiet), [RunKind::Periodic, RunKind::Walk], "what a stream always has");
    assert_eq!(quiet[0].runs_within_a_day(None), 96);

    connected
        .database
        .execute(
            "UPDATE streams SET history_unplanned = true;
             INSERT INTO intake (connection_id, vendor_key, tenant_id, look_at)
             SELECT connection_id, key, tenant_id, now() + hours * interval '1 hour'
             FROM connections, (VALUES ('soon', 2), ('later', 3), ('next week', 170)) AS l (key, hours);
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, replan_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', now() - interval '1 day', now(),
                    'failed', now() + interval '1 hour' FROM connections",
        )
        .await;
    let busy = scheduled(&connected).await;
    let all = [RunKind::Periodic, RunKind::FollowUp, RunKind::Bootstrap, RunKind::Backfill, RunKind::Walk];
    assert_eq!(kinds(&busy), all);
    assert_eq!((busy[1].records, busy[3].records), (2, 1));
    connected.database.finish().await;
}

#[tokio::test]
async fn the_schedule_says_what_is_told_of_the_connection() {
    let connected = Connected::fresh().await;
    let cases = [
        ("SELECT", Doing::Running, Outlook::WillRun),
        ("UPDATE connections SET paused_at = now()", Doing::Paused, Outlook::Paused),
        ("UPDATE connections SET paused_at = NULL, enabled = false", Doing::Disabled, Outlook::Disabled),
        (
            "UPDATE connections SET enabled = true, credential_state = 'invalid'",
            Doing::Parked(ParkCause::Credential),
            Outlook::Parked,
        ),
        (
            "UPDATE connections SET credential_state = 'valid'; UPDATE tenants SET gate_opened_at = NULL",
            Doing::Parked(ParkCause::Crm),
            Outlook::Gated,
        ),
        (
            "UPDATE tenants SET gate_opened_at = now(); UPDATE vendor_budgets SET closed_until = now() + interval '1 hour'",
            Doing::Parked(ParkCause::Quota),
            Outlook::OverQuota,
        ),
        // the day of live work is spent: nothing blocks the connection as such, and its schedule is parked all the same
        (
            "UPDATE vendor_budgets SET closed_until = 'epoch', requests_per_day = 10;
             INSERT INTO vendor_hours (vendor, vendor_account, share, hour, requests)
             SELECT vendor, vendor_account, 'live', now() - interval '2 hours', 10 FROM vendor_budgets",
            Doing::Parked(ParkCause::Quota),
            Outlook::OverQuota,
        ),
        ("DELETE FROM vendor_hours", Doing::Running, Outlook::WillRun),
    ];
    for (change, doing, outlook) in cases {
        connected.database.execute(change).await;
        assert_eq!(told(&connected).await, (doing, outlook), "{change}");
    }
    connected.database.finish().await;
}

#[tokio::test]
async fn what_stops_a_connection_is_noted_once_with_when_it_began_and_ended() {
    let connected = Connected::fresh().await;
    assert_eq!(note(&connected).await, 0, "nothing stops it");
    connected.database.execute("UPDATE connections SET paused_at = now() - interval '1 hour'").await;
    let (one, other) = tokio::join!(note(&connected), note(&connected));
    assert_eq!(one + other, 1, "two schedulers note it once");
    assert_eq!(note(&connected).await, 0);
    // it is disabled beside: what a person would mend first has changed
    connected.database.execute("UPDATE connections SET enabled = false").await;
    assert_eq!(note(&connected).await, 2, "one ends, one begins");
    connected.database.execute("UPDATE connections SET enabled = true, paused_at = NULL").await;
    assert_eq!(note(&connected).await, 1);
    let told = connected
        .database
        .text("SELECT string_agg(reason || ' ' || (until IS NOT NULL), ', ' ORDER BY since) FROM connection_stops")
        .await;
    assert_eq!(told, "paused true, disabled true");

    let now = now(&connected).await;
    let half_an_hour = past(&connected, now - SignedDuration::from_mins(30)).await;
    let stop = half_an_hour.stopped.expect("it was paused");
    assert!(stop.reason == "paused" && stop.until.is_some_and(|until| until <= now), "{stop:?}");
    assert_eq!(past(&connected, now).await.stopped, None);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_time_of_the_past_finds_the_runs_around_it_and_who_was_away() {
    let connected = Connected::fresh().await;
    connected
        .database
        .execute(
            "UPDATE connections SET created_at = now() - interval '1 day';
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, planned_at,
                                    started_at, listed_at, ended_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', kind, 'live', t - interval '2 days', t, 'settled', t, t,
                    t + interval '10 s', t + interval '20 s'
             FROM connections, (VALUES ('periodic', now() - interval '3 hours'), ('follow-up', now() - interval '150 min'),
                                       ('periodic', now() - interval '1 hour')) AS r (kind, t);
             INSERT INTO heartbeats VALUES ('scheduler', now() - interval '2 hours')",
        )
        .await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    heartbeat::beat(&tx, "scheduler").await.unwrap();
    heartbeat::beat(&tx, "scheduler").await.unwrap();
    tx.commit().await.unwrap();
    let now = now(&connected).await;
    let minutes_ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    for (minutes, then) in [
        (2000, Then::NotConnected),
        (200, Then::Unexplained),
        (175, Then::BetweenRuns),
        (150, Then::Unexplained),
        (90, Then::NoScheduler),
        (55, Then::NoScheduler),
    ] {
        let at = minutes_ago(minutes);
        assert_eq!(past(&connected, at).await.then(at), then, "{minutes} minutes ago");
    }
    let between = past(&connected, minutes_ago(90)).await;
    let (before, after) = (between.before.expect("a run"), between.after.expect("a run"));
    assert!(
        before.planned_at < minutes_ago(179) && after.planned_at > minutes_ago(61),
        "follow-ups are no schedule"
    );
    assert_eq!(after.state, RunState::Settled);
    connected.database.finish().await;
}

#[tokio::test]
async fn who_speaks_for_one_tenant_learns_of_no_other() {
    let connected = Connected::fresh().await;
    connected.database.execute("UPDATE connections SET paused_at = now()").await;
    note(&connected).await;
    let (other, now) = (model::TenantId::parse("globex").unwrap(), now(&connected).await);
    let tx = connected.store().begin(Speaker::Tenant(&other)).await.unwrap();
    assert_eq!(report::schedule(&tx).await.unwrap(), []);
    assert_eq!(report::pasts(&tx, now).await.unwrap(), []);
    tx.commit().await.unwrap();
    connected.database.finish().await;
}
