//! A process killed at any of its failpoints: nothing is lost, nothing is twice, and the export equals the undisturbed one
//! but for `first_seen_at` and `updated_at`.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use simulator::{AddedKind, Change, DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Role, Stand, compare_histories, compare_with_truth};

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 70,
        days: 20,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

/// The failpoint of a command; all others are of roles.
const REPLAY_PUBLISHED: &str = "replay.published";

/// Plays the story, with one role dying at a failpoint.
async fn play(failpoint: &str, dying: &str) {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    // one record goes to the dead letters and back, so that those steps are passed too
    let broken =
        stand.world().truth("acme").expect("a truth").find(|one| one.skip.is_none()).expect("a call").id;
    let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
    stand.world().add_fault("acme", fault).expect("a fault");
    let mut roles: Vec<Role> = Vec::new();
    let mut doomed = stand.start_with(dying, &[("SWITCHBOARD_FAILPOINT", failpoint)]).await;
    for role in ["scheduler", "fetcher", "normalizer", "steward"].into_iter().filter(|role| *role != dying) {
        roles.push(stand.start(role).await);
    }
    let status = doomed.ended(Duration::from_mins(1)).await;
    assert_eq!(status.signal(), Some(9), "the {dying} dies at {failpoint}: {}", doomed.log());
    roles.push(stand.start(dying).await);
    stand.until("the broken record is dead", async || stand.dead().await > 0).await;
    stand.world().clear_faults("acme").expect("mended");
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    stand.world().change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    let add = Change::Add { count: 5, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("acme", add).expect("new calls");
    stand.resync("acme").await;
    stand.sync("acme").await;
    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    compare_histories(exported, stand.undisturbed("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}

/// One story per failpoint, each a test of its own; and none of the list is left out.
macro_rules! stories {
    ($($story:ident: $role:literal dies at $failpoint:literal;)+) => {
        $(
            #[tokio::test]
            async fn $story() {
                play($failpoint, $role).await;
            }
        )+

        #[test]
        fn every_failpoint_has_its_story() {
            let told = BTreeSet::from([REPLAY_PUBLISHED, $($failpoint),+]);
            assert_eq!(told, runtime::failpoint::ALL.iter().copied().collect());
        }
    };
}

stories! {
    killed_with_a_claim_in_hand: "fetcher" dies at "fetch.claimed";
    killed_after_a_request: "fetcher" dies at "fetch.permitted";
    killed_with_a_page_in_hand: "fetcher" dies at "fetch.listed";
    killed_between_publishing_and_checkpoint: "fetcher" dies at "fetch.published";
    killed_between_checkpoint_and_nudge: "fetcher" dies at "fetch.checkpointed";
    killed_between_nudge_and_ack: "fetcher" dies at "fetch.nudged";
    killed_with_a_batch_in_hand: "normalizer" dies at "normalize.received";
    killed_with_a_batch_mapped: "normalizer" dies at "normalize.mapped";
    killed_before_the_commit: "normalizer" dies at "normalize.written";
    killed_between_commit_and_ack: "normalizer" dies at "normalize.committed";
    killed_after_settling: "normalizer" dies at "normalize.diverted";
    killed_before_runs_are_planned_for_good: "scheduler" dies at "schedule.planned";
    killed_between_mark_and_nudge: "scheduler" dies at "schedule.nudge_marked";
    killed_between_event_and_mark: "scheduler" dies at "outbox.published";
    killed_between_filing_and_ack: "steward" dies at "steward.filed";
}

/// Renames the oldest calls to what the database refuses until it is mended.
async fn refused_calls(stand: &Stand, calls: usize) -> Vec<String> {
    let truth = stand.world().truth("acme").expect("a truth");
    let kept: Vec<String> = truth.filter(|one| one.skip.is_none()).map(|one| one.id).collect();
    let refused = kept[kept.len() - calls..].to_vec();
    for id in &refused {
        let change = Change::SetTitle { id: id.clone(), title: "Refused".to_owned() };
        stand.world().change("acme", change).expect("a title");
    }
    stand
        .database
        .execute("ALTER TABLE conversations ADD CONSTRAINT mended CHECK (title <> 'Refused')")
        .await;
    refused
}

#[tokio::test]
async fn a_replay_killed_between_publishing_and_marking_is_given_again_and_no_letter_is_lost() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let refused = refused_calls(&stand, 3).await;
    let roles = stand.start_all().await;
    let letters = async |state: &str| {
        stand.number(&format!("SELECT count(*) FROM dead_letters WHERE state = '{state}'")).await
    };
    stand.until("the refused documents are dead", async || letters("dead").await == 3).await;
    stand.idle().await;
    stand.database.execute("ALTER TABLE conversations DROP CONSTRAINT mended").await;

    stand.run_to_death(&["dead", "replay", "--all"], REPLAY_PUBLISHED).await;
    stand.idle().await;
    assert_eq!(letters("dead").await, 3, "none is marked, and none is lost");
    let after_death = stand.export("acme").await;
    let back = after_death.iter().filter(|one| one["title"] == "Refused").count();
    assert_eq!(back, 1, "one was published");

    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    assert_eq!((letters("dead").await, letters("replayed").await), (0, 3));
    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    assert!(
        after_death.iter().all(|one| exported.contains(one)),
        "delivered again, it changes not even a time"
    );
    for id in &refused {
        let versions = format!("SELECT count(*) FROM raw_documents WHERE vendor_key = '{id}'");
        assert_eq!(stand.number(&versions).await, 1, "{id} is stored once");
        assert_eq!(stand.json(&["where", id]).await[0]["standing"], "stored");
    }
    compare_histories(exported, stand.undisturbed("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}
