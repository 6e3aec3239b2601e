//! The settings there are, and what is set that nothing reads.

use runtime::Env;

/// Every setting with its explanation; what is read and what is listed are the same.
const LISTED: &str = include_str!("../../../deploy/env.example");

/// Warns of every setting that nothing reads: whoever has misspelt one believes that it holds.
pub(crate) fn warn_of_unknown(env: &Env) {
    let mut unknown: Vec<&str> =
        env.names().filter(|name| is_ours(name) && !listed().any(|one| one == *name)).collect();
    unknown.sort_unstable();
    for name in unknown {
        let nearest = nearest(name).unwrap_or("none");
        tracing::warn!(
            name,
            nearest,
            "nothing reads this setting; all there are stand in deploy/env.example"
        );
    }
}

fn listed() -> impl Iterator<Item = &'static str> {
    LISTED.lines().filter_map(|line| Some(line.trim_start_matches('#').split_once('=')?.0))
}

/// Scripts and tests have variables of their own, and so has Kubernetes for a service of our name.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("SWITCHBOARD_").is_some_and(|rest| {
        !["TEST_", "LOCAL_", "SERVICE_", "PORT"].iter().any(|others| rest.starts_with(others))
    })
}

fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |one: &str| strsim::jaro_winkler(one, name);
    listed().filter(|one| is_ours(one)).max_by(|left, right| likeness(left).total_cmp(&likeness(right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_near_the_one_that_was_meant() {
        for (misspelt, meant) in [
            ("SWITCHBOARD_GRACE", "SWITCHBOARD_GRACE_S"),
            ("SWITCHBOARD_MASTER_KEY", "SWITCHBOARD_MASTER_KEY_FILE"),
            ("SWITCHBOARD_SLICE_DAY", "SWITCHBOARD_SLICE_DAYS"),
        ] {
            assert!(is_ours(misspelt) && !listed().any(|one| one == misspelt), "{misspelt}");
            assert_eq!(nearest(misspelt), Some(meant));
        }
        for others in [
            "SWITCHBOARD_PORT_8080_TCP",
            "SWITCHBOARD_SERVICE_HOST",
            "SWITCHBOARD_TEST_STACK",
            "DATABASE_URL",
        ] {
            assert!(!is_ours(others), "{others}");
        }
    }
}
