//! The ledger: planning, claims, checkpoints, parking, settling.

use std::time::Duration;

use crate::common::{Connected, listed, save_credential};
use model::{ItemDecision, ParkCause, RunKind, RunState, Stream, Window};
use store::run::{RunFilter, Sums};
use store::run_checkpoint::{Checkpointed, Next, checkpoint};
use store::run_claim::Deferral;
use store::{Speaker, connection, credential, outbox, report, run, run_claim, run_plan, run_settle};

const LEASE: Duration = Duration::from_mins(1);

async fn plan_periodic(connected: &Connected) -> u64 {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let planned = run_plan::plan_periodic(&tx, 100).await.unwrap();
    tx.commit().await.unwrap();
    planned
}

/// Plans one day of the history.
async fn plan_slice(connected: &Connected) {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let to = run_plan::database_now(&tx).await.unwrap();
    let window = Window { from: to - jiff::SignedDuration::from_hours(24), to };
    let (tenant, stream) = (&connected.tenant, Stream::Conversations);
    run_plan::plan(&tx, tenant, connected.id, stream, RunKind::Bootstrap, window).await.unwrap();
    tx.commit().await.unwrap();
}

async fn runs(connected: &Connected) -> Vec<run::Run> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let runs = run::list(&tx, &RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
    tx.commit().await.unwrap();
    runs
}

#[tokio::test]
async fn two_schedulers_plan_a_due_stream_once() {
    let connected = Connected::fresh().await;
    let (one, other) = tokio::join!(plan_periodic(&connected), plan_periodic(&connected));
    assert_eq!(one + other, 1);
    connected.database.execute("UPDATE streams SET due_at = now()").await;
    assert_eq!(plan_periodic(&connected).await, 0, "one periodic run is open already");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_periodic_window_reaches_back_over_an_outage_and_over_a_gap_that_a_manual_sync_left() {
    let connected = Connected::fresh().await;
    // connected ten days ago, covered until five days ago, and a sync by hand of yesterday
    connected
        .database
        .execute(
            "UPDATE streams SET live_from = now() - interval '10 days', covered = tstzmultirange(
                 tstzrange(now() - interval '10 days', now() - interval '5 days'),
                 tstzrange(now() - interval '2 days', now() - interval '1 day'))",
        )
        .await;
    plan_periodic(&connected).await;
    let window = runs(&connected).await[0].window;
    let hours = window.to.duration_since(window.from).as_hours();
    assert_eq!(hours, 5 * 24, "from the oldest gap, not from the lookback");
    connected.database.finish().await;
}

async fn history_due(connected: &Connected) -> Vec<i64> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let due = run_plan::take_history_due(&tx, 100).await.unwrap();
    tx.commit().await.unwrap();
    due.iter().map(|history| history.window.to.duration_since(history.window.from).as_hours() / 24).collect()
}

#[tokio::test]
async fn a_history_is_planned_once_and_again_for_what_a_longer_one_adds() {
    let connected = Connected::fresh().await;
    connected.database.execute("UPDATE connections SET backfill_days = 30").await;
    assert_eq!(history_due(&connected).await, [30]);
    assert_eq!(history_due(&connected).await, [] as [i64; 0]);
    // as a program of any version says it that connects once more
    connected.database.execute("UPDATE connections SET backfill_days = 30").await;
    assert_eq!(history_due(&connected).await, [] as [i64; 0], "nothing was changed");
    connected.database.execute("UPDATE connections SET backfill_days = 70").await;
    assert_eq!(history_due(&connected).await, [40]);
    connected.database.execute("UPDATE connections SET backfill_days = 10").await;
    assert_eq!(history_due(&connected).await, [] as [i64; 0], "what is covered stays so");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_step_is_claimed_once_and_moves_once() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    let run = connected.start_and_claim().await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert!(run_claim::claim(&tx, run.id, run.step, "other", LEASE).await.unwrap().is_none(), "a live claim");
    let page = [listed("a", 1, ItemDecision::Published)];
    let moved = checkpoint(&tx, &run, &page, &[], &Next::Page(2)).await.unwrap();
    assert_eq!(moved, Checkpointed::At(model::Step(run.step.0 + 1), Duration::ZERO));
    let again = checkpoint(&tx, &run, &page, &[], &Next::Page(2)).await.unwrap();
    assert_eq!(again, Checkpointed::Passed, "a second worker with the same step writes nothing");
    assert!(
        run_claim::claim(&tx, run.id, run.step, "other", LEASE).await.unwrap().is_none(),
        "an old nudge is void"
    );
    tx.commit().await.unwrap();
    assert_eq!(connected.number("SELECT count(*) FROM run_items").await, 1);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_lost_nudge_comes_again_and_a_fresh_one_does_not() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    run_plan::start_planned(&tx, 100).await.unwrap();
    let again = Duration::from_secs(30);
    assert_eq!(run_plan::take_nudges(&tx, again, 100).await.unwrap().len(), 1);
    assert_eq!(run_plan::take_nudges(&tx, again, 100).await.unwrap().len(), 0);
    tx.commit().await.unwrap();
    connected.database.execute("UPDATE sync_runs SET nudged_at = now() - interval '61 s'").await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_plan::take_nudges(&tx, again, 100).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    connected.database.finish().await;
}

async fn work_of(connected: &Connected, queue: &str) -> Option<(Option<i64>, bool)> {
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let work = report::queue_work(&tx).await.unwrap();
    tx.commit().await.unwrap();
    // an hour is older than anything a test brings about by itself
    let is_old = |seconds: i64| seconds > 3600;
    work.iter().find(|one| one.queue == queue).map(|one| (one.in_hand, one.oldest_s.is_some_and(is_old)))
}

#[tokio::test]
async fn a_queue_is_as_old_as_its_oldest_nudge_or_document_that_nobody_has_worked_off() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    assert_eq!(work_of(&connected, "fetch.live").await, None, "nothing was nudged");
    let nudge = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        run_plan::start_planned(&tx, 100).await.unwrap();
        let nudges = run_plan::take_nudges(&tx, Duration::ZERO, 100).await.unwrap();
        tx.commit().await.unwrap();
        nudges
    };
    nudge().await;
    let ago = "UPDATE sync_runs SET nudged_at = now() - interval '2 hours', waiting_since = now() - interval '2 hours'";
    connected.database.execute(ago).await;
    let nudges = nudge().await;
    assert_eq!(
        work_of(&connected, "fetch.live").await,
        Some((Some(0), true)),
        "a copy does not make it younger"
    );

    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let run = run_claim::claim(&tx, nudges[0].run_id, nudges[0].step, "test", LEASE).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(work_of(&connected, "fetch.live").await, Some((Some(1), false)), "claimed, it does not wait");
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    run_claim::defer(&tx, &run, Duration::ZERO, Deferral::Failed("503")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(work_of(&connected, "fetch.live").await, None, "a retry waits in the ledger");
    nudge().await;
    assert_eq!(work_of(&connected, "fetch.live").await, Some((Some(0), false)), "its nudge is a new one");

    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let run = run_claim::claim(&tx, run.id, run.step, "test", LEASE).await.unwrap().unwrap();
    checkpoint(&tx, &run, &[listed("a", 1, ItemDecision::Published)], &[], &Next::End { total: None })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(work_of(&connected, "normalize.live").await, Some((None, true)), "asked for in 1970");
    connected.database.execute("UPDATE intake SET stored_version = 1").await;
    assert_eq!(work_of(&connected, "normalize.live").await, None);
    connected.database.finish().await;
}

#[tokio::test]
async fn at_most_two_backfill_slices_of_a_connection_are_under_way_newest_first() {
    let connected = Connected::fresh().await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let now = run_plan::database_now(&tx).await.unwrap();
    let window = Window { from: now - jiff::SignedDuration::from_hours(24 * 30), to: now };
    for slice in window.slices(jiff::SignedDuration::from_hours(24 * 7)) {
        let (tenant, stream) = (&connected.tenant, Stream::Conversations);
        run_plan::plan(&tx, tenant, connected.id, stream, RunKind::Bootstrap, slice).await.unwrap();
    }
    assert_eq!(run_plan::start_planned(&tx, 100).await.unwrap(), 2);
    assert_eq!(run_plan::start_planned(&tx, 100).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let runs = runs(&connected).await;
    let listing: Vec<_> =
        runs.iter().filter(|run| run.state == RunState::Listing).map(|run| run.window.to).collect();
    let oldest_listing = listing.iter().min().unwrap();
    let planned = runs.iter().filter(|run| run.state == RunState::Planned);
    assert!(planned.map(|run| run.window.to).all(|to| to < *oldest_listing));
    connected.database.finish().await;
}

#[tokio::test]
async fn a_run_of_a_held_credential_is_parked_until_the_hold_ends_or_the_vendor_answers() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    let release = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let released = run_plan::release_unblocked(&tx, 100).await.unwrap();
        tx.commit().await.unwrap();
        released
    };
    for end in ["an answer", "the time"] {
        let run = connected.start_and_claim().await;
        let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
        assert!(
            !credential::hold(&tx, connected.id, 1, Duration::from_mins(2)).await.unwrap(),
            "not refused"
        );
        credential::note_refused(&tx, connected.id, 1).await.unwrap();
        assert!(credential::hold(&tx, connected.id, 1, Duration::from_mins(2)).await.unwrap());
        run_claim::park(&tx, &run, ParkCause::VendorDown, Some("401: an outage")).await.unwrap();
        tx.commit().await.unwrap();
        let held = &runs(&connected).await[0];
        assert_eq!((held.state, held.attempt), (RunState::Parked, 0));
        assert_eq!(held.last_error.as_deref(), Some("401: an outage"));
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let left = report::unfinished(&tx, None).await.unwrap();
        assert_eq!((left.runs, left.parked[0].name.as_str()), (0, "vendor-down"));
        drop(tx);
        assert_eq!(release().await, 0, "held");
        if end == "the time" {
            connected.database.execute("UPDATE credentials SET held_until = now()").await;
        } else {
            let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
            credential::note_answered(&tx, connected.id, 1).await.unwrap();
            tx.commit().await.unwrap();
        }
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        assert_eq!(report::unfinished(&tx, None).await.unwrap().runs, 1, "work left");
        drop(tx);
        assert_eq!(release().await, 1, "released by {end}");
    }
    connected.database.finish().await;
}

#[tokio::test]
async fn parked_work_leaves_when_its_cause_is_gone_and_never_against_a_persons_pause() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    let run = connected.start_and_claim().await;
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    assert!(credential::invalidate(&tx, &connected.tenant, connected.id, 1, "401").await.unwrap());
    assert!(!credential::invalidate(&tx, &connected.tenant, connected.id, 1, "401").await.unwrap(), "once");
    assert_eq!(run_claim::park_connection(&tx, connected.id, ParkCause::Credential).await.unwrap(), 1);
    connection::set_paused(&tx, connected.id, true).await.unwrap();
    tx.commit().await.unwrap();
    let release = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let released = run_plan::release_unblocked(&tx, 100).await.unwrap();
        run_plan::refresh_park_causes(&tx).await.unwrap();
        tx.commit().await.unwrap();
        released
    };
    let left = async || {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        report::unfinished(&tx, None).await.unwrap().runs
    };
    assert_eq!((release().await, left().await), (0, 0));
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    assert_eq!(save_credential(&tx, &connected.tenant, connected.id).await, 2);
    assert!(!credential::invalidate(&tx, &connected.tenant, connected.id, 1, "late 401").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(release().await, 0, "a reconnect does not end a person's pause");
    assert_eq!(runs(&connected).await[0].parked_cause, Some(ParkCause::Pause));
    let tx = connected.store().begin(Speaker::Tenant(&connected.tenant)).await.unwrap();
    connection::set_paused(&tx, connected.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(left().await, 1, "it is about to go on");
    assert_eq!(release().await, 1);
    let released = &runs(&connected).await[0];
    assert_eq!((released.state, released.page), (RunState::Planned, i32::try_from(run.page).unwrap()));
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let kinds: Vec<String> =
        outbox::after(&tx, 0, 10).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["credential.invalidated", "credential.restored"]);
    tx.commit().await.unwrap();
    connected.database.finish().await;
}

#[tokio::test]
async fn a_run_settles_when_every_record_has_an_outcome_and_its_sums_add_up() {
    let connected = Connected::fresh().await;
    plan_periodic(&connected).await;
    let run = connected.start_and_claim().await;
    let page = [
        listed("stored", 10, ItemDecision::Published),
        listed("superseded", 10, ItemDecision::Published),
        listed("same", 10, ItemDecision::Published),
        listed("late", 10, ItemDecision::Published),
        listed("private", 10, ItemDecision::Published),
        listed("broken", 10, ItemDecision::Published),
        listed("known", 10, ItemDecision::Unchanged),
        listed("failing", 10, ItemDecision::Pending),
    ];
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let end = checkpoint(&tx, &run, &page, &[], &Next::End { total: Some(8) }).await.unwrap();
    assert_eq!(end, Checkpointed::Listed);
    tx.commit().await.unwrap();
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_settle::settle_next(&tx).await.unwrap(), Some(false), "six are on their way");
    tx.commit().await.unwrap();
    connected
        .database
        .execute(
            "UPDATE intake SET stored_version = 10, changed_version = 10 WHERE vendor_key = 'stored';
             UPDATE intake SET stored_version = 99, changed_version = 99 WHERE vendor_key = 'superseded';
             UPDATE intake SET stored_version = 10, changed_version = 5 WHERE vendor_key = 'same';
             UPDATE intake SET stored_version = 10, changed_version = 10, awaits_transcript = true WHERE vendor_key = 'late';
             UPDATE intake SET skipped_version = 10 WHERE vendor_key = 'private';
             UPDATE intake SET dead_version = 10 WHERE vendor_key = 'broken';
             UPDATE sync_runs SET settle_look_at = now();",
        )
        .await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_settle::settle_next(&tx).await.unwrap(), Some(true));
    tx.commit().await.unwrap();
    let settled = &runs(&connected).await[0];
    assert_eq!(settled.state, RunState::Settled);
    let expected = Sums { listed: 8, stored: 2, unchanged: 2, skipped: 1, pending: 2, dead: 1, under_way: 0 };
    assert_eq!(settled.sums, expected);
    assert_eq!(connected.number("SELECT count(*) FROM run_items").await, 0, "compacted");
    connected.database.finish().await;
}

#[tokio::test]
async fn a_failed_slice_is_planned_again_and_a_failed_follow_up_gives_its_looks_back() {
    let connected = Connected::fresh().await;
    plan_slice(&connected).await;
    let slice = connected.start_and_claim().await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert!(run_claim::fail(&tx, &slice, "500 for ever", Duration::ZERO).await.unwrap());
    assert!(!run_claim::fail(&tx, &slice, "500 for ever", Duration::ZERO).await.unwrap(), "once");
    tx.commit().await.unwrap();
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_plan::replan_failed(&tx, 10).await.unwrap(), 1);
    assert_eq!(run_plan::replan_failed(&tx, 10).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let all = runs(&connected).await;
    assert!(all.iter().any(|run| run.state == RunState::Planned && run.window == slice.window));

    connected.database.execute("DELETE FROM sync_runs").await;
    connected
        .database
        .execute(&format!(
            "INSERT INTO intake (connection_id, vendor_key, tenant_id, look_at) VALUES ('{}', 'k', 'acme', now())",
            connected.id
        ))
        .await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    assert_eq!(run_plan::plan_follow_ups(&tx, 10, 10).await.unwrap(), 1);
    assert_eq!(run_plan::plan_follow_ups(&tx, 10, 10).await.unwrap(), 0, "one is open");
    tx.commit().await.unwrap();
    assert_eq!(connected.number("SELECT count(*) FROM intake WHERE look_at IS NULL").await, 1);
    let follow_up = connected.start_and_claim().await;
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    run_claim::fail(&tx, &follow_up, "500 for ever", Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(connected.number("SELECT count(*) FROM intake WHERE look_at IS NOT NULL").await, 1);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_slice_that_saw_fewer_records_than_the_vendors_total_is_walked_again_and_then_reported_as_a_gap() {
    let connected = Connected::fresh().await;
    plan_slice(&connected).await;
    let mut run = connected.start_and_claim().await;
    let page = [listed("a", 1, ItemDecision::Unchanged)];
    for _ in 0..2 {
        let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
        let Checkpointed::At(step, _) =
            checkpoint(&tx, &run, &page, &[], &Next::End { total: Some(2) }).await.unwrap()
        else {
            panic!("walked again");
        };
        run = run_claim::claim(&tx, run.id, step, "test", LEASE).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(run.page, 1);
    }
    let tx = connected.store().begin(Speaker::Everybody).await.unwrap();
    let end = checkpoint(&tx, &run, &page, &[], &Next::End { total: Some(2) }).await.unwrap();
    assert_eq!(end, Checkpointed::Listed);
    run_settle::settle_next(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(runs(&connected).await[0].gap);
    connected.database.finish().await;
}
