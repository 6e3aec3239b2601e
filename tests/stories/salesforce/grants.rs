//! An app is let into an organization of Salesforce, by each way there is, and gets its next session by itself.

use simulator::{AppChange, AppOf, Change, CrmChange};
use stories::{Role, Stand};

use super::{assert_truth, change, in_sync, runs, spec};

/// A private key that signs assertions; nobody else's.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/vendors/tests/keys/signing.pem");

/// Its public half, as an app's certificate has it.
const PUBLIC_KEY: &str = include_str!("../../../crates/vendors/tests/keys/signing_public.pem");

fn app(stand: &Stand, app: AppChange) {
    stand.world().change("acme", Change::App { of: AppOf::Salesforce, app }).expect("a change");
}

/// A tenant with calls, whose organization an app may be let into.
async fn prepared(stand: &mut Stand) -> Vec<Role> {
    stand.tenant(spec()).await;
    stand.connect("acme", "acme-key", &[]).await;
    stand.start_all().await
}

/// Everything is there; the session ends without a word, and what changes meanwhile comes in all the same.
async fn assert_renewed(stand: &Stand) {
    stand.idle().await;
    assert_truth(stand).await;
    app(stand, AppChange::ExpireAccessTokens);
    change(stand, CrmChange::MoveDomains { from: 3, to: 4 });
    in_sync(stand).await;
    assert_truth(stand).await;
    assert_eq!(runs(stand, |run| run["state"] != "settled").await, 0);
    let told = "SELECT count(*) FROM outbox WHERE type = 'credential.invalidated'";
    assert_eq!(stand.number(told).await, 0, "nobody was asked to connect again");
}

#[tokio::test]
async fn an_app_is_let_in_by_its_own_secret_and_so_is_its_next_session() {
    let mut stand = Stand::fresh().await;
    let roles = prepared(&mut stand).await;
    let file = stand.app_file("acme", AppOf::Salesforce, None);
    let args = stand.salesforce_args("acme", &["--oauth-client-file", &file]);
    app(&stand, AppChange::SetSecret { secret: "another".to_owned() });
    let refused = stand.run(&args).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("does not know the app"), "{error}");
    let file = stand.app_file("acme", AppOf::Salesforce, None);
    stand.ok(&stand.salesforce_args("acme", &["--oauth-client-file", &file])).await;
    assert_renewed(&stand).await;

    // who is let in no more is told of it once, by what the vendor said
    app(&stand, AppChange::Revoke);
    stand.ok(&["sync", "acme/salesforce"]).await;
    stand
        .until("the syncs are parked for their credential", async || {
            runs(&stand, |run| run["parked_cause"] == "credential").await == 5
        })
        .await;
    let told = "SELECT count(*) FROM outbox WHERE type = 'credential.invalidated'";
    assert_eq!(stand.number(told).await, 1);
    stand.finish(roles).await;
}

#[tokio::test]
async fn an_app_is_let_in_by_an_assertion_and_so_is_its_next_session() {
    let mut stand = Stand::fresh().await;
    let roles = prepared(&mut stand).await;
    let (id, _) = stand.world().app("acme", AppOf::Salesforce).expect("an app");
    let file = stand.path("assertion.json").display().to_string();
    let of_app =
        serde_json::json!({ "client_id": id, "username": "sync@acme.example", "private_key_file": KEY });
    std::fs::write(&file, of_app.to_string()).expect("a file");
    let args = stand.salesforce_args("acme", &["--oauth-client-file", &file, "--grant", "jwt-bearer"]);
    let refused = async |said: &str| {
        let output = stand.run(&args).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{error}");
        assert!(error.contains("does not believe the assertion") && error.contains("nothing was saved"));
    };
    // the organization has no certificate of this key, then it has, but the user is not approved for the app
    refused("invalid assertion").await;
    let certificate =
        |public_key: Option<&str>| AppChange::SetCertificate { public_key: public_key.map(str::to_owned) };
    app(&stand, certificate(Some(PUBLIC_KEY)));
    app(&stand, AppChange::SetDenial { denies: true });
    refused("user hasn't approved this consumer").await;
    app(&stand, AppChange::SetDenial { denies: false });
    stand.ok(&args).await;
    assert_renewed(&stand).await;

    // the certificate is exchanged, and nobody has told us the new key
    app(&stand, certificate(None));
    app(&stand, AppChange::ExpireAccessTokens);
    stand.ok(&["sync", "acme/salesforce"]).await;
    stand
        .until("the syncs are parked for their credential", async || {
            runs(&stand, |run| run["parked_cause"] == "credential").await == 5
        })
        .await;
    let why =
        stand.database.text("SELECT invalid_reason FROM credentials WHERE invalid_at IS NOT NULL").await;
    assert!(why.contains("invalid assertion"), "{why}");
    app(&stand, certificate(Some(PUBLIC_KEY)));
    stand.ok(&args).await;
    stand.idle().await;
    assert_truth(&stand).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_person_who_consents_lets_an_app_in_and_its_tokens_are_renewed() {
    let mut stand = Stand::fresh().await;
    let roles = prepared(&mut stand).await;
    let options = ["--requests-per-second", "500", "--in-flight", "8", "--grant", "authorization-code"];
    let consented = stand.connect_by_oauth("acme", AppOf::Salesforce, &options).await;
    assert_eq!(consented.code, Some(0), "{}", consented.stderr);
    assert_renewed(&stand).await;
    stand.finish(roles).await;
}
