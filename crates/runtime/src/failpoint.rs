//! Places where a test may kill the process.

/// Every failpoint; naming one that is not here does not compile.
pub const ALL: &[&str] = &[
    // fetcher
    "fetch.claimed",
    "fetch.permitted",
    "fetch.listed",
    "fetch.published",
    "fetch.checkpointed",
    "fetch.nudged",
    "fetch.parked",
    "fetch.record_letter_left",
    "fetch.run_letter_left",
    "fetch.refusal_noted",
    "fetch.invalidated",
    "renew.intended",
    "renew.answered",
    "renew.kept",
    // normalizer
    "normalize.received",
    "normalize.mapped",
    "normalize.written",
    "normalize.committed",
    "normalize.diverted",
    "resolve.linked",
    "resolve.committed",
    // scheduler
    "schedule.planned",
    "schedule.nudge_marked",
    "schedule.change_taken",
    "schedule.batches_marked",
    "outbox.published",
    // steward
    "steward.filed",
    "replay.published",
    "replay.sent",
];

/// Kills the process here, as by SIGKILL, if the feature `failpoints` is on and `SWITCHBOARD_FAILPOINT` is this name, or
/// `name:N` for the N-th time it gets here. Does nothing otherwise.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::failpoint::is_listed($name), "not in runtime::failpoint::ALL") };
        $crate::failpoint::hit($name);
    }};
}

/// Whether a failpoint of this name exists.
pub const fn is_listed(name: &str) -> bool {
    let mut index = 0;
    while index < ALL.len() {
        if same(ALL[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Does nothing: the feature `failpoints` is off.
#[cfg(not(feature = "failpoints"))]
pub const fn hit(_name: &str) {}

#[cfg(feature = "failpoints")]
pub use armed::hit;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::Env;

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    #[derive(Debug)]
    struct Armed {
        name: String,
        hits_left: AtomicU64,
    }

    impl Armed {
        fn parse(setting: &str) -> Self {
            let (name, hits) = setting.split_once(':').unwrap_or((setting, "1"));
            let hits = hits.parse().expect("SWITCHBOARD_FAILPOINT is a name, or a name and a number");
            assert!(
                super::is_listed(name),
                "SWITCHBOARD_FAILPOINT is not in runtime::failpoint::ALL: {name}"
            );
            Self { name: name.to_owned(), hits_left: AtomicU64::new(hits) }
        }
    }

    /// Kills the process if it is armed for this point and the hits before it are used up.
    pub fn hit(name: &str) {
        let armed = ARMED.get_or_init(|| {
            Env::from_process().text("SWITCHBOARD_FAILPOINT").map(|setting| Armed::parse(&setting))
        });
        if let Some(armed) = armed.as_ref().filter(|armed| armed.name == name)
            && armed.hits_left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            die();
        }
    }

    fn die() {
        use rustix::process::{Signal, getpid, kill_process};
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        loop {
            std::thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_is_known_by_its_whole_name() {
        assert!(ALL.iter().all(|name| is_listed(name)));
        assert!(!is_listed("fetch") && !is_listed("") && !is_listed("fetch.claimeD"));
    }

    #[test]
    fn an_unarmed_failpoint_is_passed() {
        failpoint!("fetch.claimed");
    }
}
