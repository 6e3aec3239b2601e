//! A planted key is in nothing that the system wrote, whatever the vendor says of it.

use simulator::{
    AppChange, AppOf, Change, DocumentSize, Endpoint, Fault, FaultRule, KeyLevel, WorkspaceSpec,
};
use stories::{Collector, Role, Stand, Traces, compare_with_truth};

const WRONG: &str = "sk-never-known-to-anybody";
const FIRST: &str = "sk-planted-0f3b/first";
const SECOND: &str = "sk-planted-9c21/second";

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        key: FIRST.to_owned(),
        conversations: 40,
        days: 10,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named("acme")
    }
}

/// The vendor quotes the key it was sent, the whole header, and the key as an address and as Basic would have it.
fn quoting(status: u16) -> FaultRule {
    let (in_address, in_base64) = ("sk-planted-0f3b%2Ffirst", "c2stcGxhbnRlZC0wZjNiL2ZpcnN0");
    FaultRule::from(Fault::Quoted {
        status,
        words: format!("not with {FIRST} (authorization: Bearer {FIRST}) or {in_address} or {in_base64}"),
    })
}

/// Where everything was written, spans among it: they are all told when a role has ended.
async fn all_written<'a>(stand: &'a Stand, collector: &Collector, roles: &mut [Role]) -> Traces<'a> {
    let traces = stand.traces(roles).await;
    for role in roles {
        role.stop().await;
    }
    traces.and("spans", collector.said())
}

fn spoil(stand: &Stand, rule: FaultRule) {
    stand.world().add_fault("acme", rule).expect("a fault");
}

/// Everything an operator may look at.
async fn look_at_everything(stand: &Stand, record: &str) {
    for args in [
        &["status"][..],
        &["connections"],
        &["runs"],
        &["dead", "groups"],
        &["dead", "list"],
        &["events", "tail", "-n", "1000"],
        &["where", record],
    ] {
        stand.ok(args).await;
        stand.json(args).await;
    }
    for letter in stand.json(&["dead", "list"]).await {
        stand.ok(&["dead", "show", letter["id"].as_str().expect("an id")]).await;
    }
}

#[tokio::test]
async fn a_planted_key_is_nowhere_even_after_a_401_and_where_the_vendor_quotes_it() {
    let collector = Collector::start().await;
    let mut stand = Stand::paced(collector.settings()).await;
    stand.vhost.tap().await;
    stand.tenant(spec()).await;
    stand.accounts("acme").await;
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    assert_eq!(stand.run_with_input(&connect, WRONG).await.status.code(), Some(1));
    spoil(&stand, quoting(401));
    assert_eq!(stand.run_with_input(&connect, FIRST).await.status.code(), Some(1));
    stand.world().clear_faults("acme").expect("mended");
    stand.connect("acme", FIRST, &["--backfill-days", "12"]).await;

    // a run that fails and a record that dies, each with the vendor's words
    let mut truth = stand.world().truth("acme").expect("a truth");
    let broken = truth.find(|one| one.skip.is_none()).expect("a call").id;
    spoil(&stand, quoting(500).at(Endpoint::Detail).on(&broken));
    let lists = stand.world().add_fault("acme", quoting(400).at(Endpoint::List)).expect("a fault");
    let mut roles = stand.start_all().await;
    stand.until("runs have failed", async || stand.dead().await >= 2).await;
    stand.world().remove_fault("acme", lists).expect("mended");
    stand.ok(&["sync", "acme/attention"]).await;
    let record = "SELECT count(*) FROM dead_letters WHERE stage = 'detail'";
    stand.until("the record is dead", async || stand.number(record).await == 1).await;
    spoil(&stand, quoting(401));
    stand.ok(&["sync", "acme/attention"]).await;
    let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
    stand.until("the key is found invalid", async || stand.number(invalid).await == 1).await;
    stand.idle().await;
    look_at_everything(&stand, &broken).await;

    stand.world().clear_faults("acme").expect("mended");
    let second = Change::AddKey { key: SECOND.to_owned(), level: KeyLevel::Organization };
    stand.world().change("acme", second).expect("a key");
    stand.connect("acme", SECOND, &[]).await;
    stand.idle().await;
    stand.sync_days("acme", 12).await;
    stand.ok(&["dead", "replay", "--all"]).await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    look_at_everything(&stand, &broken).await;

    let traces = all_written(&stand, &collector, &mut roles).await;
    // what is there is found in every kind of place, the vendor's words among it
    for (word, place) in [
        ("attention", "table connections"),
        ("fetcher_steps_total", "metrics of fetcher"),
        ("fetch_page", "fetcher-2.log"),
        ("fetch_page", "spans"),
        ("fetch.live", "messages"),
        ("credential.invalidated", "messages"),
        ("not with [secret]", "messages"),
        ("not with [secret]", "commands.log"),
        ("not with [secret]", "table dead_letters"),
        ("not with [secret]", "table outbox"),
    ] {
        let places = traces.of(word).await;
        assert!(places.contains(place), "{word} is in {place}: {places:?}");
    }
    for key in [WRONG, FIRST, SECOND] {
        let places = traces.of_secret(key).await;
        assert!(places.is_empty(), "{key} is in {places:?}");
    }
    stand.finish(roles).await;
}

#[tokio::test]
async fn no_token_code_or_apps_secret_is_anywhere_whatever_becomes_of_it() {
    let collector = Collector::start().await;
    let mut stand = Stand::paced(collector.settings()).await;
    stand.vhost.tap().await;
    let mut acme = spec();
    acme.settings.gong.rate_limit = None;
    stand.tenant(acme).await;
    stand.accounts("acme").await;
    let world = stand.world();
    let app = |app| world.change("acme", Change::App { of: AppOf::Gong, app }).expect("a change");
    // one consent that fails after the vendor gave tokens, one that works
    app(AppChange::Withhold { scopes: vec!["api:calls:read:extensive".to_owned()] });
    let options = ["--requests-per-second", "500"];
    assert_eq!(stand.connect_by_oauth("acme", AppOf::Gong, &options).await.code, Some(1));
    app(AppChange::Withhold { scopes: Vec::new() });
    assert_eq!(stand.connect_by_oauth("acme", AppOf::Gong, &options).await.code, Some(0));
    app(AppChange::SetLife { seconds: 3600 });
    let secrets = || world.app_secrets("acme", AppOf::Gong).expect("secrets");
    let connected_with = secrets();
    app(AppChange::ExpireAccessTokens);
    let mut roles = stand.start_all().await;
    stand.idle().await;
    // the vendor quotes what it is sent, where the token is asked for and where it is used
    let fresh: Vec<String> = secrets().into_iter().filter(|one| !connected_with.contains(one)).collect();
    let of_calls = fresh.iter().find(|one| one.starts_with("ey-")).expect("an access token");
    let of_tokens = fresh.iter().find(|one| one.starts_with("refresh-")).expect("a refresh token");
    let of_tokens = format!("not with {of_tokens} of {}", world.app("acme", AppOf::Gong).expect("an app").1);
    for (endpoint, status, words) in
        [(Endpoint::GongCalls, 401, format!("not with {of_calls}")), (Endpoint::GongToken, 400, of_tokens)]
    {
        spoil(&stand, FaultRule::from(Fault::Quoted { status, words }).at(endpoint));
    }
    stand.ok(&["sync", "acme/gong"]).await;
    let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
    stand.until("the credential is found invalid", async || stand.number(invalid).await == 1).await;
    stand.idle().await;
    let record = world.gong_truth("acme").expect("a truth").next().expect("a call").id;
    look_at_everything(&stand, &record).await;

    let traces = all_written(&stand, &collector, &mut roles).await;
    assert!(traces.of("fetch_page").await.contains("spans"));
    assert!(traces.of("renewed the access token").await.contains("fetcher-2.log"));
    assert!(traces.of("not with [secret] of [secret]").await.contains("table outbox"));
    for secret in secrets() {
        let places = traces.of_secret(&secret).await;
        assert!(places.is_empty(), "{secret} is in {places:?}");
    }
    stand.finish(roles).await;
}
