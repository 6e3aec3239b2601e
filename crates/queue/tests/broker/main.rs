//! Against a real broker: what is published arrives, what fails goes where its outcome says, and nothing is lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use queue::testing::TestVhost;
use queue::topology::{FETCH_LIVE, NORMALIZE_BACKFILL, NORMALIZE_LIVE};
use queue::{
    ATTEMPTS_MAX, BatchConsumer, BatchLimits, Broker, Config, ConsumerConfig, Delivery, JobError, JobHeaders,
    Outgoing, QueueError, Source, WorkQueue, consume, declare,
};
use runtime::{Health, Shutdown};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const CONSUMER: ConsumerConfig =
    ConsumerConfig { prefetch: 4, concurrency: 2, timeout: Duration::from_secs(5) };
const BATCH: BatchLimits = BatchLimits { messages: 10, bytes: 1_000_000, linger: Duration::from_millis(200) };

type Outcome = Result<(), JobError>;

/// A consumer in the background; every delivery is told to the test.
struct Running {
    shutdown: Shutdown,
    seen: mpsc::UnboundedReceiver<Arc<Delivery>>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(broker: &Broker, source: impl Into<Source>, outcome: fn(&Delivery) -> Outcome) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let (broker, source, shutdown) = (broker.clone(), source.into(), Shutdown::new());
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let handler = move |delivery: Arc<Delivery>| {
                let sender = sender.clone();
                async move {
                    sender.send(Arc::clone(&delivery)).ok();
                    outcome(&delivery)
                }
            };
            consume(&broker, source, CONSUMER, handler, &stop).await;
        });
        Self { shutdown, seen, task }
    }

    async fn next(&mut self) -> Arc<Delivery> {
        within(self.seen.recv()).await.expect("the consumer runs")
    }

    async fn stop(self) {
        self.shutdown.begin();
        within(self.task).await.expect("the consumer ends without a panic");
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens before the deadline")
}

fn to(queue: &WorkQueue, body: &str) -> Outgoing {
    Outgoing::to_work(queue, body.as_bytes().to_vec())
}

#[tokio::test]
async fn a_published_message_arrives_with_its_body_and_headers_and_is_acked() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    assert!(broker.await_topology(&Shutdown::new()).await);
    let headers = JobHeaders { tenant: Some("acme".into()), ..JobHeaders::default() };
    let message = to(&FETCH_LIVE, "hello").with_headers(headers);
    broker.publisher().publish(message).await.unwrap();
    let mut running = Running::start(&broker, &FETCH_LIVE, |_| Ok(()));
    let delivery = running.next().await;
    assert_eq!(delivery.body, b"hello");
    assert_eq!((delivery.headers.tenant.as_deref(), delivery.headers.attempt), (Some("acme"), 0));
    assert_eq!((delivery.exchange.as_str(), delivery.routing_key.as_str()), ("fetch", "fetch.live"));
    running.stop().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn an_unroutable_message_is_an_error_unless_it_is_an_event() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let publisher = broker.publisher();
    let nowhere = Outgoing { routing_key: "nowhere".into(), ..to(&FETCH_LIVE, "x") };
    let expected = QueueError::Unroutable { exchange: "fetch".into(), routing_key: "nowhere".into() };
    assert_eq!(publisher.publish(nowhere.clone()).await, Err(expected.clone()));
    let among_good = vec![to(&FETCH_LIVE, "1"), nowhere, to(&FETCH_LIVE, "2")];
    assert_eq!(publisher.publish_all(among_good).await, Err(expected));
    publisher.publish(Outgoing::event("run.settled", "7", b"{}".to_vec())).await.unwrap();
    let no_exchange = Outgoing { exchange: "none".into(), ..to(&FETCH_LIVE, "x") };
    assert!(matches!(publisher.publish(no_exchange).await, Err(QueueError::Missing { .. })));
    publisher.publish(to(&FETCH_LIVE, "3")).await.expect("an error does not spoil what comes after");
    broker.close().await;
    vhost.discard().await;
}

#[tokio::test]
async fn an_event_says_which_it_is_and_that_it_is_json() {
    let vhost = TestVhost::fresh().await;
    vhost.tap().await;
    let broker = vhost.broker();
    broker.publisher().publish(Outgoing::event("run.settled", "0194-7", b"{}".to_vec())).await.unwrap();
    let published = vhost.tapped().await;
    for property in ["message_id: 0194-7\n", "content_type: application/json\n"] {
        assert!(published.len() == 1 && published[0].contains(property), "{published:?}");
    }
    broker.close().await;
    vhost.discard().await;
}

#[tokio::test]
async fn many_messages_are_confirmed_and_all_arrive_in_order() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let messages = (0..1000).map(|number| to(&NORMALIZE_LIVE, &number.to_string())).collect();
    broker.publisher().publish_all(messages).await.unwrap();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BatchLimits { messages: 100, ..BATCH });
    let mut arrived = Vec::new();
    while arrived.len() < 1000 {
        let batch = within(batches.next_batch(&Shutdown::new())).await.unwrap();
        assert!(batch.len() <= 100);
        arrived.extend(batch.iter().map(|delivery| String::from_utf8(delivery.body.clone()).unwrap()));
        let outcomes = vec![Ok(()); batch.len()];
        batches.settle(batch, &outcomes).await;
    }
    assert_eq!(arrived, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
    batches.give_back().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_retry_waits_in_its_delay_queue_and_comes_back_one_attempt_older() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    broker.publisher().publish(to(&NORMALIZE_LIVE, "later")).await.unwrap();
    let mut running = Running::start(&broker, &NORMALIZE_LIVE, |delivery| match delivery.headers.attempt {
        0 => Err(JobError::retry("database is away")),
        1 => Err(JobError::retry_after("still away", Duration::from_secs(6))),
        2 => Err(JobError::snooze(Duration::from_secs(1))),
        _ => Ok(()),
    });
    assert_eq!(running.next().await.headers.attempt, 0);
    let second = running.next().await;
    assert_eq!((second.headers.attempt, second.body.as_slice()), (1, b"later".as_slice()));
    assert_eq!(second.headers.error.as_deref(), Some("database is away"));
    assert_eq!(second.headers.origin_queue.as_deref(), Some("normalize.live"));
    let third = running.next().await;
    assert_eq!((third.headers.attempt, third.headers.first_failed_at), (2, second.headers.first_failed_at));
    let after_snooze = running.next().await;
    assert_eq!((after_snooze.headers.attempt, &after_snooze.headers), (2, &third.headers));
    running.stop().await; // it was snoozed once more, and comes back when nobody consumes
    vhost.take("normalize.live").await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_message_that_fails_for_good_goes_to_the_dead_letters_with_its_reason() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let raw = b"\xff\x00 not json at all".to_vec();
    broker.publisher().publish(Outgoing::to_work(&FETCH_LIVE, raw.clone())).await.unwrap();
    let running = Running::start(&broker, &FETCH_LIVE, |_| Err(JobError::undecodable("not a nudge: line 1")));
    let dead = vhost.take("fetch.live.dead").await;
    assert_eq!(dead.body, raw, "the bytes are untouched");
    let headers = dead.headers;
    assert_eq!(headers.error_class.as_deref(), Some("undecodable"));
    assert_eq!(headers.error.as_deref(), Some("not a nudge: line 1"));
    assert_eq!(headers.fingerprint.as_deref(), Some("not a nudge: line #"));
    assert_eq!(headers.origin_queue.as_deref(), Some("fetch.live"));
    assert!(headers.worker.unwrap().starts_with("test "));
    assert!(
        headers.attempt == 1 && headers.failed_at.is_some() && headers.failed_at == headers.first_failed_at
    );
    running.stop().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_message_whose_attempts_are_used_up_is_a_dead_letter() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let last = JobHeaders { attempt: ATTEMPTS_MAX - 1, ..JobHeaders::default() };
    broker.publisher().publish(to(&NORMALIZE_BACKFILL, "x").with_headers(last)).await.unwrap();
    let running = Running::start(&broker, &NORMALIZE_BACKFILL, |_| Err(JobError::retry("no luck")));
    let dead = vhost.take("normalize.backfill.dead").await;
    assert_eq!(dead.headers.error_class.as_deref(), Some("attempts-exhausted"));
    assert_eq!((dead.headers.attempt, dead.headers.error.as_deref()), (ATTEMPTS_MAX, Some("no luck")));
    running.stop().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_retried_nudge_is_acked_because_the_ledger_sends_another() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    broker.publisher().publish_all(vec![to(&FETCH_LIVE, "a"), to(&FETCH_LIVE, "b")]).await.unwrap();
    let mut running = Running::start(&broker, &FETCH_LIVE, |delivery| match delivery.body.as_slice() {
        b"a" => Err(JobError::retry("vendor is away")),
        _ => Err(JobError::snooze(Duration::from_secs(1))),
    });
    running.next().await;
    running.next().await;
    running.stop().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_panic_and_a_timeout_of_the_handler_count_as_retries() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let messages = vec![to(&NORMALIZE_LIVE, "panic"), to(&NORMALIZE_LIVE, "hang")];
    broker.publisher().publish_all(messages).await.unwrap();
    let (sender, mut seen) = mpsc::unbounded_channel();
    let handler = move |delivery: Arc<Delivery>| {
        let sender = sender.clone();
        async move {
            if delivery.headers.attempt > 0 {
                sender.send(delivery.headers.error.clone().unwrap()).unwrap();
                return Ok(());
            }
            assert_ne!(delivery.body, b"panic", "boom");
            std::future::pending().await
        }
    };
    let shutdown = Shutdown::new();
    let config = ConsumerConfig { timeout: Duration::from_millis(200), ..CONSUMER };
    let consuming = consume(&broker, &NORMALIZE_LIVE, config, handler, &shutdown);
    let watching = async {
        let mut errors = [seen.recv().await.unwrap(), seen.recv().await.unwrap()];
        errors.sort();
        shutdown.begin();
        errors
    };
    let ((), errors) = within(async { tokio::join!(consuming, watching) }).await;
    assert!(errors[0].starts_with("the handler panicked") && errors[0].contains("boom"), "{errors:?}");
    assert_eq!(errors[1], "the handler took too long");
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_batch_is_settled_message_by_message_and_acked_as_one() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let bodies = ["good", "retry", "bad", "good too"];
    let messages = bodies.iter().map(|body| to(&NORMALIZE_LIVE, body)).collect();
    broker.publisher().publish_all(messages).await.unwrap();
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    let batch = within(batches.next_batch(&shutdown)).await.unwrap();
    assert_eq!(
        batch.iter().map(|delivery| delivery.body.as_slice()).collect::<Vec<_>>(),
        bodies.map(str::as_bytes)
    );
    let outcomes = [Ok(()), Err(JobError::retry("later")), Err(JobError::fail("schema", "no title")), Ok(())];
    batches.settle(batch, &outcomes).await;
    let again = within(batches.next_batch(&shutdown)).await.unwrap();
    assert_eq!(
        (again.len(), again[0].body.as_slice(), again[0].headers.attempt),
        (1, b"retry".as_slice(), 1)
    );
    batches.settle(again, &[Ok(())]).await;
    assert_eq!(vhost.take("normalize.live.dead").await.headers.error_class.as_deref(), Some("schema"));
    shutdown.begin();
    assert!(batches.next_batch(&shutdown).await.is_none());
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_batch_that_is_not_settled_comes_again_and_a_suspect_comes_alone() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    broker.publisher().publish_all(vec![to(&NORMALIZE_LIVE, "1"), to(&NORMALIZE_LIVE, "2")]).await.unwrap();
    let shutdown = Shutdown::new();
    for returns in 0..3 {
        // Each worker takes both, and is gone before it settles them.
        let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
        let batch = within(batches.next_batch(&shutdown)).await.unwrap();
        assert_eq!(
            batch.iter().map(|delivery| delivery.headers.delivery_count).collect::<Vec<_>>(),
            [returns; 2]
        );
        batches.give_back().await;
    }
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    for body in [b"1", b"2"] {
        let batch = within(batches.next_batch(&shutdown)).await.unwrap();
        assert_eq!((batch.len(), batch[0].body.as_slice()), (1, body.as_slice()));
        batches.settle(batch, &[Ok(())]).await;
    }
    batches.give_back().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_message_that_was_returned_too_often_is_given_up_and_says_so() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let failed_before = JobHeaders { error_class: Some("retry".into()), ..JobHeaders::default() };
    broker.publisher().publish(to(&NORMALIZE_LIVE, "x").with_headers(failed_before)).await.unwrap();
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BATCH);
    for _ in 0..=20 {
        within(batches.next_batch(&shutdown)).await.unwrap();
        batches.give_back().await;
    }
    let dead = vhost.take("normalize.live.dead").await.headers;
    assert!(dead.given_up && dead.delivery_count == 0, "{dead:?}");
    assert_eq!(dead.error_class.as_deref(), Some("retry"), "an older failure, not what it died of");
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn an_unsettled_batch_is_given_back_before_the_next_so_that_its_messages_are_never_acked_unseen() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    broker.publisher().publish_all(vec![to(&NORMALIZE_LIVE, "1"), to(&NORMALIZE_LIVE, "2")]).await.unwrap();
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BatchLimits { messages: 1, ..BATCH });
    drop(within(batches.next_batch(&shutdown)).await.unwrap());
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let batch = within(batches.next_batch(&shutdown)).await.unwrap();
        bodies.push(batch[0].body.clone());
        batches.settle(batch, &[Ok(())]).await;
    }
    bodies.sort();
    assert_eq!(bodies, [b"1", b"2"]);
    batches.give_back().await;
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn large_bodies_lower_the_prefetch_and_every_message_still_arrives_once() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let large = "x".repeat(100_000);
    let messages = (0..40).map(|number| to(&NORMALIZE_LIVE, &format!("{number} {large}"))).collect();
    broker.publisher().publish_all(messages).await.unwrap();
    let shutdown = Shutdown::new();
    let mut batches = BatchConsumer::new(&broker, &NORMALIZE_LIVE, BatchLimits { bytes: 250_000, ..BATCH });
    let mut arrived = Vec::new();
    while arrived.len() < 40 {
        let batch = within(batches.next_batch(&shutdown)).await.unwrap();
        assert!(batch.iter().map(|delivery| delivery.body.len()).sum::<usize>() <= 250_000);
        arrived.extend(batch.iter().map(|delivery| {
            let (number, _) = std::str::from_utf8(&delivery.body).unwrap().split_once(' ').unwrap();
            number.parse::<u32>().unwrap()
        }));
        let outcomes = vec![Ok(()); batch.len()];
        batches.settle(batch, &outcomes).await;
    }
    arrived.sort_unstable(); // what the broker was just sending when the prefetch changed comes later
    assert_eq!(arrived, (0..40).collect::<Vec<_>>());
    batches.give_back().await;
    broker.close().await;
    vhost.finish().await;
}

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
    assert!(health.is_ready());

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
async fn a_shutdown_finishes_the_job_in_hand_and_leaves_the_rest() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    let messages = (0..3).map(|number| to(&FETCH_LIVE, &number.to_string())).collect();
    broker.publisher().publish_all(messages).await.unwrap();
    let shutdown = Shutdown::new();
    let finished = Arc::new(AtomicU32::new(0));
    let handler = {
        let (shutdown, finished) = (shutdown.clone(), Arc::clone(&finished));
        move |_| {
            let (shutdown, finished) = (shutdown.clone(), Arc::clone(&finished));
            async move {
                shutdown.begin();
                tokio::task::yield_now().await;
                finished.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }
    };
    let config = ConsumerConfig { concurrency: 1, prefetch: 3, ..CONSUMER };
    within(consume(&broker, &FETCH_LIVE, config, handler, &shutdown)).await;
    assert_eq!(finished.load(Ordering::SeqCst), 1);
    vhost.await_ready("fetch.live", 2).await;
    for _ in 0..2 {
        vhost.take("fetch.live").await;
    }
    broker.close().await;
    vhost.finish().await;
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_filed_stays_and_is_tried_again() {
    let vhost = TestVhost::fresh().await;
    let broker = vhost.broker();
    broker.publisher().publish(Outgoing::to_queue(FETCH_LIVE.dead(), b"x".to_vec())).await.unwrap();
    let filing = |delivery: &Delivery| {
        if delivery.redelivered { Ok(()) } else { Err(JobError::retry("database is away")) }
    };
    let mut running = Running::start(&broker, Source::dead(&FETCH_LIVE), filing);
    assert_eq!(running.next().await.body, b"x");
    assert_eq!(running.next().await.body, b"x");
    running.stop().await;
    broker.close().await;
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
    within(async {
        while !health.doors().get(name).is_some_and(|closed| wanted(closed.as_deref())) {
            tokio::time::sleep(Duration::from_millis(20)).await;
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
