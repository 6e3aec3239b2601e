//! What must always hold: each is broken on purpose, found, told of, and found mended.

use std::time::Duration;

use serde_json::Value;
use store::invariant::{self, Invariant, Looked, Width};
use store::{Speaker, credential, outbox};

use crate::common::Connected;

const RECORDS: Width = Width { records: 1000, findings: 100 };

async fn look_with(connected: &Connected, every: Duration, width: Width) -> Option<Looked> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let looked = invariant::look(&tx, every, width).await.unwrap();
    tx.commit().await.unwrap();
    looked
}

async fn look(connected: &Connected) -> Looked {
    look_with(connected, Duration::ZERO, RECORDS).await.expect("it is always time")
}

/// What does not hold, by its word.
async fn broken(connected: &Connected) -> Vec<(String, i64)> {
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    let broken = invariant::broken(&tx).await.unwrap();
    tx.commit().await.unwrap();
    broken.into_iter().map(|one| (one.invariant, one.count)).collect()
}

/// Events of invariants so far.
async fn told(connected: &Connected) -> Vec<(String, Value)> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let events = outbox::after(&tx, 0, 1000).await.unwrap();
    tx.commit().await.unwrap();
    let ours = events.into_iter().filter(|event| event.kind.starts_with("invariant."));
    ours.map(|event| (event.kind, event.body["invariant"].clone())).collect()
}

/// Breaks one, sees that it is found and told of once, mends it, and sees that this is told, too.
async fn is_found_and_found_mended(invariant: Invariant, count: i64, breaking: &str, mending: &str) {
    let connected = Connected::fresh().await;
    assert_eq!(look(&connected).await, Looked::default(), "all is well");
    connected.database.execute(breaking).await;
    let found = look(&connected).await;
    assert_eq!((i64::try_from(found.broken.len()).unwrap(), found.mended), (count, 0), "{found:?}");
    assert_eq!(broken(&connected).await, [(invariant.as_str().to_owned(), count)]);
    assert_eq!(look(&connected).await, Looked::default(), "nothing of it is news");
    let event = |kind: &str| (kind.to_owned(), Value::from(invariant.as_str()));
    assert_eq!(told(&connected).await, [event("invariant.broken")], "one event, however much is broken");
    connected.database.execute(mending).await;
    let mended = look(&connected).await;
    assert_eq!((mended.broken.len(), i64::try_from(mended.mended).unwrap()), (0, count));
    assert_eq!(broken(&connected).await, []);
    assert_eq!(told(&connected).await, [event("invariant.broken"), event("invariant.mended")]);
    connected.database.finish().await;
}

const RUN: &str = "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, listed, stored,
                       listed_at, ended_at, settle_look_at)
    SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', now() - interval '1 day', now(),";

#[tokio::test]
async fn a_run_that_does_not_add_up() {
    let breaking = format!(
        "{RUN} 'failed', 5, 4, now(), now(), NULL FROM connections, generate_series(1, 3);
         {RUN} 'failed', 5, 4, now(), now(), now() FROM connections;
         {RUN} 'listed', 0, 0, now(), NULL, now() FROM connections"
    );
    is_found_and_found_mended(
        Invariant::Sums,
        3,
        &breaking,
        "UPDATE sync_runs SET stored = 5 WHERE state = 'failed'",
    )
    .await;
}

#[tokio::test]
async fn the_database_itself_refuses_a_settled_run_that_does_not_add_up() {
    let connected = Connected::fresh().await;
    let check = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'sync_runs'::regclass
                 AND pg_get_constraintdef(oid) LIKE '%settled%listed =%stored%'";
    assert_eq!(connected.number(check).await, 1);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_run_that_does_not_settle() {
    let breaking = format!(
        "{RUN} 'listed', 0, 0, now(), NULL, NULL FROM connections;
         {RUN} 'listed', 0, 0, now() - interval '25 hours', NULL, now() FROM connections;
         {RUN} 'listed', 0, 0, now() - interval '23 hours', NULL, now() FROM connections"
    );
    let mending = "UPDATE sync_runs SET state = 'settled'";
    is_found_and_found_mended(Invariant::Settling, 2, &breaking, mending).await;
}

#[tokio::test]
async fn a_record_without_an_outcome_that_nobody_has_in_hand() {
    let breaking = format!(
        "{RUN} 'listed', 0, 0, now(), NULL, now() FROM connections;
         INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, listed_at, look_at, stored_version)
         SELECT connection_id, key, tenant_id, 5, now() - age, look, stored
         FROM connections, (VALUES
             ('lost', interval '2 hours', NULL::timestamptz, NULL::bigint),
             ('in hand', interval '2 hours', NULL, NULL),
             ('young', interval '2 min', NULL, NULL),
             ('pending', interval '2 hours', now(), NULL),
             ('stored', interval '2 hours', NULL, 5)) AS r (key, age, look, stored);
         INSERT INTO run_items (run_id, vendor_key, tenant_id, connection_id, decision, version, hash)
         SELECT run_id, 'in hand', tenant_id, connection_id, 'published', 5, '' FROM sync_runs"
    );
    let mending = "UPDATE intake SET look_at = now() WHERE vendor_key = 'lost'";
    is_found_and_found_mended(Invariant::Outcomes, 1, &breaking, mending).await;
}

#[tokio::test]
async fn a_dead_record_without_a_letter_and_a_letter_that_nobody_files() {
    let letter = |id: &str| {
        format!(
            "INSERT INTO dead_letters (dead_letter_id, tenant_id, origin_queue, stage, error_class, error, fingerprint, body,
                                       first_failed_at, last_failed_at)
             VALUES ('00000000-0000-4000-8000-0000000000{id}', 'acme', 'q', 'detail', 'c', 'e', 'f', '', now(), now())"
        )
    };
    let breaking = format!(
        "{};
         INSERT INTO intake (connection_id, vendor_key, tenant_id, dead_version, dead_letter_id)
         SELECT connection_id, key, tenant_id, 5, ('00000000-0000-4000-8000-0000000000' || letter)::uuid
         FROM connections, (VALUES ('dead', 'd1'), ('without a letter', 'd2')) AS r (key, letter);
         INSERT INTO expected_letters (dead_letter_id, tenant_id, origin_queue, left_at)
         VALUES ('00000000-0000-4000-8000-0000000000d3', 'acme', 'fetch.live', now() - interval '2 hours'),
                ('00000000-0000-4000-8000-0000000000d4', 'acme', 'fetch.live', now())",
        letter("d1")
    );
    let mending = format!("{}; {}", letter("d2"), letter("d3"));
    is_found_and_found_mended(Invariant::Letters, 2, &breaking, &mending).await;
}

#[tokio::test]
async fn an_invalid_credential_without_its_event() {
    let breaking = "UPDATE connections SET credential_state = 'invalid'";
    is_found_and_found_mended(
        Invariant::Events,
        1,
        breaking,
        "UPDATE connections SET credential_state = 'valid'",
    )
    .await;
}

#[tokio::test]
async fn a_credential_that_was_found_invalid_in_the_right_way_is_nothing_to_tell_of() {
    let connected = Connected::fresh().await;
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    assert!(credential::invalidate(&tx, &connected.tenant, connected.id, 1, "HTTP 401").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(look(&connected).await, Looked::default());
    connected.database.finish().await;
}

#[tokio::test]
async fn of_two_stewards_one_looks_and_a_look_is_not_repeated_before_its_time() {
    let connected = Connected::fresh().await;
    let hour = Duration::from_hours(1);
    let (one, other) =
        tokio::join!(look_with(&connected, hour, RECORDS), look_with(&connected, hour, RECORDS));
    assert_eq!(usize::from(one.is_some()) + usize::from(other.is_some()), 1);
    assert_eq!(look_with(&connected, hour, RECORDS).await, None);
    connected.database.execute("UPDATE invariant_looks SET looked_at = now() - interval '61 min'").await;
    assert!(look_with(&connected, hour, RECORDS).await.is_some());
    connected.database.finish().await;
}

#[tokio::test]
async fn a_walk_comes_to_every_record_a_stretch_at_a_time_and_keeps_an_eye_on_what_it_found() {
    let connected = Connected::fresh().await;
    connected
        .database
        .execute(
            "INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, listed_at, stored_version)
             SELECT connection_id, 'k' || n, tenant_id, 5, now() - interval '2 hours', CASE WHEN n IN (2, 9) THEN NULL ELSE 5 END
             FROM connections, generate_series(1, 9) AS n",
        )
        .await;
    let width = Width { records: 4, ..RECORDS };
    let mut found = Vec::new();
    for _ in 0..3 {
        let looked = look_with(&connected, Duration::ZERO, width).await.unwrap();
        assert_eq!(looked.mended, 0, "what was found before stays known, wherever the walk is");
        found.push(looked.broken.len());
    }
    assert_eq!(found, [1, 0, 1]);
    connected.database.execute("UPDATE intake SET stored_version = 5 WHERE vendor_key = 'k9'").await;
    let looked = look_with(&connected, Duration::ZERO, width).await.unwrap();
    assert_eq!(
        (looked.broken.len(), looked.mended),
        (0, 1),
        "at the beginning again, and the last one is not forgotten"
    );
    connected.database.finish().await;
}

#[tokio::test]
async fn where_there_are_more_findings_than_are_taken_nothing_is_called_mended() {
    let connected = Connected::fresh().await;
    let breaking =
        format!("{RUN} 'failed', 5, 4, now(), now(), NULL FROM connections, generate_series(1, 5)");
    connected.database.execute(&breaking).await;
    assert_eq!(look(&connected).await.broken.len(), 5);
    let width = Width { findings: 2, ..RECORDS };
    assert_eq!(look_with(&connected, Duration::ZERO, width).await, Some(Looked::default()));
    assert_eq!(broken(&connected).await, [("sums".to_owned(), 5)]);
    connected.database.finish().await;
}
