//! Messages in batches, and what is returned.

use queue::testing::TestVhost;
use queue::topology::NORMALIZE_LIVE;
use queue::{BatchConsumer, BatchLimits, JobError, JobHeaders};
use runtime::Shutdown;

use crate::stand::{BATCH, to, within};

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
