//! The demo, as far as it must leave nothing running.

use std::time::Duration;

use rustix::process::Signal;
use stories::Stand;

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // the name, in brackets, may hold anything
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|command| !command.is_empty())
}

#[tokio::test]
async fn a_demo_that_alone_is_told_to_end_takes_its_roles_with_it() {
    let mut stand = Stand::fresh().await;
    let mut demo = stand.start("demo").await;
    stand.until("its roles run", async || children(demo.pid()).len() >= 5).await;
    let roles = children(demo.pid());
    demo.signal(Signal::TERM);
    let status = demo.ended(Duration::from_secs(40)).await;
    assert_eq!(status.code(), Some(1), "{}", demo.log());
    assert!(demo.log().contains("the demo was ended before its end"), "{}", demo.log());
    let left: Vec<&u32> = roles.iter().filter(|role| is_running(**role)).collect();
    assert!(left.is_empty(), "still running: {left:?}");
    stand.discard(Vec::new()).await;
}
