//! What became of what was listed, by day, and what is missing.

use jiff::civil::Date;
use model::Window;
use store::report::{self, Day, Missing, What};
use store::{Speaker, StoreError};

use crate::common::Connected;

fn march() -> Window {
    let at = |text: &str| text.parse().unwrap();
    Window { from: at("2026-03-01T00:00:00Z"), to: at("2026-03-04T00:00:00Z") }
}

async fn asked(connected: &Connected) -> Result<(Vec<Day>, Vec<Missing>), StoreError> {
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await?;
    let answer = (report::days(&tx, march()).await?, report::missing(&tx, march()).await?);
    tx.commit().await?;
    Ok(answer)
}

/// A connection that has been live since the first of March, and has listed all until the fourth.
async fn live_since_march() -> Connected {
    let connected = Connected::fresh().await;
    connected
        .database
        .execute(
            "UPDATE connections SET backfill_days = 0;
             UPDATE streams SET live_from = '2026-03-01Z', bootstrapped_from = '2026-03-01Z', covered = '{[2026-03-01Z, 2026-03-05Z)}'",
        )
        .await;
    connected
}

#[tokio::test]
async fn every_record_is_counted_on_its_day_and_no_day_is_left_out() {
    let connected = live_since_march().await;
    connected
        .database
        .execute(
            "INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, first_listed_at, happened_at, stored_version,
                                 stored_hash, skipped_version, skipped_reason, dead_version, look_at, awaits_transcript)
             SELECT connection_id, key, tenant_id, 5, '2026-03-03 09:00Z', day, stored, NULL, skipped, reason, dead, look, waits
             FROM connections, (VALUES
                 ('a', '2026-03-01 23:59Z'::timestamptz, 5, NULL::int, NULL, NULL::int, NULL::timestamptz, false),
                 ('b', '2026-03-01 10:00Z', 5, NULL, NULL, NULL, '2026-03-02Z', true),
                 ('c', '2026-03-03 10:00Z', NULL, 5, 'private', NULL, NULL, false),
                 ('d', NULL, NULL, 5, 'empty', NULL, NULL, false),
                 ('e', '2026-03-03 10:00Z', NULL, NULL, NULL, 5, NULL, false),
                 ('f', '2026-03-03 10:00Z', NULL, NULL, NULL, NULL, NULL, false),
                 ('before', '2026-02-28 10:00Z', 5, NULL, NULL, NULL, NULL, false))
                 AS r (key, day, stored, skipped, reason, dead, look, waits);
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, vendor_total, listed_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', '2026-03-01Z', '2026-03-02Z',
                    'listed', 2, now() FROM connections",
        )
        .await;
    let (days, _) = asked(&connected).await.unwrap();
    let all: Vec<Option<Date>> = days.iter().map(|day| day.day).collect();
    let date = |day| Some(Date::constant(2026, 3, day));
    assert_eq!(all, [date(1), date(2), date(3)], "one of them had nothing");
    let counts: Vec<_> =
        days.iter().map(|day| (day.listed, day.stored, day.pending, day.dead, day.under_way)).collect();
    assert_eq!(counts, [(2, 1, 1, 0, 0), (0, 0, 0, 0, 0), (4, 0, 0, 1, 1)]);
    let skipped: Vec<_> = days[2].skipped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    assert_eq!(skipped, [("empty", 1), ("private", 1)]);
    let totals: Vec<_> = days.iter().map(|day| day.vendor_total).collect();
    assert_eq!(totals, [Some(2), None, None], "only a day that was fetched by itself has a total");
    connected.database.finish().await;
}

#[tokio::test]
async fn what_is_missing_is_told_with_what_will_bring_it() {
    let connected = live_since_march().await;
    connected
        .database
        .execute(
            "UPDATE streams SET covered = '{[2026-03-01Z, 2026-03-02Z), [2026-03-02 06:00Z, 2026-03-03Z), [2026-03-03 12:00Z, 2026-03-05Z)}';
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, replan_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'bootstrap', 'backfill', '2026-03-03Z', '2026-03-03 13:00Z',
                    'failed', now() + interval '1 hour' FROM connections",
        )
        .await;
    let (_, missing) = asked(&connected).await.unwrap();
    let told: Vec<_> = missing
        .iter()
        .map(|one| (one.what.clone(), one.to.duration_since(one.from).as_hours(), one.by_itself_at.is_some()))
        .collect();
    assert_eq!(
        told,
        [(What::NeverListed, 6, false), (What::NeverListed, 12, true)],
        "a failed slice comes again"
    );
    connected.database.finish().await;
}

#[tokio::test]
async fn a_list_that_was_short_is_missing_something_until_its_window_is_listed_again() {
    let connected = live_since_march().await;
    let run = |from: &str, to: &str, gap: bool, listed_at: &str| {
        format!(
            "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, vendor_total,
                                    listed, stored, gap, planned_at, listed_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', '{from}', '{to}',
                    'settled', 12, 10, 10, {gap}, '{listed_at}', '{listed_at}' FROM connections"
        )
    };
    connected.database.execute(&run("2026-03-01Z", "2026-03-03Z", true, "2026-03-05Z")).await;
    let (_, missing) = asked(&connected).await.unwrap();
    assert_eq!((&missing[0].what, missing[0].records), (&What::FewerThanCounted, 2));
    connected.database.execute(&run("2026-03-01Z", "2026-03-02Z", false, "2026-03-06Z")).await;
    let (_, missing) = asked(&connected).await.unwrap();
    assert_eq!(missing[0].from.to_string(), "2026-03-02T00:00:00Z", "half of it was listed again");
    connected.database.execute(&run("2026-03-02Z", "2026-03-03Z", false, "2026-03-06Z")).await;
    assert_eq!(asked(&connected).await.unwrap().1, []);
    connected.database.finish().await;
}

#[tokio::test]
async fn records_without_a_good_end_are_missing_until_they_have_one_or_a_person_gave_them_up() {
    let connected = live_since_march().await;
    connected
        .database
        .execute(
            "INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, happened_at, dead_version, dead_letter_id, look_at)
             SELECT connection_id, key, tenant_id, 5, '2026-03-02 10:00Z', dead, letter::uuid, look
             FROM connections, (VALUES
                 ('dead', 5, '00000000-0000-4000-8000-0000000000d1', NULL::timestamptz),
                 ('given up', 5, '00000000-0000-4000-8000-0000000000d2', NULL),
                 ('without a letter', 5, '00000000-0000-4000-8000-0000000000d3', NULL),
                 ('pending', NULL, NULL, now() + interval '1 hour'),
                 ('in hand', NULL, NULL, NULL),
                 ('lost', NULL, NULL, NULL)) AS r (key, dead, letter, look);
             INSERT INTO dead_letters (dead_letter_id, tenant_id, origin_queue, stage, error_class, error, fingerprint, body,
                                       first_failed_at, last_failed_at, state)
             VALUES ('00000000-0000-4000-8000-0000000000d1', 'acme', 'q', 'detail', 'c', 'e', 'f', '', now(), now(), 'dead'),
                    ('00000000-0000-4000-8000-0000000000d2', 'acme', 'q', 'detail', 'c', 'e', 'f', '', now(), now(), 'discarded');
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state)
             SELECT gen_random_uuid(), tenant_id, connection_id, 'conversations', 'backfill', 'backfill', '2026-03-02Z', '2026-03-03Z',
                    'listed' FROM connections;
             INSERT INTO run_items (run_id, vendor_key, tenant_id, connection_id, decision, version, hash)
             SELECT run_id, 'in hand', tenant_id, connection_id, 'published', 5, '' FROM sync_runs",
        )
        .await;
    let (_, missing) = asked(&connected).await.unwrap();
    let told: Vec<_> = missing.iter().map(|one| (one.what.as_str(), one.records)).collect();
    let group: String = connected.database.text("SELECT letter_group FROM dead_letters LIMIT 1").await;
    assert_eq!(told, [("dead", 1), ("dead", 1), ("without an outcome", 1), ("pending", 1)]);
    assert!(missing.iter().any(|one| one.what == What::Dead(Some(group.clone()))));
    assert!(missing.iter().any(|one| one.what == What::Dead(None)));
    connected.database.execute("UPDATE intake SET stored_version = 6").await;
    assert_eq!(asked(&connected).await.unwrap().1, []);
    connected.database.finish().await;
}
