//! Changes of accounts, and the batches of conversations that they leave behind.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::message::ResolveBatch;
use model::{ConversationId, DeadLetterId};
use store::resolve::{self, Affected, Task};
use store::{Speaker, Store, report};

use crate::support::{CONTACT, Document, World, account, contact, conversation, import, take_in};

pub(crate) async fn fix_horizons(store: &Store) -> u64 {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let fixed = resolve::fix_horizons(&tx).await.unwrap();
    tx.commit().await.unwrap();
    fixed
}

async fn take_ripe(store: &Store, page: i64) -> Option<Affected> {
    let tx = store.begin(Speaker::Everybody).await.unwrap();
    let affected = resolve::take_ripe(&tx, page).await.unwrap();
    tx.commit().await.unwrap();
    affected
}

/// Transactions of other tests on the same server hold the horizon back as well, for a moment.
pub(crate) async fn await_ripe(store: &Store, page: i64) -> Affected {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if let Some(affected) = take_ripe(store, page).await {
            return affected;
        }
    }
    panic!("nothing becomes ripe");
}

#[tokio::test]
async fn a_change_waits_for_a_writer_that_may_have_read_the_old_accounts() {
    let world = World::new().await;
    let writer = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    take_in(&world, &writer, &Document::content("call", 1, conversation("call", "old"))).await.unwrap();
    import(&world, &[account("a", &["customer.com"])], &[]).await;
    assert_eq!(fix_horizons(world.store()).await, 1);
    assert_eq!(take_ripe(world.store(), 10).await, None, "its writer has not ended");
    writer.commit().await.unwrap();
    let affected = await_ripe(world.store(), 10).await;
    assert_eq!(affected.ids, [world.id_of("call")], "what it wrote is found");
    assert_eq!(take_ripe(world.store(), 10).await, None, "worked off");
    world.db.finish().await;
}

#[tokio::test]
async fn a_writer_of_known_records_has_its_transaction_id_before_it_reads_accounts() {
    let world = World::new().await;
    let call = Document::content("call", 1, conversation("call", "x"));
    world.take(&call).await.unwrap();
    let writer = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    take_in(&world, &writer, &call).await.unwrap();
    let resolver = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    import(&world, &[account("a", &["customer.com"])], &[]).await;
    fix_horizons(world.store()).await;
    assert_eq!(take_ripe(world.store(), 10).await, None);
    writer.rollback().await.unwrap();
    await_ripe(world.store(), 10).await;

    resolve::load_for_resolve(&resolver, &[world.id_of("call")]).await.unwrap();
    import(&world, &[account("a", &["other.com"])], &[]).await;
    fix_horizons(world.store()).await;
    assert_eq!(take_ripe(world.store(), 10).await, None, "the resolver reads accounts as well");
    resolver.rollback().await.unwrap();
    await_ripe(world.store(), 10).await;
    world.db.finish().await;
}

#[tokio::test]
async fn pages_of_a_change_hand_out_every_conversation_it_touches_once() {
    let world = World::new().await;
    let mut expected = BTreeSet::new();
    for number in 0..7 {
        let key = format!("call-{number}");
        world.take(&Document::content(&key, 1, conversation(&key, "x"))).await.unwrap();
        expected.insert(world.id_of(&key));
    }
    let mut elsewhere = conversation("elsewhere", "x");
    elsewhere.attendees.clear();
    elsewhere.linked_records.clear();
    world.take(&Document::content("elsewhere", 1, elsewhere)).await.unwrap();
    import(&world, &[account("a", &["eu.customer.com"]), account("crm-1", &[])], &[contact(CONTACT, "a")])
        .await;
    fix_horizons(world.store()).await;
    let mut handed_out = Vec::new();
    loop {
        let affected = await_ripe(world.store(), 3).await;
        handed_out.extend(affected.ids);
        if affected.last {
            break;
        }
    }
    assert_eq!(handed_out, expected.into_iter().collect::<Vec<ConversationId>>());
    world.db.finish().await;
}

/// What `wait --idle` counts.
async fn batches_to_link(world: &World) -> i64 {
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let unfinished = report::unfinished(&tx, Some(&world.tenant)).await.unwrap();
    tx.commit().await.unwrap();
    unfinished.account_changes + unfinished.batches_to_link
}

async fn take_unsent(world: &World, again_after: Duration) -> Vec<ResolveBatch> {
    let tx = world.store().begin(Speaker::Everybody).await.unwrap();
    let batches = resolve::take_unsent(&tx, again_after, 10).await.unwrap();
    tx.commit().await.unwrap();
    batches
}

#[tokio::test]
async fn a_batch_is_there_until_its_calls_are_linked_and_is_sent_again_when_it_is_lost() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    // what it left for its meeting is another story
    world.db.execute("DELETE FROM resolve_batches").await;
    assert_eq!(batches_to_link(&world).await, 0);
    import(&world, &[account("a", &["customer.com"])], &[]).await;
    assert_eq!(batches_to_link(&world).await, 1, "a change");
    fix_horizons(world.store()).await;
    await_ripe(world.store(), 10).await;
    assert_eq!(batches_to_link(&world).await, 1, "a batch");

    let patient = Duration::from_mins(1);
    let sent = take_unsent(&world, patient).await;
    let (batch, id) = (&sent[0], sent[0].batch_id.unwrap());
    assert_eq!((sent.len(), &batch.conversation_ids[..]), (1, &[world.id_of("call")][..]));
    assert!(take_unsent(&world, patient).await.is_empty(), "sent a moment ago");
    assert_eq!(take_unsent(&world, Duration::ZERO).await, sent, "taken for lost");

    let runner = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(resolve::still_wanted(&runner, id).await.unwrap(), Some(Task::LinkAndMatch));
    assert!(take_unsent(&world, Duration::ZERO).await.is_empty(), "somebody works on it");
    resolve::finish(&runner, id).await.unwrap();
    assert_eq!(batches_to_link(&world).await, 1, "until it is committed");
    runner.commit().await.unwrap();
    assert_eq!(batches_to_link(&world).await, 0);
    let second = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(resolve::still_wanted(&second, id).await.unwrap(), None, "a copy finds nothing to do");
    drop(second);
    world.db.finish().await;
}

#[tokio::test]
async fn small_batches_are_matched_together_and_one_that_died_before_alone() {
    let world = World::new().await;
    let take = async |id: &str| {
        world.take(&Document::content(id, 1, conversation(id, "x"))).await.unwrap();
    };
    let joined = async || {
        let tx = world.store().begin(Speaker::Everybody).await.unwrap();
        resolve::join_small(&tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut sent = take_unsent(&world, Duration::from_mins(1)).await;
        for batch in &mut sent {
            batch.conversation_ids.sort();
        }
        sent.sort_by_key(|batch| batch.conversation_ids.len());
        sent
    };
    let ids = |names: &[&str]| {
        let mut ids: Vec<_> = names.iter().map(|name| world.id_of(name)).collect();
        ids.sort();
        ids
    };
    for id in ["a", "b", "c"] {
        take(id).await;
    }
    let sent = joined().await;
    assert_eq!((sent.len(), &sent[0].conversation_ids), (1, &ids(&["a", "b", "c"])));
    let letter = DeadLetterId::derive("resolve", &sent[0].encode());
    let tx = world.store().begin(Speaker::Everybody).await.unwrap();
    resolve::mark_dead(&tx, sent[0].batch_id.unwrap(), letter).await.unwrap();
    assert!(resolve::reopen(&tx, letter).await.unwrap().is_some());
    tx.commit().await.unwrap();
    for id in ["d", "e"] {
        take(id).await;
    }
    let again: Vec<_> = joined().await.into_iter().map(|batch| batch.conversation_ids).collect();
    assert_eq!(again, [ids(&["d", "e"]), ids(&["a", "b", "c"])]);
    world.db.execute("DELETE FROM resolve_batches").await;

    // a hundred at a time, so that two heaps never make more than a message holds
    for count in [90, 90, 150, 20] {
        let many = format!(
            "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, relinks)
             SELECT gen_random_uuid(), '{}', array_agg(gen_random_uuid()), clock_timestamp(), false FROM generate_series(1, {count})",
            world.tenant
        );
        world.db.execute(&many).await;
    }
    let sizes: Vec<_> = joined().await.iter().map(|batch| batch.conversation_ids.len()).collect();
    assert_eq!(sizes, [20, 150, 180]);
    world.db.finish().await;
}

#[tokio::test]
async fn a_dead_batch_waits_for_a_person_and_is_sent_again_under_another_id() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    // what it left for its meeting is another story
    world.db.execute("DELETE FROM resolve_batches").await;
    import(&world, &[account("a", &["customer.com"])], &[]).await;
    fix_horizons(world.store()).await;
    await_ripe(world.store(), 10).await;
    let sent = take_unsent(&world, Duration::ZERO).await;
    let letter = DeadLetterId::derive("resolve", &sent[0].encode());
    let tx = world.store().begin(Speaker::Everybody).await.unwrap();
    resolve::mark_dead(&tx, sent[0].batch_id.unwrap(), letter).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(batches_to_link(&world).await, 0, "nothing goes on by itself");
    assert!(take_unsent(&world, Duration::ZERO).await.is_empty());

    let tx = world.store().begin(Speaker::Everybody).await.unwrap();
    assert!(resolve::reopen(&tx, letter).await.unwrap().is_some());
    assert_eq!(resolve::reopen(&tx, letter).await.unwrap(), None, "once");
    tx.commit().await.unwrap();
    let again = take_unsent(&world, Duration::from_mins(1)).await;
    assert_eq!(again[0].conversation_ids, sent[0].conversation_ids);
    assert_ne!(again[0].batch_id, sent[0].batch_id);
    world.db.finish().await;
}

#[tokio::test]
async fn what_was_just_written_is_matched_before_what_is_linked_again() {
    let world = World::new().await;
    let batches = "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, relinks)
                   SELECT gen_random_uuid(), 'acme', '{}', now() + n * interval '1 s', n < 30 FROM generate_series(1, 31) AS n";
    world.db.execute(batches).await;
    let patient = Duration::from_mins(10);
    // as many as are taken at a time of either kind
    assert_eq!(take_unsent(&world, patient).await.len(), 10 + 2, "the youngest are among them");
    assert!(take_unsent(&world, patient).await.is_empty(), "nothing of these was worked off");
    let worked_off = "DELETE FROM resolve_batches
                      WHERE batch_id IN (SELECT batch_id FROM resolve_batches WHERE relinks AND sent_at IS NOT NULL LIMIT 4)";
    world.db.execute(worked_off).await;
    assert_eq!(take_unsent(&world, patient).await.len(), 4);
    world.db.execute("UPDATE resolve_batches SET sent_at = sent_at - interval '2 minutes'").await;
    assert_eq!(take_unsent(&world, patient).await.len(), 10, "messages may have been lost");
    world.db.finish().await;
}
