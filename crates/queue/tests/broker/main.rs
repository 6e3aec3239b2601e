//! Against a real broker: what is published arrives, what fails goes where its outcome says, and nothing is lost on the way.

mod batches;
mod outages;
mod stand;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use queue::testing::TestVhost;
use queue::topology::{FETCH_LIVE, NORMALIZE_BACKFILL, NORMALIZE_LIVE};
use queue::{
    ATTEMPTS_MAX, BatchConsumer, BatchLimits, ConsumerConfig, Delivery, JobError, JobHeaders, Outgoing,
    QueueError, Source, consume,
};
use runtime::Shutdown;
use tokio::sync::mpsc;

use stand::{BATCH, CONSUMER, Running, to, within};

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
