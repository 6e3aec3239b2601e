//! What the alerts of `deploy/observability` ask for is there: an alert on a number that nobody counts never fires.

use std::collections::BTreeSet;
use std::path::Path;

use queue::Outgoing;
use queue::topology::RESOLVE_QUEUE;
use simulator::WorkspaceSpec;
use stories::Stand;

const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/observability/alerts.yaml");

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

#[tokio::test]
async fn every_number_that_an_alert_asks_for_is_counted() {
    let rules = std::fs::read_to_string(Path::new(ALERTS)).expect("the alerts");
    let asked = selectors(&rules);
    assert!(asked.len() > 20, "{asked:?}");
    let mut stand = Stand::fresh().await;
    stand.connected(WorkspaceSpec { conversations: 20, ..WorkspaceSpec::named("acme") }, &[]).await;
    let all = stand.start("all").await;
    stand.idle().await;
    // what never died is of no class
    let broker = stand.vhost.broker();
    broker
        .publisher()
        .publish(Outgoing::to_work(&RESOLVE_QUEUE, b"garbage".to_vec()))
        .await
        .expect("published");
    broker.close().await;
    let counted = |numbers: &str, (name, label): &(String, Option<String>)| {
        let mut lines = numbers.lines().filter(|line| !line.starts_with('#'));
        lines.any(|line| {
            line.starts_with(&format!("{name}{{")) && label.as_ref().is_none_or(|label| line.contains(label))
                || label.is_none() && line.starts_with(&format!("{name} "))
        })
    };
    stand
        .until("every number is there", async || {
            let numbers = all.get("/metrics").await;
            let missing: Vec<_> = asked.iter().filter(|one| !counted(&numbers, one)).collect();
            if !missing.is_empty() {
                println!("not counted yet: {missing:?}");
            }
            missing.is_empty()
        })
        .await;
    stand.finish(vec![all]).await;
}
