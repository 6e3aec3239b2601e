//! Replays: what is frozen, what is not sent, and what became of what was.

use std::time::Duration;

use model::{ContentHash, DeadLetterId, ItemDecision, ReplayId, Share, VendorKey, Version};
use store::dead_letter::{self, LetterFilter};
use store::replay::{self, Pace, Sent, ToSend};
use store::run_checkpoint::{self, FailedDetail, Next};
use store::{Speaker, Tx, desk_action, intake, run_plan};
use uuid::Uuid;

use crate::common::{Connected, listed};
use crate::letters::{begin, file, letter};

const PACE: Pace = Pace { per_minute: 60, failures_max: 0 };

async fn ordered(tx: &Tx) -> (ReplayId, u64) {
    replay::order(tx, "ada", &LetterFilter::default(), PACE).await.unwrap()
}

/// The outcome of each letter, by its number.
async fn outcomes(tx: &Tx, id: ReplayId) -> Vec<(u128, Option<String>)> {
    let letters = replay::letters(tx, id).await.unwrap();
    letters.into_iter().map(|one| (one.id.0.as_u128(), one.outcome)).collect()
}

async fn all_sendable(tx: &Tx, id: ReplayId) -> Vec<u128> {
    let letters: Vec<ToSend> = replay::sendable(tx, id, i32::MAX, i64::MAX).await.unwrap();
    letters.iter().map(|one| one.id.0.as_u128()).collect()
}

#[tokio::test]
async fn a_set_is_frozen_and_a_letter_is_in_one_replay_until_that_is_over() {
    let connected = Connected::fresh().await;
    file(&connected, &[letter(&connected, 2, "a"), letter(&connected, 1, "a")]).await;
    let tx = begin(&connected).await;
    let (first, frozen) = ordered(&tx).await;
    assert_eq!((frozen, all_sendable(&tx, first).await), (2, vec![1, 2]), "the first to fail goes first");
    dead_letter::file(&tx, &letter(&connected, 3, "a")).await.unwrap();
    let (second, frozen) = ordered(&tx).await;
    assert_eq!((frozen, all_sendable(&tx, second).await), (1, vec![3]));
    assert_eq!(replay::cancel(&tx, first).await.unwrap(), Some(2));
    assert_eq!(replay::cancel(&tx, first).await.unwrap(), None, "once");
    assert_eq!(ordered(&tx).await.1, 2, "what was left can be chosen again");
    drop(tx);
    connected.database.finish().await;
}

#[tokio::test]
async fn what_is_superseded_blocked_or_discarded_since_is_not_sent() {
    let connected = Connected::fresh().await;
    let mut letters = [1, 2, 3, 4, 5, 6].map(|number| letter(&connected, number, "a"));
    for blocked in [2, 3, 5] {
        letters[blocked].stage = "detail".to_owned();
    }
    file(&connected, &letters).await;
    let tx = begin(&connected).await;
    // the sixth's record has died once more since
    for (call, version, letter) in [("call-3", 1, 3), ("call-6", 2, 60)] {
        let (key, hash) = (VendorKey::of(call), Some(ContentHash::of(b"row")));
        let letter = DeadLetterId(Uuid::from_u128(letter));
        intake::mark_dead(&tx, connected.id, &key, Version(version), hash, letter).await.unwrap();
    }
    tx.commit().await.unwrap();
    let stored = "INSERT INTO intake (connection_id, vendor_key, tenant_id, document_version)
                  SELECT connection_id, 'call-2', tenant_id, 2 FROM connections";
    connected.database.execute(stored).await;
    let tx = begin(&connected).await;
    let (id, _) = ordered(&tx).await;
    tx.commit().await.unwrap();
    let paused = "UPDATE connections SET paused_at = now();
                  UPDATE dead_letters SET state = 'discarded', resolved_at = clock_timestamp() WHERE vendor_key = 'call-5'";
    connected.database.execute(paused).await;

    let tx = begin(&connected).await;
    let prospects = replay::prospects(&tx, id).await.unwrap();
    let told: Vec<_> = prospects.iter().map(|one| (one.name.as_str(), one.count)).collect();
    assert_eq!(told, [("impossible", 1), ("pause", 1), ("superseded", 2), ("write", 2)]);
    replay::rule_out(&tx, id, i32::MAX).await.unwrap();
    let some = |outcome: &str| Some(outcome.to_owned());
    assert_eq!(
        outcomes(&tx, id).await,
        [
            (1, None),
            (2, some("superseded")),
            (3, some("blocked")),
            (4, some("impossible")),
            (5, some("left")),
            (6, some("superseded"))
        ]
    );
    assert_eq!(all_sendable(&tx, id).await, [1]);
    let closed = dead_letter::load(&tx, DeadLetterId(Uuid::from_u128(2))).await.unwrap().unwrap();
    assert_eq!(closed.state, "closed");
    drop(tx);
    connected.database.finish().await;
}

#[tokio::test]
async fn an_outcome_is_told_by_the_message_and_its_next_death_and_failures_stop_a_replay() {
    let connected = Connected::fresh().await;
    file(&connected, &[1, 2, 3, 4].map(|number| letter(&connected, number, "a"))).await;
    let tx = begin(&connected).await;
    let (id, _) = ordered(&tx).await;
    for (place, number) in [(0, 1), (1, 2), (2, 3)] {
        let filed = dead_letter::load(&tx, DeadLetterId(Uuid::from_u128(number))).await.unwrap().unwrap();
        replay::sent(&tx, id, place, Sent::Message(filed.next_replay())).await.unwrap();
        assert!(dead_letter::sent_again(&tx, &filed).await.unwrap());
    }
    replay::note_outcomes(&tx).await.unwrap();
    assert!(outcomes(&tx, id).await.iter().all(|(_, outcome)| outcome.is_none()), "all are under way");

    dead_letter::settle_replays(&tx, &[(DeadLetterId(Uuid::from_u128(1)), 1)]).await.unwrap();
    for (number, fingerprint) in [(2, "a"), (3, "b")] {
        let mut again = letter(&connected, number, fingerprint);
        again.headers = serde_json::json!({ "replayed": 1 });
        assert!(dead_letter::file(&tx, &again).await.unwrap());
    }
    replay::note_outcomes(&tx).await.unwrap();
    let some = |outcome: &str| Some(outcome.to_owned());
    assert_eq!(
        outcomes(&tx, id).await,
        [(1, some("succeeded")), (2, some("failed-same")), (3, some("failed-other")), (4, None)]
    );

    let turn = replay::take_turn(&tx, id).await.unwrap().expect("its turn");
    assert_eq!((turn.first_open, turn.failures, turn.may_send), (Some(3), 2, true));
    for letters in [1, 0] {
        replay::pause_after(&tx, id, letters).await.unwrap();
    }
    assert!(!replay::take_turn(&tx, id).await.unwrap().expect("its turn").may_send, "one a second");
    assert!(replay::stop(&tx, id, "two failed").await.unwrap());
    assert_eq!(replay::take_turn(&tx, id).await.unwrap(), None, "not while it is stopped");
    assert!(replay::resume(&tx, id).await.unwrap());
    let turn = replay::take_turn(&tx, id).await.unwrap().expect("its turn");
    assert_eq!(turn.failures, 0, "what a person has seen is accepted");
    assert!(!replay::finish(&tx, id).await.unwrap(), "one is left");
    drop(tx);
    connected.database.finish().await;
}

#[tokio::test]
async fn one_process_at_a_time_takes_the_turn() {
    let connected = Connected::fresh().await;
    file(&connected, &[letter(&connected, 1, "a")]).await;
    let tx = begin(&connected).await;
    let (id, _) = ordered(&tx).await;
    tx.commit().await.unwrap();
    let (one, other) = (begin(&connected).await, begin(&connected).await);
    assert!(replay::take_turn(&one, id).await.unwrap().is_some());
    assert_eq!(replay::take_turn(&other, id).await.unwrap(), None);
    one.rollback().await.unwrap();
    assert!(replay::take_turn(&other, id).await.unwrap().is_some(), "whoever died holds nothing");
    drop(other);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_replay_that_ended_long_ago_is_forgotten_and_what_was_done_about_letters_is_not() {
    let connected = Connected::fresh().await;
    file(&connected, &[letter(&connected, 1, "a"), letter(&connected, 2, "a")]).await;
    let tx = begin(&connected).await;
    let (old, letters) = ordered(&tx).await;
    assert_eq!(letters, 2);
    desk_action::record(&tx, "ada", "replay", &serde_json::json!({}), letters, None).await.unwrap();
    let open = replay::open(&tx).await.unwrap();
    assert_eq!((open.len(), open[0].id, open[0].wave, open[0].unsent), (1, old, Some(1), 2));
    replay::sent(&tx, old, 0, Sent::Look).await.unwrap();
    replay::decide(&tx, old, 0, "succeeded", "it went").await.unwrap();
    assert_eq!(replay::open(&tx).await.unwrap()[0].wave, Some(2));
    replay::sent(&tx, old, 1, Sent::Look).await.unwrap();
    assert_eq!(replay::cancel(&tx, old).await.unwrap(), Some(0));
    assert!(replay::open(&tx).await.unwrap().is_empty());
    assert_eq!(replay::sweep(&tx, Duration::ZERO).await.unwrap(), 0, "something is under way");
    replay::decide(&tx, old, 1, "succeeded", "it went").await.unwrap();
    tx.commit().await.unwrap();
    let tx = begin(&connected).await;
    assert_eq!(replay::sweep(&tx, Duration::from_hours(1)).await.unwrap(), 0, "not so long ago");
    assert_eq!(replay::sweep(&tx, Duration::ZERO).await.unwrap(), 1);
    assert!(replay::list(&tx, None, 9).await.unwrap().is_empty() && outcomes(&tx, old).await.is_empty());
    assert_eq!(desk_action::list(&tx, None, 9).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    connected.database.finish().await;
}

#[tokio::test]
async fn every_attempt_at_a_replayed_look_is_the_replays_and_spends_its_share() {
    let connected = Connected::fresh().await;
    let known = "INSERT INTO intake (connection_id, vendor_key, tenant_id, look_at, look_reason)
                 SELECT connection_id, 'k', 'acme', now(), 'replayed' FROM connections";
    connected.database.execute(known).await;
    for attempt in 1..=3 {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        assert_eq!(run_plan::plan_follow_ups(&tx, 10, 10).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let run = connected.start_and_claim().await;
        assert_eq!(run.share, Share::Replay, "attempt {attempt}");
        let failed = FailedDetail {
            key: VendorKey::of("k"),
            version: Version(attempt),
            hash: ContentHash::of(b"k"),
            class: "vendor-transient".to_owned(),
            reason: "HTTP 500".to_owned(),
            attempts: i32::try_from(attempt).unwrap(),
            look_after: Some(Duration::ZERO),
            letter: None,
        };
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let page = [listed("k", attempt, ItemDecision::Pending)];
        let end = Next::End { total: None };
        run_checkpoint::checkpoint(&tx, &run, &page, &[failed], &end).await.unwrap();
        tx.commit().await.unwrap();
    }
    connected.database.finish().await;
}
