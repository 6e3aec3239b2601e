//! The circuit of a vendor's account: what opens it, what goes through, and how it closes.

use std::time::Duration;

use crate::common::{Connected, account};
use model::{ParkCause, RunKind, Share, Stream, Vendor, Window};
use store::budget::{self, CircuitProbe, Noted, Permit, Request, Reservation};
use store::{Speaker, Store, connection, report, run_plan};

const VENDOR: Vendor = Vendor::Attention;

async fn reserve(store: &Store, past_circuit: bool, ended: &[Permit]) -> Reservation {
    let (wait_max, lease, account) = (Duration::from_mins(1), Duration::from_mins(1), &account());
    let request =
        Request { vendor: VENDOR, account, share: Share::Live, wait_max, lease, ended, past_circuit };
    budget::reserve(store, &request).await.unwrap()
}

async fn fail(store: &Store) -> Noted {
    budget::note_failure(store, VENDOR, &account(), "HTTP 503").await.unwrap()
}

async fn take_probe(store: &Store) -> Option<CircuitProbe> {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let probe = budget::take_probe(&tx).await.unwrap();
    tx.commit().await.unwrap();
    probe
}

async fn probe_failed(store: &Store, wait: Duration) -> bool {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let news = budget::keep_circuit_open(&tx, VENDOR, &account(), "HTTP 503", wait).await.unwrap();
    tx.commit().await.unwrap();
    news
}

async fn close(store: &Store) -> bool {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let away_since = budget::close_circuit(&tx, VENDOR, &account()).await.unwrap();
    tx.commit().await.unwrap();
    away_since.is_some()
}

async fn blocked(store: &Store) -> Option<ParkCause> {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    connection::list(&tx).await.unwrap()[0].blocked
}

#[tokio::test]
async fn three_failures_without_an_answer_between_keep_everybody_but_one_probe_from_asking() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    assert_eq!([fail(store).await, fail(store).await], [Noted::Asked; 2]);
    budget::note_answer(store, VENDOR, &account()).await.unwrap();
    assert_eq!([fail(store).await, fail(store).await], [Noted::Asked; 2]);
    assert!(take_probe(store).await.is_none());
    let Reservation::Granted(before) = reserve(store, false, &[]).await else { panic!("not open yet") };
    assert!(before.after_trouble, "whose answer is to be noted");
    assert_eq!([fail(store).await, fail(store).await], [Noted::Opened, Noted::Open]);

    assert!(matches!(reserve(store, false, &[]).await, Reservation::Closed(_)));
    assert!(budget::is_closed(store, &before).await.unwrap(), "nor is a slot used that was reserved before");
    assert_eq!(blocked(store).await, None, "nobody knows yet whose fault it is");
    let probe = take_probe(store).await.expect("a probe");
    assert_eq!((probe.probe.connection_id, probe.record, probe.failed), (connected.id, None, 0));
    assert!(take_probe(store).await.is_none(), "one at a time");
    let Reservation::Granted(through) = reserve(store, true, &[before]).await else {
        panic!("it goes through")
    };
    assert!(!budget::is_closed(store, &through).await.unwrap());
    budget::note_answer(store, VENDOR, &account()).await.unwrap();
    assert!(matches!(reserve(store, false, &[]).await, Reservation::Closed(_)), "a straggler opens nothing");

    assert!(!close(store).await, "the vendor was there");
    let full =
        "SELECT count(*) FROM vendor_budgets WHERE easing IS NULL AND failures = 0 AND probe_at IS NULL";
    assert_eq!(connected.number(full).await, 1, "all is as before");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_vendor_that_is_away_parks_its_work_and_comes_back_one_request_after_the_other() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    budget::set_limits(&tx, VENDOR, &account(), 1000.0, 3).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..3 {
        fail(store).await;
    }
    take_probe(store).await.expect("a probe");
    assert!(probe_failed(store, Duration::from_mins(5)).await, "which is news");
    assert_eq!(blocked(store).await, Some(ParkCause::VendorDown));
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let away = report::pulses(&tx).await.unwrap().remove(0).away.expect("away");
    assert_eq!((away.failures, away.reason.as_str()), (4, "HTTP 503"));
    assert!(away.probe_at.duration_since(away.since).as_secs() > 200);
    assert_eq!(report::accounts_busy(&tx).await.unwrap()[0].away, 1);
    tx.commit().await.unwrap();
    assert!(take_probe(store).await.is_none(), "not before its time");
    connected.database.execute("UPDATE vendor_budgets SET probe_at = now()").await;
    assert_eq!(take_probe(store).await.expect("the next").failed, 1);
    assert!(!probe_failed(store, Duration::ZERO).await, "no news");

    assert_eq!(take_probe(store).await.expect("the next").failed, 2);
    assert!(close(store).await, "it was away");
    assert_eq!(blocked(store).await, None);
    let Reservation::Granted(first) = reserve(store, false, &[]).await else { panic!("one may be asked") };
    assert!(first.after_trouble);
    assert!(matches!(reserve(store, false, &[]).await, Reservation::NotBefore(_)), "and no second");
    assert_eq!(fail(store).await, Noted::Opened, "one failure is enough now");
    assert_eq!(take_probe(store).await.expect("a probe").failed, 2, "and the waits go on growing");
    assert!(probe_failed(store, Duration::ZERO).await && close(store).await);

    let mut ended = first;
    for may_be_out in 1..3 {
        let mut out = Vec::new();
        for _ in 0..may_be_out {
            match reserve(store, false, &[ended.clone()]).await {
                Reservation::Granted(permit) => out.push(permit),
                other => panic!("{may_be_out} may be out: {other:?}"),
            }
        }
        assert!(matches!(reserve(store, false, &[]).await, Reservation::NotBefore(_)), "{may_be_out}");
        budget::release(store, &out).await.unwrap();
        budget::note_answer(store, VENDOR, &account()).await.unwrap();
        ended = out.remove(0);
    }
    let full = "SELECT count(*) FROM vendor_budgets WHERE easing IS NULL AND probes = 0";
    assert_eq!(connected.number(full).await, 1, "as many as ever");
    connected.database.finish().await;
}

#[tokio::test]
async fn what_was_parked_is_released_as_gradually_as_the_vendor_is_asked() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let now = run_plan::database_now(&tx).await.unwrap();
    let window = Window { from: now - jiff::SignedDuration::from_hours(1), to: now };
    for _ in 0..4 {
        let (tenant, id, kind) = (&connected.tenant, connected.id, RunKind::Backfill);
        run_plan::plan(&tx, tenant, id, Stream::Conversations, kind, window).await.unwrap();
    }
    tx.commit().await.unwrap();
    let parked = "UPDATE sync_runs SET state = 'parked', parked_cause = 'vendor-down'";
    connected.database.execute(parked).await;
    connected.database.execute("UPDATE vendor_budgets SET away_since = now(), probe_at = now()").await;
    let release = async || {
        let tx = store.begin(Speaker::Everybody).await.unwrap();
        let released = run_plan::release_unblocked(&tx, 200).await.unwrap();
        tx.commit().await.unwrap();
        released
    };
    assert_eq!(release().await, 0);
    assert!(close(store).await);
    assert_eq!((release().await, release().await), (1, 1));
    connected.database.execute("UPDATE vendor_budgets SET easing = NULL").await;
    assert_eq!(release().await, 2);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_circuit_that_nobody_can_ask_through_is_closed() {
    let connected = Connected::fresh().await;
    let store = connected.store();
    for _ in 0..3 {
        fail(store).await;
    }
    connected.database.execute("UPDATE connections SET paused_at = now()").await;
    assert!(take_probe(store).await.is_none());
    assert!(matches!(reserve(store, false, &[]).await, Reservation::Granted(_)));
    connected.database.finish().await;
}
