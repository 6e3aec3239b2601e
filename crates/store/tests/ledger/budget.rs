//! Budgets: slots in time, requests in flight, closures.

use std::time::Duration;

use crate::common::{Connected, account};
use model::{Share, Vendor};
use store::budget::{self, Permit, Request, Reservation};
use store::{Speaker, Store};

const LEASE: Duration = Duration::from_mins(1);

async fn reserve(store: &Store, wait_max: Duration) -> Reservation {
    reserve_of(store, Share::Live, wait_max, &[]).await
}

async fn reserve_of(store: &Store, share: Share, wait_max: Duration, ended: &[Permit]) -> Reservation {
    let (vendor, account) = (Vendor::Attention, &account());
    let request = Request { vendor, account, share, wait_max, lease: LEASE, ended, past_circuit: false };
    budget::reserve(store, &request).await.unwrap()
}

async fn granted(store: &Store) -> Permit {
    match reserve(store, Duration::from_mins(1)).await {
        Reservation::Granted(permit) => permit,
        other => panic!("expected a slot: {other:?}"),
    }
}

async fn allow(store: &Store, rate: f64, in_flight: i32) {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    budget::set_limits(&tx, Vendor::Attention, &account(), rate, in_flight).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn slots_of_many_workers_are_apart_so_that_no_second_holds_more_than_allowed() {
    let connected = Connected::fresh().await;
    allow(connected.store(), 5.0, 100).await;
    let permits = futures::future::join_all((0..20).map(|_| granted(connected.store()))).await;
    let mut at: Vec<i64> = permits.iter().map(|permit| permit.version.0).collect();
    at.sort_unstable();
    let lateness = i64::try_from(budget::LATENESS_MAX.as_micros()).unwrap();
    // the first of six as late as it may be, the sixth on time: more than a second apart all the same
    assert!(at.windows(6).all(|six| six[5] - six[0] > 1_000_000 + lateness), "{at:?}");
    assert!(at.windows(2).all(|two| two[0] < two[1]), "versions are unique");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_faster_rate_is_not_waited_for_at_the_one_it_replaces() {
    let connected = Connected::fresh().await;
    allow(connected.store(), 0.1, 9).await;
    let first = granted(connected.store()).await;
    budget::hasten(connected.store(), Vendor::Attention, &account(), 20.0).await.unwrap();
    let second = granted(connected.store()).await;
    assert!(second.version.0 - first.version.0 >= 50_000, "a twentieth of a second apart all the same");
    let far = reserve(connected.store(), Duration::from_secs(5)).await;
    assert!(matches!(far, Reservation::NotBefore(_)), "the limit is what it was: {far:?}");
    // the third is promised ten seconds from here, and stays
    let third = granted(connected.store()).await;
    allow(connected.store(), 20.0, 9).await;
    let fourth = granted(connected.store()).await;
    assert!(fourth.version.0 - third.version.0 >= 50_000, "after the one that was promised");
    assert!(fourth.version.0 - third.version.0 < 1_000_000, "and not ten seconds later");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_far_slot_and_a_crowded_account_reserve_nothing() {
    let connected = Connected::fresh().await;
    allow(connected.store(), 0.5, 2).await;
    granted(connected.store()).await;
    let far = reserve(connected.store(), Duration::from_millis(500)).await;
    assert!(matches!(far, Reservation::NotBefore(wait) if wait > Duration::from_secs(1)), "{far:?}");
    allow(connected.store(), 1000.0, 2).await;
    let second = granted(connected.store()).await;
    let crowded = reserve(connected.store(), Duration::from_mins(1)).await;
    assert!(matches!(crowded, Reservation::NotBefore(_)), "two in flight: {crowded:?}");
    budget::release(connected.store(), &[second]).await.unwrap();
    granted(connected.store()).await;
    connected.database.execute("UPDATE vendor_budgets SET in_flight_until = '{epoch,epoch}'").await;
    granted(connected.store()).await;
    connected.database.finish().await;
}

#[tokio::test]
async fn what_has_ended_makes_room_for_the_request_that_says_so_and_is_given_back_even_if_that_is_refused() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    allow(store, 1000.0, 1).await;
    let first = granted(store).await;
    let ask = async |wait_max, ended: &[Permit]| reserve_of(store, Share::Live, wait_max, ended).await;
    let Reservation::Granted(second) = ask(LEASE, &[first]).await else { panic!("its place was free") };
    let far = "UPDATE vendor_budgets SET next_slot_at = clock_timestamp() + interval '1 hour'";
    connected.database.execute(far).await;
    assert!(matches!(ask(Duration::ZERO, &[second]).await, Reservation::NotBefore(_)));
    let held = "SELECT cardinality(in_flight_until)::bigint FROM vendor_budgets";
    assert_eq!(connected.database.number(held).await, 0);
    connected.database.finish().await;
}

#[tokio::test]
async fn of_many_workers_that_ask_at_once_no_more_are_let_in_than_may_be_in_flight() {
    let connected = Connected::fresh().await;
    allow(connected.store(), 10_000.0, 3).await;
    for _ in 0..10 {
        let asked = futures::future::join_all((0..8).map(|_| reserve(connected.store(), LEASE))).await;
        let permits: Vec<Permit> = asked
            .into_iter()
            .filter_map(|reservation| match reservation {
                Reservation::Granted(permit) => Some(permit),
                _ => None,
            })
            .collect();
        assert_eq!(permits.len(), 3);
        budget::release(connected.store(), &permits).await.unwrap();
    }
    connected.database.finish().await;
}

#[tokio::test]
async fn a_refusal_closes_the_account_for_as_long_as_the_vendor_says_or_ever_longer() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    let close = async |wait| budget::close(store, Vendor::Attention, &account(), wait, "429").await.unwrap();
    assert!(close(Some(Duration::from_secs(30))).await > Duration::from_secs(29));
    assert!(
        matches!(reserve(store, LEASE).await, Reservation::Closed(wait) if wait > Duration::from_secs(29))
    );
    let shorter = close(Some(Duration::from_secs(1))).await;
    assert!(shorter > Duration::from_secs(29), "a shorter wait does not open it sooner");
    let open = "UPDATE vendor_budgets SET closed_until = 'epoch'";
    let mut before = Duration::ZERO;
    for _ in 0..5 {
        connected.database.execute(open).await;
        let closed = close(None).await;
        assert!(closed > before, "{closed:?} after {before:?}");
        before = closed;
    }
    connected.database.execute(open).await;
    budget::note_answer(store, Vendor::Attention, &account()).await.unwrap();
    assert!(close(None).await < Duration::from_secs(4), "an answer forgets the refusals");
    connected.database.finish().await;
}

/// What a share gets of an account: how many requests of at most `most`, and how long it then waits.
async fn spend(store: &Store, share: Share, most: usize) -> (usize, Option<Duration>) {
    let mut granted = 0;
    while granted < most {
        match reserve_of(store, share, Duration::from_mins(1), &[]).await {
            Reservation::Granted(_) => granted += 1,
            Reservation::Closed(wait) => return (granted, Some(wait)),
            Reservation::NotBefore(_) => {}
        }
    }
    (granted, None)
}

async fn allow_a_day(store: &Store, requests: Option<i32>) {
    allow(store, 1000.0, 1000).await;
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    budget::set_day_limit(&tx, Vendor::Attention, &account(), requests).await.unwrap();
    tx.commit().await.unwrap();
}

async fn tell(store: &Store, used: i32, limit: i32) {
    budget::tell_day(store, Vendor::Attention, &account(), used, limit).await.unwrap();
}

const AN_HOUR_LATER: &str = "UPDATE vendor_budgets SET day_told_at = day_told_at - interval '1 hour'";

#[tokio::test]
async fn what_other_programs_use_of_the_day_shrinks_what_is_left_of_ours_and_of_backfills_first() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    allow_a_day(store, Some(20)).await;
    tell(store, 50, 100).await;
    assert_eq!(spend(store, Share::Backfill, 5).await, (5, None), "there is enough for all");

    // seven are left for everybody, of which a fifth of our day is live work's
    tell(store, 93, 100).await;
    let (granted, wait) = spend(store, Share::Backfill, 5).await;
    assert_eq!(granted, 3, "what is asked for counts at once");
    assert!(wait.is_some_and(|wait| wait <= Duration::from_mins(30)), "it is asked for again soon: {wait:?}");
    assert_eq!(spend(store, Share::FollowUp, 1).await.0, 0);
    assert_eq!(spend(store, Share::Live, 9).await.0, 4, "all that is left");
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let told = budget::days_told(&tx).await.unwrap();
    assert_eq!((told[0].used, told[0].limit), (100, 100));
    let left = budget::shares(&tx).await.unwrap();
    assert!(left.iter().all(|one| one.left == 0 && one.more_at.is_some()), "{left:?}");
    tx.commit().await.unwrap();

    // whatever a vendor says, it stops nothing for longer than that
    tell(store, i32::MAX, i32::MAX).await;
    assert_eq!(spend(store, Share::Live, 1).await.0, 0);
    // what was said long ago says nothing of now; and what others used comes back
    connected.database.execute(AN_HOUR_LATER).await;
    assert_eq!(spend(store, Share::Live, 1).await, (1, None));
    tell(store, 99, 100).await;
    assert_eq!(spend(store, Share::Live, 5).await.0, 1);
    tell(store, 12, 100).await;
    assert_eq!(spend(store, Share::Backfill, 5).await.0, 2, "half of our own day, as ever");
    assert_eq!(spend(store, Share::Live, 9).await.0, 4, "and no more than our own day");
    connected.database.finish().await;
}

#[tokio::test]
async fn an_account_without_a_limit_of_ours_gives_way_when_its_vendor_says_that_little_is_left() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    allow_a_day(store, None).await;
    tell(store, 10, 100).await;
    assert_eq!(
        spend(store, Share::Backfill, 60).await,
        (60, None),
        "there is no share of what is not limited"
    );
    let (granted, wait) = spend(store, Share::Backfill, 60).await;
    assert_eq!(granted, 10, "a fifth of the day is live work's");
    assert!(wait.is_some_and(|wait| wait <= Duration::from_mins(30)), "{wait:?}");
    assert_eq!(spend(store, Share::Live, 60).await.0, 20);
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    assert!(budget::shares(&tx).await.unwrap().is_empty(), "nothing of ours is counted by the day");
    tx.commit().await.unwrap();
    connected.database.execute(AN_HOUR_LATER).await;
    assert_eq!(spend(store, Share::Backfill, 60).await, (60, None));
    connected.database.finish().await;
}

#[tokio::test]
async fn a_backfill_ends_at_its_share_of_the_day_and_live_work_has_what_is_left_of_it() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    allow_a_day(store, Some(20)).await;
    let spend = async |share| spend(store, share, 100).await;
    let (backfill, wait) = spend(Share::Backfill).await;
    assert_eq!(backfill, 10, "half of the day");
    let wait = wait.expect("the end of its share");
    assert!(wait > Duration::from_hours(23) && wait <= Duration::from_hours(25), "{wait:?}");
    assert_eq!(spend(Share::Replay).await.0, 2);
    assert_eq!(spend(Share::Live).await.0, 8, "all that is left");
    assert_eq!(spend(Share::FollowUp).await.0, 0, "the day is spent");
    connected.database.execute("UPDATE vendor_hours SET hour = hour - interval '25 hours'").await;
    assert_eq!(spend(Share::FollowUp).await.0, 4, "another day");
    connected.database.finish().await;
}
