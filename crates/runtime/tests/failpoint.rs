//! A failpoint kills the process that passes it, and only then. Runs itself again as the victim.
#![cfg(feature = "failpoints")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

/// Not a claim of its own: passes the point three times, and survives unless it is armed.
#[test]
fn victim_passes_the_point_three_times() {
    for _ in 0..3 {
        runtime::failpoint!("fetch.listed");
    }
}

fn run_victim(armed: &str) -> ExitStatus {
    Command::new(std::env::current_exe().expect("a test knows its program"))
        .args(["--exact", "victim_passes_the_point_three_times"])
        .env("SWITCHBOARD_FAILPOINT", armed)
        .output()
        .expect("a test may run itself")
        .status
}

#[test]
fn the_armed_point_kills_the_process_at_its_nth_hit_and_no_other_point_does() {
    assert_eq!(run_victim("fetch.listed").signal(), Some(9));
    assert_eq!(run_victim("fetch.listed:3").signal(), Some(9));
    assert!(run_victim("fetch.listed:4").success());
    assert!(run_victim("fetch.nudged").success());
    assert!(!run_victim("fetch.unknown").success(), "a typing error in the setting is noticed");
}
