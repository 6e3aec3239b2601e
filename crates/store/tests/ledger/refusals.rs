//! Refused keys: one bad key, or the vendor's outage.

use std::time::Duration;

use crate::common::Connected;
use model::{ConnectionId, Vendor};
use store::{Speaker, credential, outbox};
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
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    credential::note_refused(&tx, id(number), 1).await.unwrap();
    tx.commit().await.unwrap();
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let outage = credential::is_outage(&tx, Vendor::Attention, id(number), WAIT).await.unwrap();
    if !outage {
        credential::invalidate(&tx, &connected.tenant, id(number), 1, "401").await.unwrap();
        credential::plan_probe(&tx, id(number), 1, WAIT).await.unwrap();
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
async fn a_few_keys_are_held_for_half_an_hour_and_many_for_as_long_as_it_lasts() {
    for (refused, marked) in [(3, true), (6, false)] {
        let connected = fleet(refused).await;
        for number in 1..=u128::from(refused) {
            refuse(&connected, number).await;
        }
        let later = "UPDATE credentials SET refused_since = refused_since - interval '31 minutes'";
        connected.database.execute(later).await;
        assert_eq!(refuse(&connected, 2).await, marked, "{refused} refused");
        connected.database.finish().await;
    }
}

#[tokio::test]
async fn a_marked_key_is_probed_ever_more_rarely_and_restored_with_at_most_one_event_each() {
    let connected = fleet(1).await;
    let probe = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let probe = credential::take_probe(&tx, WAIT).await.unwrap();
        tx.commit().await.unwrap();
        probe
    };
    let due = "UPDATE credentials SET probe_at = now()";
    for _ in 0..2 {
        assert!(refuse(&connected, 1).await);
        assert_eq!(probe().await, None, "not at once");
        connected.database.execute(due).await;
        assert_eq!(probe().await.map(|probe| (probe.connection_id, probe.generation)), Some((id(1), 1)));
        assert_eq!(probe().await, None, "the next one is later");
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        assert!(credential::restore(&tx, &connected.tenant, id(1), 1).await.unwrap());
        assert!(!credential::restore(&tx, &connected.tenant, id(1), 1).await.unwrap(), "once");
        let kinds: Vec<String> =
            outbox::after(&tx, 0, 10).await.unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["credential.invalidated", "credential.restored"]);
        tx.commit().await.unwrap();
    }
    assert!(refuse(&connected, 1).await);
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
