//! However many connections there are, and however many runs wait, a round of the schedule reads what it is about.

use std::time::Duration;

use store::run_forget::{self, Stretch};
use store::run_plan;
use store::testing::TestDatabase;
use store::{Speaker, Tx, run_settle, stream};

const CONNECTIONS: u64 = 2_000;

/// Runs that wait.
const WAITING: i64 = 500;

/// Rows that a round takes.
const BATCH: i64 = 100;

/// Looking up what blocks a run reads its connection, tenant, credential and budget, twice at most, and the run.
const ROWS_A_RUN: i64 = 12;

async fn many() -> TestDatabase {
    let db = TestDatabase::fresh().await;
    db.fill_connections(CONNECTIONS, Duration::from_hours(1)).await;
    db
}

/// Of as many connections, which nobody has told the planner of.
async fn wait(db: &TestDatabase, state: &str) {
    db.execute(&format!(
        "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, parked_cause)
         SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'periodic', 'live', now() - interval '2 days', now(), '{state}',
                CASE '{state}' WHEN 'parked' THEN 'pause' END
         FROM connections ORDER BY connection_id LIMIT {WAITING}"
    ))
    .await;
}

async fn at_most(db: &TestDatabase, rows: i64, what: &str, round: impl AsyncFnOnce(&Tx)) {
    let read = db.rows_read_by(Speaker::Everybody, round).await;
    println!("{what}: {read} rows");
    assert!(read <= rows, "{what}: {read} rows are read instead of at most {rows}");
}

#[tokio::test]
async fn where_nothing_is_due_nothing_is_read() {
    let db = many().await;
    at_most(&db, 20, "periodic runs", async |tx| {
        assert_eq!(run_plan::plan_periodic(tx, BATCH).await.unwrap(), 0);
    })
    .await;
    at_most(&db, 20, "walks", async |tx| assert_eq!(run_plan::plan_walks(tx, BATCH).await.unwrap(), 0)).await;
    at_most(&db, 20, "histories", async |tx| {
        assert_eq!(run_plan::take_history_due(tx, BATCH).await.unwrap(), []);
    })
    .await;
    let every_stream_once = i64::try_from(CONNECTIONS).unwrap() + 50;
    at_most(&db, every_stream_once, "silence", async |tx| {
        assert_eq!(stream::judge_silence(tx, Duration::from_hours(24)).await.unwrap(), 0);
    })
    .await;
    db.finish().await;
}

#[tokio::test]
async fn runs_that_wait_are_looked_through_once() {
    let db = many().await;
    wait(&db, "planned").await;
    at_most(&db, WAITING + BATCH * ROWS_A_RUN, "starting", async |tx| {
        assert_eq!(run_plan::start_planned(tx, BATCH).await.unwrap(), BATCH.cast_unsigned());
    })
    .await;
    db.finish().await;
}

#[tokio::test]
async fn runs_that_are_parked_are_looked_up_once_each() {
    let db = many().await;
    wait(&db, "parked").await;
    db.execute("UPDATE connections SET paused_at = now()").await;
    at_most(&db, WAITING * ROWS_A_RUN, "releasing none", async |tx| {
        assert_eq!(run_plan::release_unblocked(tx, BATCH).await.unwrap(), 0);
    })
    .await;
    db.execute("UPDATE connections SET paused_at = NULL, credential_state = 'invalid'").await;
    at_most(&db, WAITING * (ROWS_A_RUN + 1), "naming another cause", async |tx| {
        assert_eq!(run_plan::refresh_park_causes(tx).await.unwrap(), WAITING.cast_unsigned());
    })
    .await;
    db.finish().await;
}

#[tokio::test]
async fn runs_that_are_forgotten_are_read_of_their_connections_alone_and_young_ones_are_not() {
    let (db, old) = (many().await, 10);
    db.execute(&format!(
        "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, planned_at, ended_at)
         SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'periodic', 'live', t - interval '2 days', t, 'settled', t, t
         FROM (SELECT tenant_id, connection_id FROM connections ORDER BY connection_id LIMIT {WAITING}) AS c
         CROSS JOIN generate_series(1, 5 * {old}) AS run
         CROSS JOIN LATERAL (SELECT now() - make_interval(days => CASE WHEN run <= {old} THEN 100 + run ELSE 1 END)) AS s (t)"
    ))
    .await;
    let stretch = Stretch::default();
    at_most(&db, stretch.connections * old * 6, "forgetting", async |tx| {
        let forgot = run_forget::forget_old(tx, Duration::from_hours(90 * 24), stretch).await.unwrap();
        let expected = stretch.connections * (old - 1);
        assert_eq!(forgot.map(|forgot| forgot.runs), Some(expected.cast_unsigned()));
    })
    .await;
    db.finish().await;
}

#[tokio::test]
async fn the_records_of_a_run_are_looked_up_whatever_the_store_holds_beside_them() {
    let (db, records, others) = (many().await, 300, 4_000);
    db.execute(&format!(
        "INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, stored_version)
         SELECT connection_id, 'record-' || n, tenant_id, 1, 1 FROM (SELECT * FROM connections ORDER BY connection_id LIMIT 1) AS c
         CROSS JOIN generate_series(1, {records} + {others}) AS n;
         INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, listed_at, settle_look_at)
         SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'periodic', 'live', now() - interval '2 days', now(), 'listed',
                now(), now() - interval '1 second'
         FROM (SELECT * FROM connections ORDER BY connection_id LIMIT 1) AS c;
         INSERT INTO run_items (run_id, vendor_key, tenant_id, connection_id, decision, version, hash)
         SELECT run_id, 'record-' || n, tenant_id, connection_id, 'published', 1, '' FROM sync_runs CROSS JOIN generate_series(1, {records}) AS n
         WHERE state = 'listed';
         ANALYZE intake, run_items"
    ))
    .await;
    // each with its entry in an index: its item, its place in the intake, and the item once more to be deleted
    at_most(&db, 6 * records, "settling", async |tx| {
        assert_eq!(run_settle::settle_next(tx).await.unwrap(), Some(true));
    })
    .await;
    db.finish().await;
}
