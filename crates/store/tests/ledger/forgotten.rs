//! Which runs are forgotten, and that nobody who reads runs notices.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::{TenantId, Window};
use store::report::{self, Missing, Pulse, Then, What};
use store::run_forget::{self, Forgot, Stretch};
use store::{Speaker, run_plan};

use crate::common::{Connected, connect};

const KEPT: Duration = Duration::from_hours(90 * 24);

async fn forget(connected: &Connected, stretch: Stretch) -> Option<Forgot> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let forgot = run_forget::forget_old(&tx, KEPT, stretch).await.unwrap();
    tx.commit().await.unwrap();
    forgot
}

/// A run of conversations that ended an hour after it was planned, so many days ago, over the two days before.
struct Made {
    name: &'static str,
    kind: &'static str,
    state: &'static str,
    days_ago: f64,
}

const fn made(name: &'static str, kind: &'static str, state: &'static str, days_ago: f64) -> Made {
    Made { name, kind, state, days_ago }
}

async fn make(connected: &Connected, runs: &[Made]) {
    for Made { name, kind, state, days_ago } in runs {
        let sql = format!(
            "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, last_error,
                                    planned_at, started_at, listed_at, ended_at, listed, stored)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', '{kind}', 'live', t - interval '2 days', t, '{state}',
                    '{name}', t, t, CASE '{state}' WHEN 'failed' THEN NULL ELSE t + interval '1 hour' END,
                    CASE '{state}' WHEN 'listed' THEN NULL ELSE t + interval '1 hour' END, 5, 5
             FROM connections, (SELECT now() - {days_ago} * interval '1 day') AS s (t)"
        );
        connected.database.execute(&sql).await;
    }
}

async fn left(connected: &Connected) -> String {
    let sql = "SELECT coalesce(string_agg(last_error, ', ' ORDER BY last_error), '') FROM sync_runs";
    connected.database.text(sql).await
}

async fn pulse(connected: &Connected) -> (Option<Timestamp>, Option<report::Failing>) {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let pulse: Pulse = report::pulses(&tx).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    (pulse.last_synced_at, pulse.failing)
}

async fn missing(connected: &Connected) -> Vec<Missing> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let now = run_plan::database_now(&tx).await.unwrap();
    let window = Window { from: now - SignedDuration::from_hours(24 * 365), to: now };
    let mut missing = report::missing(&tx, window).await.unwrap();
    tx.commit().await.unwrap();
    missing.retain(|one| one.what == What::FewerThanCounted);
    missing
}

#[tokio::test]
async fn runs_that_ended_long_ago_are_forgotten_but_the_last_of_each_kind_and_what_was_planned_after_it() {
    let connected = Connected::fresh().await;
    let runs = [
        made("gone: periodic", "periodic", "settled", 101.0),
        made("gone: failed", "periodic", "failed", 100.0),
        made("last periodic", "periodic", "settled", 96.0),
        made("failed after the last", "periodic", "failed", 95.0),
        made("one slice of two", "bootstrap", "settled", 99.0),
        made("one slice of two", "bootstrap", "settled", 99.0),
        made("last follow-up", "follow-up", "settled", 99.0),
        made("not settled", "backfill", "listed", 120.0),
        made("last backfill", "backfill", "settled", 91.0),
        made("young walk", "walk", "settled", 89.0),
        made("last walk", "walk", "settled", 97.0),
    ];
    make(&connected, &runs).await;
    connected
        .database
        .execute("UPDATE sync_runs SET planned_at = (SELECT planned_at FROM sync_runs WHERE kind = 'bootstrap' LIMIT 1) WHERE kind = 'bootstrap'")
        .await;
    let before = pulse(&connected).await;
    assert!(before.0.is_some() && before.1.is_some(), "it fails since its last sync: {before:?}");
    let forgot = forget(&connected, Stretch::default()).await;
    assert_eq!(forgot, Some(Forgot { runs: 3, was_last: true }));
    assert_eq!(
        left(&connected).await,
        "failed after the last, last backfill, last follow-up, last periodic, last walk, not settled, one slice of two, young walk"
    );
    assert_eq!(pulse(&connected).await, before, "how the connection is doing is told as before");
    let again = forget(&connected, Stretch::default()).await;
    assert_eq!(again, Some(Forgot { runs: 0, was_last: true }));
    connected.database.finish().await;
}

#[tokio::test]
async fn a_run_is_kept_as_long_as_somebody_may_still_want_it() {
    let connected = Connected::fresh().await;
    make(
        &connected,
        &[
            made("dead", "periodic", "failed", 110.0),
            made("replayed lately", "periodic", "failed", 109.5),
            made("replayed, under way", "periodic", "failed", 109.0),
            made("gone: replayed, and that is forgotten", "periodic", "failed", 108.5),
            made("discarded", "periodic", "failed", 108.0),
            made("gone: closed", "periodic", "failed", 107.0),
            made("gone: given up", "periodic", "failed", 106.0),
            made("does not add up", "periodic", "failed", 105.0),
            made("planned again", "bootstrap", "failed", 104.0),
            made("listed late", "backfill", "settled", 103.0),
            made("gone: total of a day, once", "backfill", "settled", 102.0),
            made("total of a day", "backfill", "settled", 101.0),
            made("gone: total of a week", "backfill", "settled", 100.0),
            made("last bootstrap", "bootstrap", "settled", 91.0),
            made("last backfill", "backfill", "settled", 91.0),
            made("last periodic", "periodic", "settled", 91.0),
        ],
    )
    .await;
    connected
        .database
        .execute(
            "INSERT INTO dead_letters (dead_letter_id, tenant_id, origin_queue, stage, error_class, error, fingerprint, body,
                                       first_failed_at, last_failed_at, run_id, state, forgotten_at, replays, replay_settled)
             SELECT gen_random_uuid(), tenant_id, 'q', 'fetch', 'c', 'e', 'f', '', planned_at, planned_at, run_id, l.state, forgotten_at,
                    replays, replay_settled
             FROM sync_runs JOIN (VALUES ('dead', 'dead', NULL::timestamptz, 2, 2), ('replayed lately', 'replayed', NULL, 2, 2),
                                         ('replayed, under way', 'replayed', NULL, 2, 1),
                                         ('gone: replayed, and that is forgotten', 'replayed', NULL, 2, 2),
                                         ('discarded', 'discarded', NULL, 0, 0), ('gone: closed', 'closed', NULL, 0, 0),
                                         ('gone: given up', 'discarded', now(), 0, 0))
                            AS l (last_error, state, forgotten_at, replays, replay_settled) USING (last_error);
             WITH ordered AS (
                 INSERT INTO replays (replay_id, chosen, operator, per_minute, failures_max, state, ended_at)
                 VALUES (gen_random_uuid(), '{}', 'somebody', 600, 0, 'done', now()) RETURNING replay_id)
             INSERT INTO replay_letters (replay_id, place, tenant_id, dead_letter_id, deaths, letter_group, outcome)
             SELECT replay_id, 0, d.tenant_id, d.dead_letter_id, 1, 'g', 'succeeded'
             FROM ordered, dead_letters d JOIN sync_runs r USING (run_id) WHERE r.last_error = 'replayed lately';
             UPDATE sync_runs SET stored = 4 WHERE last_error = 'does not add up';
             UPDATE sync_runs SET replan_at = now() WHERE last_error = 'planned again';
             UPDATE sync_runs SET ended_at = now() WHERE last_error = 'listed late';
             UPDATE sync_runs SET vendor_total = 5, window_from = '2026-01-01Z', window_to = '2026-01-02Z' WHERE last_error LIKE '%of a day%';
             UPDATE sync_runs SET vendor_total = 5, window_from = '2026-01-01Z', window_to = '2026-01-08Z' WHERE last_error LIKE '%of a week'",
        )
        .await;
    forget(&connected, Stretch::default()).await;
    assert_eq!(
        left(&connected).await,
        "dead, discarded, does not add up, last backfill, last bootstrap, last periodic, listed late, planned again, replayed lately, replayed, under way, total of a day"
    );
    connected.database.finish().await;
}

#[tokio::test]
async fn what_is_missing_is_told_as_before_and_what_is_not_does_not_come_back() {
    let connected = Connected::fresh().await;
    let runs = [
        made("short, half of it listed again", "bootstrap", "settled", 120.0),
        made("half of it", "periodic", "settled", 119.0),
        made("gone: of another time", "periodic", "settled", 110.0),
        made("last bootstrap, short, listed again", "bootstrap", "settled", 100.0),
        made("gone: listed it again", "periodic", "settled", 99.99),
        made("gone: short walk", "walk", "settled", 98.0),
        made("last walk", "walk", "settled", 97.0),
        made("last periodic", "periodic", "settled", 91.0),
    ];
    make(&connected, &runs).await;
    connected
        .database
        .execute("UPDATE sync_runs SET gap = true, vendor_total = 7 WHERE last_error LIKE '%short%'")
        .await;
    let told = missing(&connected).await;
    assert_eq!(told.len(), 2, "half a window, and what the walk counted: {told:?}");
    let forgot = forget(&connected, Stretch::default()).await;
    assert_eq!(forgot.map(|forgot| forgot.runs), Some(3));
    let kept = left(&connected).await;
    assert_eq!(
        kept,
        "half of it, last bootstrap, short, listed again, last periodic, last walk, short, half of it listed again"
    );
    assert_eq!(missing(&connected).await, told[..1], "a newer walk knows better");
    connected.database.finish().await;
}

#[tokio::test]
async fn connections_take_turns_and_a_second_steward_does_not_wait() {
    let connected = Connected::fresh().await;
    for name in ["globex", "initech"] {
        connect(connected.store(), &TenantId::parse(name).unwrap()).await;
    }
    let old = [110.0, 109.0, 108.0, 107.0, 91.0].map(|days_ago| made("run", "periodic", "settled", days_ago));
    make(&connected, &old).await;
    let stretch = Stretch { connections: 2, runs: 3 };
    let first = Some(Forgot { runs: 6, was_last: false });
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_forget::forget_old(&tx, KEPT, stretch).await.unwrap(), first);
    assert_eq!(forget(&connected, stretch).await, None, "somebody else is at it");
    tx.commit().await.unwrap();
    assert_eq!(forget(&connected, stretch).await, Some(Forgot { runs: 3, was_last: true }));
    assert_eq!(forget(&connected, stretch).await, Some(Forgot { runs: 2, was_last: false }));
    assert_eq!(forget(&connected, stretch).await, Some(Forgot { runs: 1, was_last: true }));
    let by_tenant =
        "SELECT count(*) FROM (SELECT FROM sync_runs GROUP BY tenant_id HAVING count(*) = 1) AS t";
    assert_eq!(connected.number(by_tenant).await, 3, "each has its last");
    connected.database.finish().await;
}

#[tokio::test]
async fn who_asks_for_a_time_of_which_runs_are_not_kept_is_told_so() {
    let connected = Connected::fresh().await;
    connected.database.execute("UPDATE connections SET created_at = now() - interval '200 days'").await;
    let days_ago = [102.0, 101.99, 90.2, 90.1, 89.99];
    make(&connected, &days_ago.map(|days_ago| made("run", "periodic", "settled", days_ago))).await;
    let then = async |days_ago: f64| {
        let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
        let at =
            run_plan::database_now(&tx).await.unwrap() - SignedDuration::from_secs_f64(days_ago * 86_400.0);
        let past = report::pasts(&tx, at).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        (past.then(at), past.before.is_some())
    };
    assert_eq!(then(102.0 - 0.001).await, (Then::Running, true));
    assert_eq!(forget(&connected, Stretch::default()).await.map(|forgot| forgot.runs), Some(3));
    assert_eq!(then(102.0 - 0.001).await, (Then::NotKept, false));
    assert_eq!(
        then(90.01).await,
        (Then::NotKept, false),
        "the run before it is there, and need not have been the last"
    );
    assert_eq!(then(89.985).await, (Then::Running, true), "from then on all are");
    assert_eq!(then(300.0).await, (Then::NotConnected, false));
    connected.database.finish().await;
}
