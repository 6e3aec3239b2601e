//! Credentials that are kept at Google's Secret Manager: Postgres has their names only.

use simulator::{Change, DocumentSize, Endpoint, Fault, FaultRule, KeyLevel, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

const FIRST: &str = "sk-planted-6d1e/first";
const SECOND: &str = "sk-planted-b840/second";

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        key: FIRST.to_owned(),
        conversations: 30,
        days: 10,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

fn states(stand: &Stand) -> Vec<&'static str> {
    stand.world().secret_manager().versions().iter().map(|version| version.state).collect()
}

#[tokio::test]
async fn a_key_that_is_kept_at_google_is_rotated_and_destroyed_there_and_never_was_in_postgres() {
    let mut stand = Stand::at_google().await;
    stand.vhost.tap().await;
    stand.connected(spec(), &["--backfill-days", "12"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let (world, google) = (stand.world(), stand.world().secret_manager());
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    let asked = google.asked(Endpoint::SecretAccess);
    assert!((1..=8).contains(&asked), "{asked} times for all pages: what is read is remembered");

    world.change("acme", Change::RevokeKey { key: FIRST.to_owned() }).expect("revoked");
    stand.ok(&["sync", "acme/attention"]).await;
    let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
    stand.until("the key is found invalid", async || stand.number(invalid).await == 1).await;
    assert!(google.asked(Endpoint::SecretAccess) > asked, "it was read again before it was called invalid");

    let second = Change::AddKey { key: SECOND.to_owned(), level: KeyLevel::Organization };
    world.change("acme", second).expect("a key");
    stand.connect("acme", SECOND, &[]).await;
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert_eq!((states(&stand), google.payloads()), (vec!["DESTROYED", "ENABLED"], vec![SECOND.to_owned()]));
    let named = "SELECT count(*) FROM credentials WHERE google_version = 2 AND sealed IS NULL
                 AND google_secret = 'projects/rehearsal/secrets/switchboard-' || connection_id";
    assert_eq!(stand.number(named).await, 1);

    google.add_fault(FaultRule::from(Fault::Forbidden).at(Endpoint::SecretDestroy));
    let refused = stand.run(&["disconnect", "acme/attention", "--yes"]).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        error.contains("secretmanager.versions.destroy") && error.contains("nothing was changed"),
        "{error}"
    );
    assert_eq!(stand.number(named).await, 1, "it can be tried again");
    google.clear_faults();
    stand.ok(&["disconnect", "acme/attention", "--yes"]).await;
    assert_eq!(states(&stand), ["DESTROYED", "DESTROYED"]);

    let traces = stand.traces(&roles).await;
    assert!(traces.of("credential.invalidated").await.contains("messages"));
    for key in [FIRST, SECOND] {
        assert!(traces.of(key).await.is_empty(), "{key} is in {:?}", traces.of(key).await);
    }
    stand.finish(roles).await;
}

#[tokio::test]
async fn runs_wait_for_a_permission_at_google_without_counting_an_attempt_and_go_on_by_themselves() {
    let mut stand = Stand::at_google().await;
    stand.connected(spec(), &["--backfill-days", "12"]).await;
    let google = stand.world().secret_manager();
    google.deny("secretmanager.versions.access");
    let roles = stand.start_all().await;
    let waits = "SELECT count(*) FROM sync_runs
                 WHERE state = 'listing' AND last_error LIKE '%permission secretmanager.versions.access is missing%'";
    stand.until("a run waits for the permission", async || stand.number(waits).await > 0).await;
    assert_eq!(stand.number("SELECT max(attempt)::bigint FROM sync_runs").await, 0, "no attempt is counted");
    google.allow_everything();
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
