//! The demo: it tells the whole story, its numbers are right, and it leaves nothing running.

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

/// The numbers of a line, in their order.
fn numbers(line: &str) -> Vec<u64> {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).map(|word| word.parse().expect("a number")).collect()
}

/// The only line that holds these words.
fn line<'a>(told: &'a str, words: &str) -> &'a str {
    let lines: Vec<&str> = told.lines().filter(|line| line.contains(words)).collect();
    assert_eq!(lines.len(), 1, "{words:?} in:\n{told}");
    lines[0]
}

#[tokio::test]
async fn a_demo_shows_each_meeting_of_two_recorders_once_and_its_sums_add_up() {
    let stand = Stand::fresh().await;
    let told = stand.ok(&["demo", "--calls", "300"]).await;
    for command in ["connect attention", "connect gong", "connect hubspot", "accounts import", "dead replay"]
    {
        assert!(told.contains(&format!("$ switchboard {command} ")), "{command} in:\n{told}");
    }
    let sums = numbers(line(&told, " listed = "));
    assert!(sums[0] > 0 && sums[0] == sums[1..].iter().sum::<u64>(), "{sums:?}");
    assert!(told.contains("\n0 dead letters are left"), "{told}");

    let stored = numbers(line(&told, "acme's conversations: "));
    let (conversations, meetings) = (stored[0], stored[1]);
    let both = numbers(line(&told, " meetings were recorded by both"));
    // no recorder has a meeting twice
    assert!(
        both[0] > 0 && conversations - meetings == both[0] && meetings == both[1],
        "{both:?} of {stored:?}"
    );
    let alone = numbers(line(&told, "globex's conversations: "));
    assert_eq!(alone[0], alone[1], "it has one recorder");

    let (_, shown) = told.split_once("were recorded by both").expect("that line");
    let entry = shown.lines().find(|line| line.contains("attention") && line.contains("gong"));
    assert!(entry.is_some(), "an entry with both sources in:\n{shown}");
    let (_, copies) = shown.split_once("$ switchboard meeting show ").expect("that command");
    let copies: Vec<&str> = copies.lines().skip(3).take(2).collect();
    for recorder in ["attention", "gong"] {
        assert!(copies.iter().any(|copy| copy.contains(recorder)), "{copies:?}");
    }
    stand.finish(Vec::new()).await;
}
