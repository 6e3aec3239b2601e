//! A process killed at any of its failpoints: nothing is lost, nothing is twice, and the export equals the undisturbed one
//! but for `first_seen_at` and `updated_at`.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use queue::topology::FETCH_LIVE;
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

/// The failpoints of a replay: at either side of a letter's mark.
const OF_REPLAYS: [&str; 2] = ["replay.published", "replay.sent"];
const ROLES: [&str; 4] = ["scheduler", "fetcher", "normalizer", "steward"];

/// What brings a role to the place where it dies.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// One record goes to the dead letters and back, so that those steps are passed too.
    BrokenRecord,
    /// No list is answered, until runs have failed.
    NoLists,
    /// The key is revoked.
    RevokedKey,
    /// A person pauses while nudges are on their way.
    Paused,
    /// The accounts come after the calls.
    LateAccounts,
}

impl Trouble {
    /// Before the role starts that is to die.
    async fn begin(self, stand: &mut Stand) {
        if let Self::LateAccounts = self {
            return begin_without_accounts(stand).await;
        }
        stand.connected(spec(), &[]).await;
        let world = stand.world();
        match self {
            Self::BrokenRecord => {
                let mut truth = world.truth("acme").expect("a truth");
                let broken = truth.find(|one| one.skip.is_none()).expect("a call").id;
                let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
                world.add_fault("acme", fault).expect("a fault");
            }
            Self::NoLists => {
                world
                    .add_fault("acme", FaultRule::from(Fault::OtherShape).at(Endpoint::List))
                    .expect("a fault");
            }
            Self::RevokedKey => {
                world.change("acme", Change::RevokeKey { key: "acme-key".to_owned() }).expect("revoked");
            }
            Self::Paused => {
                let mut scheduler = stand.start("scheduler").await;
                stand.until("nudges wait", async || stand.waiting_in(&FETCH_LIVE).await > 0).await;
                scheduler.stop().await;
                stand.ok(&["pause", "acme/attention"]).await;
            }
            Self::LateAccounts => {}
        }
    }

    /// After the role was started again: waits for what the trouble leads to, and mends it.
    async fn end(self, stand: &Stand) {
        match self {
            Self::BrokenRecord => {
                stand.until("the broken record is dead", async || stand.dead().await > 0).await;
                stand.world().clear_faults("acme").expect("mended");
                stand.ok(&["dead", "replay", "--all"]).await;
            }
            Self::NoLists => end_of_no_lists(stand).await,
            Self::RevokedKey => {
                let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
                stand.until("the key is found invalid", async || stand.number(invalid).await == 1).await;
                stand.idle().await;
                let told = "SELECT count(*) FROM outbox WHERE type = 'credential.invalidated'";
                assert_eq!(stand.number(told).await, 1, "told once");
                let good_again = Change::RestoreKey { key: "acme-key".to_owned() };
                stand.world().change("acme", good_again).expect("restored");
                stand.connect("acme", "acme-key", &[]).await;
            }
            Self::Paused => {
                stand.idle().await;
                let parked = "SELECT count(*) FROM sync_runs WHERE parked_cause = 'pause'";
                let all = stand.number("SELECT count(*) FROM sync_runs").await;
                assert_eq!((stand.number(parked).await, stand.stored("acme").await), (all, 0));
                stand.ok(&["resume", "acme/attention"]).await;
            }
            Self::LateAccounts => stand.idle().await,
        }
    }
}

/// Every call is there and has found no account when the accounts come.
async fn begin_without_accounts(stand: &mut Stand) {
    stand.tenant(spec()).await;
    let other = stand.path("other.csv");
    std::fs::write(&other, "external_id,name,domains\nOTHER,Somebody else,elsewhere.example.org\n")
        .expect("a file");
    stand.ok(&["accounts", "import", "--tenant", "acme", &other.display().to_string()]).await;
    stand.connect("acme", "acme-key", &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    for mut role in roles {
        role.stop().await;
    }
    stand.accounts("acme").await;
}

/// A run that has failed has its letter, and the letters close by themselves, that of a run which went on after all among them.
async fn end_of_no_lists(stand: &Stand) {
    stand.until("runs have failed", async || stand.dead().await >= 2).await;
    stand.world().clear_faults("acme").expect("mended");
    stand.sync("acme").await;
    stand.until("the letters are closed", async || stand.dead().await == 0).await;
    let without = "SELECT count(*) FROM sync_runs r WHERE state = 'failed'
        AND (SELECT count(*) FROM dead_letters d WHERE d.run_id = r.run_id AND d.stage = 'fetch') <> 1";
    assert_eq!(stand.number(without).await, 0, "one letter for each failed run");
}

/// Plays the story, with one role dying at a failpoint.
async fn play(failpoint: &str, dying: &str, trouble: Trouble) {
    let mut stand = Stand::fresh().await;
    trouble.begin(&mut stand).await;
    let mut roles: Vec<Role> = Vec::new();
    let mut doomed = stand.start_with(dying, &[("SWITCHBOARD_FAILPOINT", failpoint)]).await;
    for role in ROLES.into_iter().filter(|role| *role != dying) {
        roles.push(stand.start(role).await);
    }
    let status = doomed.ended(Duration::from_mins(1)).await;
    assert_eq!(status.signal(), Some(9), "the {dying} dies at {failpoint}: {}", doomed.log());
    roles.push(stand.start(dying).await);
    trouble.end(&stand).await;
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
    ($($story:ident: $role:literal dies at $failpoint:literal with $trouble:ident;)+) => {
        $(
            #[tokio::test]
            async fn $story() {
                play($failpoint, $role, Trouble::$trouble).await;
            }
        )+

        #[test]
        fn every_failpoint_has_its_story() {
            let mut told = BTreeSet::from([$($failpoint),+]);
            told.extend(OF_REPLAYS);
            told.extend(crate::oauth::FAILPOINTS);
            assert_eq!(told, runtime::failpoint::ALL.iter().copied().collect());
        }
    };
}

stories! {
    killed_with_a_claim_in_hand: "fetcher" dies at "fetch.claimed" with BrokenRecord;
    killed_after_a_request: "fetcher" dies at "fetch.permitted" with BrokenRecord;
    killed_with_a_page_in_hand: "fetcher" dies at "fetch.listed" with BrokenRecord;
    killed_between_publishing_and_checkpoint: "fetcher" dies at "fetch.published" with BrokenRecord;
    killed_between_checkpoint_and_nudge: "fetcher" dies at "fetch.checkpointed" with BrokenRecord;
    killed_between_nudge_and_ack: "fetcher" dies at "fetch.nudged" with BrokenRecord;
    killed_after_parking: "fetcher" dies at "fetch.parked" with Paused;
    killed_between_the_letter_of_a_record_and_checkpoint: "fetcher" dies at "fetch.record_letter_left" with BrokenRecord;
    killed_between_the_letter_of_a_run_and_the_ledger: "fetcher" dies at "fetch.run_letter_left" with NoLists;
    killed_before_a_refused_key_is_marked: "fetcher" dies at "fetch.refusal_noted" with RevokedKey;
    killed_after_a_key_was_marked: "fetcher" dies at "fetch.invalidated" with RevokedKey;
    killed_with_a_batch_in_hand: "normalizer" dies at "normalize.received" with BrokenRecord;
    killed_with_a_batch_mapped: "normalizer" dies at "normalize.mapped" with BrokenRecord;
    killed_before_the_commit: "normalizer" dies at "normalize.written" with BrokenRecord;
    killed_between_commit_and_ack: "normalizer" dies at "normalize.committed" with BrokenRecord;
    killed_after_settling: "normalizer" dies at "normalize.diverted" with BrokenRecord;
    killed_between_linking_and_matching: "normalizer" dies at "resolve.linked" with LateAccounts;
    killed_between_linking_again_and_ack: "normalizer" dies at "resolve.committed" with LateAccounts;
    killed_before_runs_are_planned_for_good: "scheduler" dies at "schedule.planned" with BrokenRecord;
    killed_between_mark_and_nudge: "scheduler" dies at "schedule.nudge_marked" with BrokenRecord;
    killed_between_a_change_of_accounts_and_its_messages: "scheduler" dies at "schedule.change_taken" with LateAccounts;
    killed_between_mark_and_batches: "scheduler" dies at "schedule.batches_marked" with LateAccounts;
    killed_between_event_and_mark: "scheduler" dies at "outbox.published" with BrokenRecord;
    killed_between_filing_and_ack: "steward" dies at "steward.filed" with BrokenRecord;
}

/// Renames the oldest calls to what the database refuses until it is mended.
pub(crate) async fn refused_calls(stand: &Stand, calls: usize) -> Vec<String> {
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
async fn a_replay_goes_on_with_another_steward_and_reports_every_letter_once() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    let refused = refused_calls(&stand, 8).await;
    let mut roles = stand.start_all().await;
    stand.until("the refused documents are dead", async || stand.dead().await == 8).await;
    stand.idle().await;
    stand.database.execute("ALTER TABLE conversations DROP CONSTRAINT mended").await;
    roles.pop().expect("the steward").stop().await;

    let ordered = &stand.json(&["dead", "replay", "--all", "--detach"]).await[0];
    let replay = ordered["replay"].as_str().expect("an id");
    for failpoint in OF_REPLAYS {
        let armed = format!("{failpoint}:2");
        let mut steward = stand.start_with("steward", &[("SWITCHBOARD_FAILPOINT", &armed)]).await;
        steward.ended(Duration::from_mins(1)).await;
    }
    let half_way = &stand.json(&["dead", "report", replay]).await[0];
    assert_eq!(half_way["state"], "running");
    assert!(half_way["unsent"].as_i64() > Some(0), "it died in the midst of it: {half_way}");
    roles.push(stand.start("steward").await);
    assert!(stand.ok(&["dead", "watch", replay]).await.contains("is done: 8 succeeded"));
    stand.idle().await;
    let report = &stand.json(&["dead", "report", replay]).await[0];
    let each = report["each"].as_array().expect("letters");
    assert!(each.iter().all(|one| one["outcome"] == "succeeded"), "{report}");
    assert_eq!(stand.dead().await, 0);

    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    for id in &refused {
        let versions = format!("SELECT count(*) FROM raw_documents WHERE vendor_key = '{id}'");
        assert_eq!(stand.number(&versions).await, 1, "{id} is stored once");
        assert_eq!(stand.json(&["where", id]).await[0]["standing"], "stored");
    }
    compare_histories(exported, stand.undisturbed("acme").await);
    stand.assert_sums().await;
    stand.finish(roles).await;
}
