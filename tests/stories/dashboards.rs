//! Dashboards, alerts and the table of numbers say what the running system says: looked at with a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use queue::Outgoing;
use queue::topology::RESOLVE_QUEUE;
use serde_json::Value;
use simulator::{AddedKind, Change, Shares, WorkspaceSpec};
use stories::{OBSERVABILITY, Prometheus, Role, Stand};

/// What Grafana puts in place of its own names.
const WITHIN: (&str, &str) = ("$__rate_interval", "1m");

fn dashboards() -> BTreeMap<String, Value> {
    let folder = std::fs::read_dir(Path::new(OBSERVABILITY).join("dashboards")).expect("the dashboards");
    let files = folder.flatten().map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a dashboard");
            (
                path.file_stem().expect("a name").to_string_lossy().into_owned(),
                serde_json::from_str(&text).expect("JSON"),
            )
        })
        .collect()
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

/// The panels that show numbers, with the dashboard's name.
fn panels(dashboards: &BTreeMap<String, Value>) -> Vec<(&str, &Value)> {
    let all = dashboards
        .iter()
        .flat_map(|(name, one)| list(one, "panels").iter().map(move |panel| (name.as_str(), panel)));
    all.filter(|(_, panel)| panel["type"] != "row").collect()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

#[test]
fn every_panel_answers_a_question_in_a_unit_and_leads_to_the_runbook_where_it_has_a_limit() {
    let runbook = std::fs::read_to_string(Path::new(OBSERVABILITY).join("runbook.md")).expect("the runbook");
    let sections: BTreeSet<String> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    let dashboards = dashboards();
    assert_eq!(dashboards.len(), 4, "{:?}", dashboards.keys());
    let mut linked = BTreeSet::new();
    for (dashboard, panel) in panels(&dashboards) {
        let (title, defaults) = (text(panel, "title"), &panel["fieldConfig"]["defaults"]);
        let name = format!("{dashboard}: {title}");
        assert!(title.ends_with('?'), "{name}: its title is no question");
        assert!(!text(panel, "description").is_empty(), "{name}: it is not described");
        assert!(defaults["unit"].is_string(), "{name}: it has no unit");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: whose numbers?");
        let links: Vec<&str> = list(panel, "links").iter().map(|link| text(link, "url")).collect();
        for link in &links {
            let section = link.strip_prefix("${runbook}#").expect("a link into the runbook");
            assert!(sections.contains(section), "{name}: {section} is no section of the runbook");
            linked.insert(section.to_owned());
        }
        assert!(!list(panel, "targets").is_empty(), "{name}: it shows nothing");
    }
    let unseen: Vec<&String> =
        sections.difference(&linked).filter(|section| section.starts_with("switchboard")).collect();
    assert!(unseen.len() < 3, "alerts without a panel: {unseen:?}");
}

#[test]
fn panels_have_their_own_ids_and_places() {
    for (name, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in list(&dashboard, "panels") {
            assert!(ids.insert(panel["id"].as_i64().expect("an id")), "{name}: {panel}");
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for x in place("x")..place("x") + place("w") {
                assert!(x < 24, "{name}: {} is too wide", panel["title"]);
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: {} lies over another", panel["title"]);
                }
            }
        }
    }
}

/// A system with something of everything: history, a fresh call, a tenant without accounts' worth of trouble, a dead letter.
async fn lived_in() -> (Stand, Vec<Role>) {
    let pace = [("SWITCHBOARD_COUNT_S", "0.5"), ("SWITCHBOARD_TENANT_METRICS", "true")];
    let mut stand = Stand::paced(pace.map(|(name, value)| (name, value.to_owned())).to_vec()).await;
    let spec = WorkspaceSpec { conversations: 20, shares: Shares::NONE, ..WorkspaceSpec::named("acme") };
    stand.connected(spec, &["--backfill-days", "3"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    stand.database.execute("UPDATE streams SET live_from = now() - interval '1 day'").await;
    let now = Some(stand.world().now());
    let add = Change::Add { count: 2, finished_at: now, kind: AddedKind::Ordinary };
    stand.world().change("acme", add).expect("calls");
    stand.sync("acme").await;
    (stand, roles)
}

/// What never died is of no class.
async fn let_something_die(stand: &Stand) {
    let broker = stand.vhost.broker();
    let garbage = Outgoing::to_work(&RESOLVE_QUEUE, b"garbage".to_vec());
    broker.publisher().publish(garbage).await.expect("published");
    broker.close().await;
}

/// Every expression of every panel, by where it stands.
fn expressions() -> Vec<(String, String)> {
    let dashboards = dashboards();
    let all = panels(&dashboards).into_iter().flat_map(|(dashboard, panel)| {
        let name = format!("{dashboard}: {}", text(panel, "title"));
        let expressions =
            list(panel, "targets").iter().map(|target| text(target, "expr").replace(WITHIN.0, WITHIN.1));
        expressions.map(move |expression| (name.clone(), expression)).collect::<Vec<_>>()
    });
    all.collect()
}

/// A number and, of a label that is compared with certain values, each of them.
fn selectors(rules: &str) -> BTreeSet<(String, Option<String>)> {
    let mut found = BTreeSet::new();
    for (at, _) in rules.match_indices(|c: char| c.is_ascii_lowercase()) {
        let before = rules[..at].chars().next_back();
        let name: String =
            rules[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let is_ours = ["switchboard_", "fetcher_", "normalizer_", "scheduler_", "steward_"];
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '#')
            || !is_ours.iter().any(|prefix| name.starts_with(prefix))
        {
            continue;
        }
        let rest = &rules[at + name.len()..];
        let matcher =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(matcher, _)| matcher);
        match matcher.and_then(|matcher| matcher.split_once('"')) {
            Some((label, values)) if !label.contains('!') => {
                let label = label.trim_end_matches(['=', '~']);
                let values = values.trim_end_matches('"').split('|');
                found.extend(values.map(|value| (name.clone(), Some(format!("{label}=\"{value}\"")))));
            }
            _ => drop(found.insert((name, None))),
        }
    }
    found
}

/// What the selectors of the alerts ask for, as expressions.
fn asked_by_alerts() -> Vec<(String, String)> {
    let rules = std::fs::read_to_string(Path::new(OBSERVABILITY).join("alerts.yaml")).expect("the alerts");
    let asked = selectors(&rules).into_iter();
    asked
        .map(|(name, label)| ("alerts".to_owned(), format!("{name}{{{}}}", label.unwrap_or_default())))
        .collect()
}

#[tokio::test]
async fn no_panel_is_empty_no_alert_asks_for_what_is_not_there_and_none_begins_on_a_system_that_is_well() {
    let (stand, roles) = lived_in().await;
    let prometheus = Prometheus::start(&roles, &stand.path(""));
    let known = async || {
        let series = prometheus.query("count(count by (instance) (switchboard_counted_timestamp_seconds or fetcher_steps_total or normalizer_documents_total or scheduler_rows_total))").await;
        series.is_ok_and(|series| series.first().is_some_and(|one| one["value"][1] == "4"))
    };
    stand.until("four roles are scraped", known).await;
    stand
        .until("every rule has been gone through", async || {
            prometheus.rules_that_fail().await.is_ok_and(|rules| rules.is_empty())
        })
        .await;
    // one that begins before anything was scraped ends with the next round
    stand.until("no alert has begun", async || prometheus.alerts().await == Ok(Vec::new())).await;

    let_something_die(&stand).await;
    let mut asked = [expressions(), asked_by_alerts()].concat();
    assert!(asked.len() > 80, "{}", asked.len());
    stand
        .until("everything that is asked for is there", async || {
            let mut empty = Vec::new();
            for (place, expression) in std::mem::take(&mut asked) {
                let answer = prometheus.query(&expression).await;
                let series = answer.unwrap_or_else(|error| panic!("{place}: {expression}: {error}"));
                if series.is_empty() {
                    empty.push((place, expression));
                }
            }
            asked = empty;
            if !asked.is_empty() {
                println!("empty: {asked:#?}");
            }
            asked.is_empty()
        })
        .await;
    let dead = Ok(vec!["SwitchboardDeadLetters".to_owned()]);
    stand
        .until("the alert on dead letters has begun, and no other", async || {
            prometheus.alerts().await == dead
        })
        .await;
    compare_with_the_table(&roles).await;
    prometheus.stop().await;
    stand.finish(roles).await;
}

/// The table of the README lists every number that the roles show, with its labels and its help, and no other.
async fn compare_with_the_table(roles: &[Role]) {
    let mut shown = BTreeMap::new();
    for role in roles {
        shown.extend(table_of(&role.get("/metrics").await));
    }
    let rows: Vec<String> = shown.into_values().collect();
    let readme = std::fs::read_to_string(Path::new(OBSERVABILITY).join("README.md")).expect("the README");
    let listed: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("| `") && line.contains('_')).collect();
    assert_eq!(listed, rows, "the table should be\n{}", rows.join("\n"));
}

/// Rows of the table, by number: what is of the process itself is not ours.
fn table_of(numbers: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for line in numbers.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name.to_owned(), kind.to_owned());
        }
    }
    for line in numbers.lines() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        if name.starts_with("process_") {
            continue;
        }
        let labels = labels_of(numbers, name).join(", ");
        let row = format!("| `{name}` | {} | {labels} | {help} |", kinds[name]);
        rows.insert(name.to_owned(), row);
    }
    rows
}

fn labels_of(numbers: &str, name: &str) -> Vec<String> {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']) || rest.starts_with("_bucket{"))
    };
    let Some((_, labels)) = numbers.lines().find(of_it).and_then(|line| line.split_once('{')) else {
        return Vec::new();
    };
    let labels = labels.rsplit_once('}').expect("an end of labels").0;
    let names =
        labels.split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned());
    names.filter(|label| label != "le").collect()
}
