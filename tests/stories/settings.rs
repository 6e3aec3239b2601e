//! `deploy/env.example` lists every variable the code reads, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use simulator::WorkspaceSpec;
use stories::Stand;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Variables of tests and of the processes' surroundings, which nobody sets for production.
fn is_production(name: &str) -> bool {
    !name.starts_with("SWITCHBOARD_TEST_") && !name.starts_with("SWITCHBOARD_LOCAL_")
}

fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let prefixes = ["SWITCHBOARD_", "AMQP_", "DATABASE_", "GCE_", "GOOGLE_", "OTEL_"];
    let named = words
        .filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix) && word.len() > prefix.len()));
    named.map(str::to_owned).filter(|name| is_production(name)).collect()
}

/// Names in string literals of the sources: what is read, not what a comment mentions.
fn read_by_the_code(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        // what only tests are linked with is set by the scripts, not by operators
        if path.ends_with("testing") {
            continue;
        }
        if path.is_dir() {
            read_by_the_code(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let literals = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
            let is_name = |text: &String| {
                text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            };
            names.extend(literals.filter(is_name).flat_map(|literal| names_in(&literal)));
        }
    }
}

#[test]
fn every_setting_is_listed_and_every_listed_one_is_read() {
    let mut read = BTreeSet::new();
    for krate in std::fs::read_dir(Path::new(ROOT).join("crates")).expect("the crates").flatten() {
        let sources = krate.path().join("src");
        if sources.is_dir() {
            read_by_the_code(&sources, &mut read);
        }
    }
    let example = std::fs::read_to_string(Path::new(ROOT).join("deploy/env.example")).expect("the example");
    let settings = example
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter_map(|line| line.split_once('='));
    let listed: BTreeSet<String> = settings.flat_map(|(name, _)| names_in(name)).collect();
    assert_eq!(read, listed);
}

#[tokio::test]
async fn a_window_is_cut_into_slices_as_long_as_the_setting_says() {
    let stand = Stand::fresh().await;
    stand.connected(WorkspaceSpec::named("acme"), &[]).await;
    let window = ["sync", "acme/attention", "--from", "2026-01-01", "--to", "2026-01-04"];
    for (days, runs) in [("7", "planned 1 "), ("2", "planned 2 "), ("1", "planned 4 ")] {
        let output = stand.run_with(&[("SWITCHBOARD_SLICE_DAYS", days)], &window).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with(runs), "{days}: {said}");
    }
    let output = stand.run_with(&[("SWITCHBOARD_SLICE_DAYS", "0")], &window).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("SWITCHBOARD_SLICE_DAYS is not valid"));
    stand.finish(Vec::new()).await;
}
