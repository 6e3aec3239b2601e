//! Refused keys: one bad key, or the vendor's outage.

use std::time::Duration;

use crate::common::Connected;
use model::{ConnectionId, Vendor};
use store::credential::StoredCredential;
use store::{Speaker, connection, credential, outbox};
use uuid::Uuid;

const WAIT: Duration = Duration::from_mins(2);

fn id(number: u128) -> ConnectionId {
    ConnectionId(Uuid::from_u128(number))
}

/// Connections 1 to `size`, each with a valid key that was answered an hour ago.
async fn fleet(size: u32) -> Connected {
    let connected = Connected::fresh().await;
    let sql = format!(
        "DELETE FROM credentials; UPDATE connections SET disconnected_at = now();
         INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url, credential_generation,
                                  credential_state)
         SELECT lpad(to_hex(n), 32, '0')::uuid, 'acme', 'attention', 'org-' || (n + 1), 'https://h/v2', 1, 'valid'
         FROM generate_series(1, {size}) AS n;
         INSERT INTO credentials (connection_id, generation, tenant_id, key_id, sealed, answered_at)
         SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 'acme', 'key', '', now() - interval '1 hour'
         FROM generate_series(1, {size}) AS n"
    );
    connected.database.execute(&sql).await;
    connected
}

/// Refuses a key, and marks it if that is no outage; says whether it was marked.
async fn refuse(connected: &Connected, number: u128) -> bool {
    refuse_generation(connected, number, 1).await
}

async fn refuse_generation(connected: &Connected, number: u128, generation: i32) -> bool {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    credential::note_refused(&tx, id(number), generation).await.unwrap();
    tx.commit().await.unwrap();
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let outage = credential::is_outage(&tx, Vendor::Attention, id(number), WAIT).await.unwrap();
    if !outage {
        credential::invalidate(&tx, &connected.tenant, id(number), generation, "401").await.unwrap();
        credential::plan_probe(&tx, id(number), generation, WAIT).await.unwrap();
    }
    tx.commit().await.unwrap();
    !outage
}

async fn answer(connected: &Connected, number: u128) {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    credential::note_answered(&tx, id(number), 1).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn one_bad_key_is_marked_at_once_in_a_fleet_of_any_size() {
    for size in [1, 2, 5, 100] {
        let connected = fleet(size).await;
        assert!(refuse(&connected, 1).await, "of {size}");
        connected.database.finish().await;
    }
}

#[tokio::test]
async fn of_keys_that_are_all_refused_at_once_only_the_first_is_marked() {
    for size in [2, 5, 100] {
        let connected = fleet(size).await;
        let mut marked = 0;
        for number in 1..=u128::from(size) {
            marked += u32::from(refuse(&connected, number).await);
        }
        assert_eq!(marked, 1, "of {size}");
        connected.database.finish().await;
    }
}

#[tokio::test]
async fn two_bad_keys_are_marked_as_soon_as_as_many_others_are_answered() {
    let connected = fleet(100).await;
    assert!(refuse(&connected, 1).await);
    assert!(!refuse(&connected, 2).await, "it may be an outage");
    answer(&connected, 3).await;
    assert!(!refuse(&connected, 2).await, "two against one");
    answer(&connected, 4).await;
    assert!(refuse(&connected, 2).await);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_few_keys_are_held_for_half_an_hour_and_many_for_a_day() {
    for (refused, minutes, marked) in [(3, 29, false), (3, 31, true), (6, 1439, false), (6, 1441, true)] {
        let connected = fleet(refused).await;
        for number in 1..=u128::from(refused) {
            refuse(&connected, number).await;
        }
        let later =
            format!("UPDATE credentials SET refused_since = refused_since - interval '{minutes} minutes'");
        connected.database.execute(&later).await;
        assert_eq!(refuse(&connected, 2).await, marked, "{refused} refused for {minutes} minutes");
        connected.database.finish().await;
    }
}

#[tokio::test]
async fn five_keys_that_stay_refused_are_all_marked_after_a_day_with_an_event_each() {
    let connected = fleet(5).await;
    for number in 1..=5 {
        refuse(&connected, number).await;
    }
    let sql = "UPDATE credentials SET refused_since = refused_since - interval '25 hours'";
    connected.database.execute(sql).await;
    for number in 2..=5 {
        assert!(refuse(&connected, number).await, "key {number}");
    }
    let told = "SELECT count(*) FROM outbox WHERE type = 'credential.invalidated'";
    assert_eq!(connected.number(told).await, 5);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_key_that_is_held_shows_since_when_and_one_that_is_marked_or_answered_does_not() {
    let connected = fleet(3).await;
    assert!(refuse(&connected, 1).await);
    assert!(!refuse(&connected, 2).await);
    let held = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let all = connection::list(&tx).await.unwrap();
        tx.commit().await.unwrap();
        let held = all.into_iter().filter(|one| one.credential_held_since.is_some());
        held.map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(held().await, [id(2)]);
    answer(&connected, 2).await;
    assert!(held().await.is_empty());
    connected.database.finish().await;
}

#[tokio::test]
async fn a_marked_key_is_probed_ever_more_rarely_and_each_mark_and_restoring_has_one_event() {
    let connected = fleet(1).await;
    let probe = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let probe = credential::take_probe(&tx, WAIT).await.unwrap();
        tx.commit().await.unwrap();
        probe
    };
    let due = "UPDATE credentials SET probe_at = now()";
    for generation in 1..=2 {
        assert!(refuse_generation(&connected, 1, generation).await);
        assert!(!invalidate(&connected, generation).await, "once");
        assert_eq!(probe().await, None, "not at once");
        connected.database.execute(due).await;
        let taken = probe().await.map(|probe| (probe.connection_id, probe.generation));
        assert_eq!(taken, Some((id(1), generation)));
        assert_eq!(probe().await, None, "the next one is later");
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let marked = credential::current(&tx, id(1)).await.unwrap().expect("a credential");
        let successor = StoredCredential { generation: generation + 1, ..marked };
        assert!(credential::restore(&tx, &connected.tenant, id(1), &successor).await.unwrap());
        assert!(!credential::restore(&tx, &connected.tenant, id(1), &successor).await.unwrap(), "once");
        tx.commit().await.unwrap();
        assert!(!invalidate(&connected, generation).await, "a late refusal of the one before is no news");
    }
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let events = outbox::after(&tx, 0, 10).await.unwrap();
    tx.commit().await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.kind.as_str(), event.body["generation"].as_i64().expect("a number")))
        .collect();
    let (invalidated, restored) = ("credential.invalidated", "credential.restored");
    assert_eq!(told, [(invalidated, 1), (restored, 2), (invalidated, 2), (restored, 3)]);

    assert!(refuse_generation(&connected, 1, 3).await);
    let mut probes = 2;
    loop {
        connected
            .database
            .execute("UPDATE credentials SET probe_at = now() WHERE probe_at IS NOT NULL")
            .await;
        if probe().await.is_none() {
            break;
        }
        probes += 1;
    }
    assert_eq!(probes, 28, "what does not come back in a day needs a person");
    connected.database.finish().await;
}

async fn invalidate(connected: &Connected, generation: i32) -> bool {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let marked = credential::invalidate(&tx, &connected.tenant, id(1), generation, "401").await.unwrap();
    tx.commit().await.unwrap();
    marked
}
