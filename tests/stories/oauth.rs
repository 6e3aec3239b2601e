//! Connecting by OAuth, and what becomes of the tokens: each refresh token is shown to the vendor once.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use simulator::{
    AddedKind, AppChange, AppOf, AppStats, Change, CrmKind, DocumentSize, Endpoint, Fault, FaultRule,
    WorkspaceSpec,
};
use stories::{Consented, Role, Stand, compare_with_gong, visit};

/// Those of the renewal of a token.
pub(crate) const FAILPOINTS: [&str; 3] = ["renew.intended", "renew.answered", "renew.kept"];

/// As fast as the stand-in answers; its own limits are off.
pub(crate) const FAST: [&str; 4] = ["--requests-per-second", "500", "--in-flight", "8"];

fn spec() -> WorkspaceSpec {
    let mut spec = WorkspaceSpec {
        conversations: 60,
        days: 12,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    };
    spec.settings.gong.rate_limit = None;
    spec
}

pub(crate) fn app(stand: &Stand, of: AppOf, app: AppChange) {
    stand.world().change("acme", Change::App { of, app }).expect("a change");
}

pub(crate) fn stats(stand: &Stand, of: AppOf) -> AppStats {
    stand.world().app_stats("acme", of).expect("numbers")
}

pub(crate) async fn events_of(stand: &Stand, kind: &str) -> usize {
    stand.count(&format!("SELECT count(*) FROM outbox WHERE type = '{kind}'")).await
}

pub(crate) fn assert_connected(consented: &Consented) {
    assert_eq!(consented.code, Some(0), "{}", consented.stderr);
}

/// A tenant with accounts, its Gong connected by OAuth.
async fn with_gong(stand: &Stand) {
    stand.tenant(spec()).await;
    stand.accounts("acme").await;
    let options = [&FAST[..], &["--backfill-days", "14"]].concat();
    assert_connected(&stand.connect_by_oauth("acme", AppOf::Gong, &options).await);
}

/// A tenant whose HubSpot is connected by OAuth.
pub(crate) async fn with_hubspot(stand: &Stand) {
    stand.tenant(WorkspaceSpec { crm: CrmKind::HubSpot, ..spec() }).await;
    assert_connected(&stand.connect_by_oauth("acme", AppOf::Hubspot, &FAST).await);
}

/// New calls that the next sync must find.
fn new_calls(stand: &Stand) {
    let add = Change::Add { count: 3, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("acme", add).expect("new calls");
}

async fn assert_truth(stand: &Stand) {
    compare_with_gong(&stand.world(), "acme", &stand.export("acme").await);
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_and_no_page_is_lost() {
    let mut stand = Stand::fresh().await;
    with_gong(&stand).await;
    assert_eq!(stats(&stand, AppOf::Gong), AppStats { exchanges: 1, ..AppStats::default() });
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_truth(&stand).await;

    // the vendor ends it without a word
    app(&stand, AppOf::Gong, AppChange::ExpireAccessTokens);
    new_calls(&stand);
    stand.ok(&["sync", "acme/gong"]).await;
    stand.idle().await;
    assert_truth(&stand).await;
    assert_eq!(stats(&stand, AppOf::Gong).refreshes, 1);

    // its end is known, and is not waited for
    app(&stand, AppOf::Gong, AppChange::SetLife { seconds: 10 });
    app(&stand, AppOf::Gong, AppChange::ExpireAccessTokens);
    stand.ok(&["sync", "acme/gong"]).await;
    stand.idle().await;
    let refused = async || {
        let stats = stand.world().gong_stats("acme").expect("stats");
        stats.by_status.get(&401).copied().unwrap_or_default()
    };
    let before = refused().await;
    stand.until("the token is near its end", async || near_end(&stand).await).await;
    stand.ok(&["sync", "acme/gong"]).await;
    stand.idle().await;
    assert!(stats(&stand, AppOf::Gong).refreshes >= 3, "{:?}", stats(&stand, AppOf::Gong));
    assert_eq!(refused().await, before, "a token that is known to end is never sent too late");
    assert_eq!(stats(&stand, AppOf::Gong).spent_shown, 0);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}

/// A token of ten seconds has less than a fifth of its life left.
async fn near_end(stand: &Stand) -> bool {
    let sql = "SELECT count(*) FROM credentials WHERE created_at < now() - interval '8 seconds'";
    stand.number(sql).await == 1
}

#[tokio::test]
async fn a_refused_scope_is_no_reason_to_renew_anything() {
    let mut stand = Stand::fresh().await;
    with_gong(&stand).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let scope = Fault::MissingScope { scope: "api:calls:read:extensive".to_owned() };
    stand.world().add_fault("acme", FaultRule::from(scope).at(Endpoint::GongCalls)).expect("a fault");
    stand.ok(&["sync", "acme/gong"]).await;
    let failed = "SELECT count(*) FROM sync_runs WHERE state = 'failed'";
    stand.until("the run fails", async || stand.number(failed).await == 1).await;
    assert_eq!(stats(&stand, AppOf::Gong).refreshes, 0);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
    stand.world().clear_faults("acme").expect("mended");
    stand.ok(&["sync", "acme/gong"]).await;
    stand.idle().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_consent_that_is_taken_back_is_told_once_and_the_next_one_goes_on() {
    let mut stand = Stand::fresh().await;
    with_gong(&stand).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    app(&stand, AppOf::Gong, AppChange::Revoke);
    new_calls(&stand);
    stand.ok(&["sync", "acme/gong"]).await;
    let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
    stand.until("the credential is found invalid", async || stand.number(invalid).await == 1).await;
    stand.idle().await;
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    let why = stand.database.text("SELECT invalid_reason FROM credentials").await;
    assert!(why.contains("invalid_grant: refresh token is revoked"), "{why}");
    let open = stand.json(&["runs", "--open"]).await;
    assert!(!open.is_empty() && open.iter().all(|run| run["parked_cause"] == "credential"), "{open:?}");
    assert_eq!(stats(&stand, AppOf::Gong).refused, 1, "it was asked once");

    app(&stand, AppOf::Gong, AppChange::Restore);
    assert_connected(&stand.connect_by_oauth("acme", AppOf::Gong, &FAST).await);
    stand.idle().await;
    assert_truth(&stand).await;
    assert_eq!(events_of(&stand, "credential.restored").await, 1);
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    stand.finish(roles).await;
}

#[tokio::test]
async fn two_fetchers_renew_one_token_a_hundred_times_and_never_show_a_spent_one() {
    let mut stand = Stand::fresh().await;
    with_hubspot(&stand).await;
    app(&stand, AppOf::Hubspot, AppChange::SetRotation { once: true });
    let mut roles = stand.start_all().await;
    roles.push(stand.start("fetcher").await);
    stand.idle().await;
    for renewed in 1..=100 {
        app(&stand, AppOf::Hubspot, AppChange::ExpireAccessTokens);
        // three streams, and two fetchers that want the next token at once
        stand.database.execute("UPDATE streams SET due_at = now()").await;
        stand
            .until("the token is renewed", async || stats(&stand, AppOf::Hubspot).refreshes >= renewed)
            .await;
        // a fresh token that the vendor ends at once would be no token at all
        stand.idle().await;
    }
    stand.idle().await;
    let stats = stats(&stand, AppOf::Hubspot);
    assert_eq!((stats.spent_shown, stats.refused), (0, 0), "{stats:?}");
    assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.finish(roles).await;
}

/// Everything is in, a token is to be renewed, and a fetcher dies doing it.
async fn killed_at(failpoint: &str) -> (Stand, Vec<Role>) {
    let mut stand = Stand::fresh().await;
    with_hubspot(&stand).await;
    app(&stand, AppOf::Hubspot, AppChange::SetRotation { once: true });
    let mut roles = stand.start_all().await;
    stand.idle().await;
    roles.remove(1).stop().await;
    app(&stand, AppOf::Hubspot, AppChange::ExpireAccessTokens);
    stand.ok(&["sync", "acme/hubspot"]).await;
    let mut doomed = stand.start_with("fetcher", &[("SWITCHBOARD_FAILPOINT", failpoint)]).await;
    let status = doomed.ended(Duration::from_mins(1)).await;
    assert_eq!(status.signal(), Some(9), "dies at {failpoint}: {}", doomed.log());
    // what the clock would do by itself, in a minute
    let expire = "UPDATE credential_refreshes SET expires_at = now() - interval '1 second'";
    stand.database.execute(expire).await;
    roles.push(stand.start("fetcher").await);
    (stand, roles)
}

#[tokio::test]
async fn killed_before_the_vendor_is_asked_or_after_the_answer_is_kept_nothing_is_lost() {
    for failpoint in ["renew.intended", "renew.kept"] {
        let (stand, roles) = killed_at(failpoint).await;
        stand.idle().await;
        let stats = stats(&stand, AppOf::Hubspot);
        assert_eq!((stats.refreshes, stats.spent_shown), (1, 0), "{failpoint}: {stats:?}");
        assert_eq!(events_of(&stand, "credential.invalidated").await, 0);
        stand.finish(roles).await;
    }
}

#[tokio::test]
async fn killed_with_a_token_that_nobody_else_knows_one_spent_token_is_shown_and_a_reconnect_is_asked_for() {
    let (stand, roles) = killed_at("renew.answered").await;
    let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
    stand.until("the credential is found invalid", async || stand.number(invalid).await == 1).await;
    stand.idle().await;
    assert_eq!(stats(&stand, AppOf::Hubspot).spent_shown, 1, "at most one");
    assert_eq!(events_of(&stand, "credential.invalidated").await, 1);
    let why = stand.database.text("SELECT invalid_reason FROM credentials").await;
    assert_eq!(why, "reconnect: refresh was interrupted");
    assert_connected(&stand.connect_by_oauth("acme", AppOf::Hubspot, &FAST).await);
    stand.idle().await;
    assert_eq!(stats(&stand, AppOf::Hubspot).spent_shown, 1);
    let parked = "SELECT count(*) FROM sync_runs WHERE state = 'parked'";
    assert_eq!(stand.number(parked).await, 0);
    stand.finish(roles).await;
}

/// What a command says that fails, by a person who does this.
async fn refusal(stand: &Stand, of: AppOf, file: &str, person: impl AsyncFnOnce(String)) -> String {
    let args = stand.oauth_args("acme", of, file, &FAST);
    let consented = stand.with_person(&args, async |address, _| person(address).await).await;
    assert_eq!(consented.code, Some(1), "{}", consented.stderr);
    let words = consented.stderr.lines().last().expect("words").to_owned();
    assert!(words.contains("nothing was saved"), "{words}");
    words
}

/// A person who consents.
async fn consents(address: String) {
    let back = visit(&address).await.expect("the way back");
    visit(&back).await;
}

#[tokio::test]
async fn each_way_in_which_a_consent_fails_has_its_own_sentence_and_saves_nothing() {
    let stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let file = stand.app_file("acme", AppOf::Gong, None);
    let wrong_file = stand.path("wrong.json").display().to_string();
    std::fs::write(&wrong_file, r#"{"client_id":"acme-gong-app","client_secret":"planted-wrong"}"#)
        .expect("a file");
    let gong = AppOf::Gong;
    let mut sentences = Vec::new();
    let another_state = async |address: String| {
        let back = visit(&address).await.expect("the way back");
        let (start, _) = back.split_once("&state=").expect("a state");
        visit(&format!("{start}&state=guessed")).await;
    };
    sentences.push((refusal(&stand, gong, &file, another_state).await, "another state"));
    let too_late = async |address: String| {
        let back = visit(&address).await.expect("the way back");
        app(&stand, gong, AppChange::ExpireCodes);
        visit(&back).await;
    };
    sentences.push((refusal(&stand, gong, &file, too_late).await, "authorization code is expired"));
    let revoked = async |address: String| {
        let back = visit(&address).await.expect("the way back");
        app(&stand, gong, AppChange::Revoke);
        visit(&back).await;
    };
    sentences.push((refusal(&stand, gong, &file, revoked).await, "the app was revoked"));
    app(&stand, gong, AppChange::Restore);
    sentences.push((refusal(&stand, gong, &wrong_file, consents).await, "check --oauth-client-file"));
    app(&stand, gong, AppChange::SetDenial { denies: true });
    sentences.push((refusal(&stand, gong, &file, consents).await, "access_denied"));
    app(&stand, gong, AppChange::SetDenial { denies: false });
    // a host of another region, which knows nothing of this company
    let elsewhere = format!("{}/elsewhere", stand.gong_url());
    app(&stand, gong, AppChange::SetBaseUrl { url: Some(elsewhere) });
    sentences.push((refusal(&stand, gong, &file, consents).await, "there is no Gong API at"));
    app(&stand, gong, AppChange::SetBaseUrl { url: Some("ftp://api.gong.io".to_owned()) });
    sentences.push((refusal(&stand, gong, &file, consents).await, "company's host that gets no token"));
    app(&stand, gong, AppChange::SetBaseUrl { url: None });
    app(&stand, gong, AppChange::Withhold { scopes: vec!["api:calls:read:transcript".to_owned()] });
    sentences.push((refusal(&stand, gong, &file, consents).await, "missing scope api:calls:read:transcript"));
    let mut different: Vec<&str> = sentences.iter().map(|(words, _)| words.as_str()).collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), sentences.len());
    for (words, expected) in &sentences {
        assert!(words.contains(expected) && !words.contains("planted-wrong"), "{words}: {expected}");
    }
    assert!(stand.json(&["connections"]).await.is_empty());
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn an_address_or_a_code_that_is_pasted_connects_like_one_that_a_browser_brings() {
    let stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    let file = stand.app_file("acme", AppOf::Hubspot, Some("https://switchboard.acme.example/back"));
    let options = [&FAST[..], &["--paste-code"]].concat();
    let args = stand.oauth_args("acme", AppOf::Hubspot, &file, &options);
    for code_alone in [false, true] {
        let consented = stand.with_person(&args, async |address, stdin| {
            let back = visit(&address).await.expect("the way back");
            assert!(back.starts_with("https://switchboard.acme.example/back?code="), "{back}");
            let code = back.split_once("code=").and_then(|(_, rest)| rest.split_once('&')).expect("a code").0;
            let typed = if code_alone { code.to_owned() } else { back.clone() };
            tokio::io::AsyncWriteExt::write_all(stdin, format!("{typed}\n").as_bytes()).await.expect("typed");
        });
        assert_connected(&consented.await);
    }
    let elsewhere = stand.oauth_args("acme", AppOf::Hubspot, &file, &FAST);
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    let refused = stand.run(&elsewhere).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not on this machine: add --paste-code"));
    let unsaid = stand.app_file("acme", AppOf::Hubspot, None);
    let unsaid = stand.oauth_args("acme", AppOf::Hubspot, &unsaid, &options);
    let refused = stand.run(&unsaid.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("by `redirect_uri` where the vendor sends"));
    stand.finish(Vec::new()).await;
}
