//! One trace from the schedule to the commit, across processes; and a collector that is away is nobody's trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use simulator::{Fault, FaultRule, Shares, WorkspaceSpec};
use stories::{Collector, Role, Stand, Told};
use tokio::time::Instant;

const ROLES: [&str; 4] = ["scheduler", "fetcher", "normalizer", "steward"];

fn spec() -> WorkspaceSpec {
    WorkspaceSpec { conversations: 20, days: 2, shares: Shares::NONE, ..WorkspaceSpec::named("acme") }
}

async fn start_all(stand: &mut Stand, settings: &[(&str, &str)]) -> Vec<Role> {
    let mut roles = Vec::new();
    for role in ROLES {
        roles.push(stand.start_with(role, settings).await);
    }
    roles
}

/// Spans by trace.
fn by_trace(told: &[Told]) -> BTreeMap<String, Vec<Told>> {
    let mut traces: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for span in told {
        traces.entry(span.trace.clone()).or_default().push(span.clone());
    }
    traces
}

/// A trace in which every process took part, and of which nothing is missing.
fn across_all(told: &[Told]) -> Option<Vec<Told>> {
    let services = |spans: &[Told]| spans.iter().map(|span| span.service.clone()).collect::<BTreeSet<_>>();
    let is_whole = |spans: &[Told]| {
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        spans.iter().all(|span| span.parent.is_empty() || ids.contains(span.parent.as_str()))
    };
    let named = |spans: &[Told], name: &str| spans.iter().any(|span| span.name == name);
    by_trace(told).into_values().find(|spans| {
        services(spans).len() == ROLES.len()
            && is_whole(spans)
            && named(spans, "store")
            && named(spans, "file_letter")
    })
}

/// From a span up to the one that began the trace, by name.
fn way_up(spans: &[Told], from: &Told) -> Vec<String> {
    let mut way = vec![from.name.clone()];
    let mut at = from;
    while let Some(parent) = spans.iter().find(|span| span.id == at.parent) {
        way.push(parent.name.clone());
        at = parent;
    }
    assert_eq!(at.parent, "", "{} belongs to a span that nobody told of", at.name);
    way
}

/// Lines of the processes' logs that name this trace.
fn logged(stand: &Stand, trace: &str) -> Vec<Value> {
    let files = std::fs::read_dir(stand.path("")).expect("the folder").flatten().map(|entry| entry.path());
    let roles = files
        .filter(|path| ROLES.iter().any(|role| path.display().to_string().contains(&format!("/{role}-"))));
    let lines = roles.flat_map(|path| {
        let text = std::fs::read_to_string(&path).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect::<Vec<Value>>()
    });
    lines
        .filter(|line| {
            line["spans"].as_array().is_some_and(|spans| spans.iter().any(|span| span["trace.id"] == trace))
        })
        .collect()
}

#[tokio::test]
async fn one_trace_leads_from_the_schedule_to_the_commit_and_to_what_died_on_the_way() {
    let collector = Collector::start().await;
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "3"]).await;
    let mut truth = stand.world().truth("acme").expect("a truth");
    let odd = truth.find(|one| one.skip.is_none() && one.segments > 0).expect("a call").id;
    stand.world().add_fault("acme", FaultRule::from(Fault::WrongTypes).on(&odd)).expect("a fault");
    let settings = collector.settings();
    let mut settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.push(("SWITCHBOARD_LOG_FORMAT", "json"));
    // so that it dies in the trace of the page that it stands on
    settings.push(("SWITCHBOARD_DETAIL_ATTEMPTS", "1"));
    let roles = start_all(&mut stand, &settings).await;
    // the schedule and the history may both come upon it
    stand.until("a record is dead", async || stand.dead().await > 0).await;
    stand
        .until("a trace leads through every process", async || across_all(&collector.told()).is_some())
        .await;
    let trace = across_all(&collector.told()).expect("a trace");

    let named = |name: &str| {
        trace.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {trace:#?}"))
    };
    let asked = way_up(&trace, named("ask_vendor"));
    assert_eq!(
        (&asked[..2], &asked[asked.len() - 1]),
        (&["ask_vendor", "fetch_page"].map(str::to_owned)[..], &"nudge".to_owned())
    );
    let stored = way_up(&trace, named("store"));
    assert_eq!(stored[..4], ["store", "normalize_batch", "publish", "fetch_page"], "{stored:?}");
    let filed = way_up(&trace, named("file_letter"));
    assert_eq!(
        filed[..3],
        ["file_letter", "publish", "fetch_page"],
        "a letter keeps the trace of its record"
    );

    let told: Vec<String> = logged(&stand, &trace[0].trace)
        .iter()
        .map(|line| line["message"].as_str().expect("words").to_owned())
        .collect();
    for message in
        ["listed a window to its end", "batch done", "filed a dead letter; see `switchboard dead show`"]
    {
        assert!(told.iter().any(|line| line == message), "no log of {message:?} names the trace: {told:#?}");
    }
    stand.idle().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_holds_nothing_up_and_is_missed_once() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "3"]).await;
    // takes connections and answers none
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let hangs = format!("http://{}", silent.local_addr().expect("an address"));
    let away = "http://127.0.0.1:1";
    let mut roles = Vec::new();
    for (role, endpoint) in ROLES.iter().zip([away, &hangs, away, &hangs]) {
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
        ];
        roles.push(stand.start_with(role, &settings).await);
    }
    stand.idle().await;
    let wanted = stand.world().truth("acme").expect("a truth").filter(|one| one.skip.is_none()).count();
    assert_eq!(stand.stored("acme").await, wanted);
    let words = "traces cannot be told, and are dropped";
    let missed = || {
        let log = |name: &str| std::fs::read_to_string(stand.path(name)).expect("a log");
        ["scheduler-1.log", "normalizer-3.log"].map(|name| log(name).matches(words).count())
    };
    stand.until("it is missed", async || missed() == [1, 1]).await;
    let began = Instant::now();
    for role in &mut roles {
        role.stop().await;
    }
    assert!(began.elapsed() < Duration::from_secs(30), "what cannot be told any more is not waited for");
    assert_eq!(missed(), [1, 1], "said once");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn the_log_tells_more_and_less_again_while_a_role_runs() {
    let mut stand = Stand::fresh().await;
    // each time it counts it opens and closes a connection
    let role = stand.start_with("steward", &[("SWITCHBOARD_COUNT_S", "0.3")]).await;
    let said = |words: &str| {
        std::fs::read_to_string(stand.path("steward-1.log")).is_ok_and(|log| log.contains(words))
    };
    stand.until("it has started", async || said("started role=")).await;
    assert!(!said("DEBUG"), "debug is not logged by itself");
    role.signal(Signal::USR1);
    stand.until("it logs from debug", async || said("closed a connection")).await;
    role.signal(Signal::USR2);
    stand.until("it is as it was", async || said("filter=\"info\"")).await;
    assert!(!said("DEBUG lapin") && !said("DEBUG tokio"), "libraries stay quiet");
    stand.finish(vec![role]).await;
}
