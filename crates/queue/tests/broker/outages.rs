//! Queues and connections that are not there, or not as they should be.

use std::time::Duration;

use queue::testing::TestVhost;
use queue::topology::{FETCH_LIVE, NORMALIZE_LIVE};
use queue::{BatchConsumer, Broker, Config, QueueError, declare};
use runtime::{Health, Shutdown};

use crate::stand::{BATCH, Running, to, within};

#[tokio::test]
async fn publisher_and_consumers_go_on_after_every_connection_was_cut() {
    let vhost = TestVhost::fresh().await;
    let health = Health::new();
    let broker = Broker::open(vhost.config(), "test", &health);
    let publisher = broker.publisher();
    let mut running = Running::start(&broker, &FETCH_LIVE, |_| Ok(()));
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    publisher.publish_all(vec![to(&FETCH_LIVE, "before"), to(&NORMALIZE_LIVE, "in hand")]).await.unwrap();
    assert_eq!(running.next().await.body, b"before");
    let in_hand = within(batches.next_batch(&shutdown)).await.unwrap();
    assert!(!health.is_ready(), "nobody has looked for the queues yet");
    assert!(broker.await_topology(&shutdown).await && health.is_ready());

    assert!(vhost.cut_connections(3).await >= 3);
    batches.settle(in_hand, &[Ok(())]).await; // too late: dropped without a word
    within(async { while publisher.publish(to(&FETCH_LIVE, "after")).await.is_err() {} }).await;

    while running.next().await.body != b"after" {}
    let again = within(batches.next_batch(&shutdown)).await.unwrap();
    assert_eq!((again[0].body.as_slice(), again[0].redelivered), (b"in hand".as_slice(), true));
    batches.settle(again, &[Ok(())]).await;
    assert!(health.is_ready());
    running.stop().await;
    batches.give_back().await;
    broker.close().await;
    assert!(!health.is_ready() && publisher.is_blocked(), "closed is not ready");
    vhost.finish().await;
}

#[tokio::test]
async fn declaring_again_changes_nothing_and_declaring_differently_is_an_error_that_says_what_to_do() {
    let vhost = TestVhost::fresh().await;
    declare(vhost.config()).await.unwrap();
    let other_delays = Config { ladder_scale: 0.002, ..vhost.config().clone() };
    let error = declare(&other_delays).await.unwrap_err();
    assert!(matches!(error, QueueError::Mismatch { .. }) && !error.is_transient());
    let text = error.to_string();
    assert!(text.contains("normalize.live.retry.5s") && text.contains("drain and delete it"), "{text}");
    vhost.finish().await;
}

#[tokio::test]
async fn a_queue_without_a_leader_is_named_and_takes_no_other_consumer_with_it() {
    let vhost = TestVhost::fresh().await;
    let health = Health::new();
    let broker = Broker::open(vhost.config(), "test", &health);
    broker.publisher().publish(to(&NORMALIZE_LIVE, "in hand")).await.unwrap();
    let shutdown = Shutdown::new();
    let mut healthy = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    let in_hand = within(healthy.next_batch(&shutdown)).await.unwrap();

    vhost.take_leader("fetch.live").await;
    let error = declare(vhost.config()).await.unwrap_err().to_string();
    assert!(error.starts_with("queue fetch.live cannot be used: "), "{error}");
    let mut running = Running::start(&broker, &FETCH_LIVE, |_| Ok(()));
    until_door(&health, "consuming fetch.live", |closed| {
        closed.is_some_and(|why| why.contains("INTERNAL-ERROR"))
    })
    .await;
    healthy.settle(in_hand, &[Ok(())]).await;
    broker.publisher().publish(to(&NORMALIZE_LIVE, "next")).await.unwrap();
    let next = within(healthy.next_batch(&shutdown)).await.unwrap();
    assert_eq!((next.len(), next[0].body.as_slice(), next[0].redelivered), (1, b"next".as_slice(), false));
    healthy.settle(next, &[Ok(())]).await;

    vhost.give_leader("fetch.live").await;
    until_door(&health, "consuming fetch.live", |closed| closed.is_none()).await;
    broker.publisher().publish(to(&FETCH_LIVE, "x")).await.unwrap();
    assert_eq!(running.next().await.body, b"x");
    running.stop().await;
    healthy.give_back().await;
    broker.close().await;
    vhost.finish().await;
}

/// Nobody is told of a door, so it is looked at again, within the deadline.
async fn until_door(health: &Health, name: &str, wanted: impl Fn(Option<&str>) -> bool) {
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    within(async {
        while !health.doors().get(name).is_some_and(|closed| wanted(closed.as_deref())) {
            pause.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_is_gone_closes_the_doors_of_its_consumers_until_it_is_back() {
    let vhost = TestVhost::fresh().await;
    let health = Health::new();
    let broker = Broker::open(vhost.config(), "test", &health);
    let running = Running::start(&broker, &FETCH_LIVE, |_| Ok(()));
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    let doors = ["consuming fetch.live", "consuming normalize.live"];
    let watching = async {
        for door in doors {
            until_door(&health, door, |closed| closed.is_none()).await;
        }
        vhost.delete_queue("fetch.live").await;
        vhost.delete_queue("normalize.live").await;
        for (door, queue) in doors.into_iter().zip(["'fetch.live'", "'normalize.live'"]) {
            let says = |closed: Option<&str>| closed.is_some_and(|why| why.contains(queue));
            until_door(&health, door, says).await;
        }
        declare(vhost.config()).await.unwrap();
        for door in doors {
            until_door(&health, door, |closed| closed.is_none()).await;
        }
        shutdown.begin();
    };
    let (none, ()) = within(async { tokio::join!(batches.next_batch(&shutdown), watching) }).await;
    assert!(none.is_none());
    running.stop().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_role_waits_for_the_topology_and_says_which_queue_is_missing() {
    let vhost = TestVhost::bare().await;
    let broker = vhost.broker();
    let shutdown = Shutdown::new();
    let missing = broker.depths().await.unwrap_err();
    assert!(
        missing.to_string().ends_with("run `switchboard migrate`") && missing.is_transient(),
        "{missing}"
    );
    let waiting = broker.await_topology(&shutdown);
    let declaring = async { declare(vhost.config()).await.unwrap() };
    assert!(within(async { tokio::join!(waiting, declaring).0 }).await);
    let all = broker.depths().await.unwrap();
    assert_eq!(all.len(), 5 + 5 + 3 * 5);
    assert!(all.iter().all(|depth| depth.ready == 0 && depth.consumers == 0));
    broker.close().await;
    vhost.finish().await;
}
