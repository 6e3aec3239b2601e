//! A process killed at any of its failpoints: nothing is lost, nothing is twice.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use serde_json::Value;
use simulator::{AddedKind, Change, DocumentSize, Endpoint, Fault, FaultRule, WorkspaceSpec};
use stories::{Role, Stand, compare_with_truth, without_times};

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 70,
        days: 20,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

/// The role a failpoint is in.
fn role_of(failpoint: &str) -> Option<&'static str> {
    match failpoint.split('.').next()? {
        "fetch" => Some("fetcher"),
        "normalize" => Some("normalizer"),
        "schedule" | "outbox" => Some("scheduler"),
        "steward" => Some("steward"),
        // the desk's is a command, not a role
        _ => None,
    }
}

/// Plays the story, with one role dying at a failpoint.
async fn play(failpoint: Option<(&'static str, &'static str)>) -> Vec<Value> {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &[]).await;
    // one record goes to the dead letters and back, so that those steps are passed too
    let broken =
        stand.world().truth("acme").expect("a truth").find(|one| one.skip.is_none()).expect("a call").id;
    let fault = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken);
    stand.world().add_fault("acme", fault).expect("a fault");
    let mut roles: Vec<Role> = Vec::new();
    let mut doomed = None;
    for role in ["scheduler", "fetcher", "normalizer", "steward"] {
        match failpoint {
            Some((name, dying)) if dying == role => {
                doomed = Some(stand.start_with(role, &[("SWITCHBOARD_FAILPOINT", name)]).await);
            }
            _ => roles.push(stand.start(role).await),
        }
    }
    if let (Some(mut doomed), Some((name, role))) = (doomed, failpoint) {
        let status = doomed.ended(Duration::from_mins(1)).await;
        assert_eq!(status.signal(), Some(9), "{role} dies at {name}: {}", doomed.log());
        roles.push(stand.start(role).await);
    }
    stand.until("the broken record is dead", async || !stand.json(&["dead", "list"]).await.is_empty()).await;
    stand.world().clear_faults("acme").expect("mended");
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    stand.world().change("acme", Change::AllTranscriptsArrive).expect("late transcripts");
    let add = Change::Add { count: 5, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("acme", add).expect("new calls");
    stand.ok(&["sync", "acme/attention", "--from", "2020-01-01", "--to", "2100-01-01"]).await;
    stand.sync("acme").await;
    let exported = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &exported);
    stand.assert_sums().await;
    stand.finish(roles).await;
    without_times(exported)
}

/// One test per role, so that they run side by side; each walks the list of failpoints.
async fn walk(role: &'static str) {
    let failpoints: Vec<_> =
        runtime::failpoint::ALL.iter().filter(|name| role_of(name) == Some(role)).collect();
    assert!(!failpoints.is_empty());
    for failpoint in failpoints {
        // the comparison with the truth is the comparison with an undisturbed run: worlds differ by their clock only
        assert!(!play(Some((failpoint, role))).await.is_empty(), "{failpoint}");
    }
}

#[tokio::test]
async fn a_fetcher_killed_at_any_step_loses_nothing() {
    walk("fetcher").await;
}

#[tokio::test]
async fn a_normalizer_killed_at_any_step_loses_nothing() {
    walk("normalizer").await;
}

#[tokio::test]
async fn a_scheduler_killed_at_any_step_loses_nothing() {
    walk("scheduler").await;
}

#[tokio::test]
async fn a_steward_killed_at_any_step_loses_nothing() {
    walk("steward").await;
}
