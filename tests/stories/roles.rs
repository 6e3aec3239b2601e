//! Life of a role: it waits for what is not there yet or any more, says whether it is ready, and ends cleanly.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use simulator::WorkspaceSpec;
use stories::{Role, Stack, Stand, compare_with_truth};

#[tokio::test]
async fn a_role_waits_for_a_schema_that_is_not_there_and_then_is_ready() {
    let mut stand = Stand::fresh().await;
    stand.database.execute("UPDATE refinery_schema_history SET version = -version WHERE version > 2").await;
    let mut roles = stand.start_all().await;
    for role in &roles {
        stand.until("it listens", async || role.address().is_some()).await;
        assert!(role.get("/healthz").await.starts_with("HTTP/1.1 200"));
        stand
            .until("it says what it waits for", async || {
                let answer = role.get("/readyz").await;
                answer.starts_with("HTTP/1.1 503") && answer.contains("switchboard migrate")
            })
            .await;
    }
    stand.database.execute("UPDATE refinery_schema_history SET version = -version WHERE version < 0").await;
    for role in &roles {
        stand.until("it is ready", async || role.get("/readyz").await.starts_with("HTTP/1.1 200")).await;
        assert!(role.get("/metrics").await.contains("process_cpu_seconds_total"));
    }
    let all = stand.start("all").await;
    stand.until("all roles in one process", async || all.address().is_some()).await;
    stand.until("it is ready", async || all.get("/readyz").await.starts_with("HTTP/1.1 200")).await;
    for name in ["scheduler_rows_total", "fetcher_steps_total", "normalizer_", "steward_letters_filed_total"]
    {
        assert!(all.get("/metrics").await.contains(name), "{name}");
    }
    roles.push(all);
    stand.finish(roles).await;
}

/// Which dump of its memory a process may leave behind.
fn dump_limit(pid: u32) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("a process that runs");
    let line =
        limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit").to_owned();
    line.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_process_that_dies_leaves_nothing_of_its_memory_behind() {
    // as on a machine that keeps dumps of whatever dies
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).expect("no more than is allowed");
    let mut stand = Stand::fresh().await;
    for role in ["scheduler", "fetcher", "normalizer", "steward", "all"] {
        let mut role = stand.start(role).await;
        until_ready(&stand, &role).await;
        assert_eq!(dump_limit(role.pid()), "0 0", "of {}", role.name());
        role.signal(Signal::ABORT);
        let status = role.ended(Duration::from_secs(10)).await;
        assert_eq!((status.signal(), status.core_dumped()), (Some(Signal::ABORT.as_raw()), false));
    }
    assert_ne!(
        dump_limit(std::process::id()).split(' ').next(),
        Some("0"),
        "others may, or this tells nothing"
    );
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_role_with_anothers_login_waits_and_says_which_it_needs() {
    let mut stand = Stand::fresh().await;
    let anothers = stand.database.url_for("fetcher");
    let settings = [("DATABASE_URL", secrecy::ExposeSecret::expose_secret(&anothers))];
    let mut role = stand.start_with("normalizer", &settings).await;
    stand.until("it listens", async || role.address().is_some()).await;
    until_closed(
        &stand,
        &role,
        "database",
        r#"the database login \"switchboard_test_fetcher\" may not do what"#,
    )
    .await;
    let answer = role.get("/readyz").await;
    assert!(answer.contains("GRANT switchboard_normalizer TO switchboard_test_fetcher"), "{answer}");
    assert!(role.is_running());
    stand.finish(vec![role]).await;
}

#[tokio::test]
async fn a_role_with_anothers_user_at_the_broker_says_what_it_may_not_and_goes_on_when_it_may() {
    let mut stand = Stand::fresh().await;
    let spec = WorkspaceSpec { conversations: 20, days: 5, ..WorkspaceSpec::named("acme") };
    stand.connected(spec, &[]).await;
    let anothers = stand.vhost.url_for("desk");
    let settings = [("AMQP_URL", &*anothers)];
    let sender = stand.start_with("scheduler", &settings).await;
    let taker = stand.start_with("normalizer", &settings).await;
    for (role, door) in [(&sender, "publishing"), (&taker, "consuming normalize.live")] {
        stand.until("it listens", async || role.address().is_some()).await;
        until_closed(&stand, role, door, "the broker forbids it: ").await;
        assert!(role.get("/readyz").await.contains("deploy/security.md"));
    }
    let output = stand.run_with(&[("AMQP_MIGRATE_URL", &anothers)], &["migrate"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the broker forbids it"), "{said}");

    stand.vhost.let_do("desk", "all").await;
    let fetcher = stand.start("fetcher").await;
    until_ready(&stand, &sender).await;
    until_ready(&stand, &taker).await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    let steward = stand.start("steward").await;
    stand.idle().await;
    stand.finish(vec![sender, taker, fetcher, steward]).await;
}

async fn until_ready(stand: &Stand, role: &Role) {
    stand
        .until("it is ready", async || {
            role.address().is_some() && role.get("/readyz").await.starts_with("HTTP/1.1 200")
        })
        .await;
}

async fn until_closed(stand: &Stand, role: &Role, door: &str, reason: &str) {
    let closed = format!(r#""{door}":{{"open":false,"reason":"{reason}"#);
    stand
        .until("it names the door", async || {
            let answer = role.get("/readyz").await;
            answer.starts_with("HTTP/1.1 503") && answer.contains(&closed)
        })
        .await;
}

#[tokio::test]
async fn a_role_with_nothing_to_do_says_that_the_database_is_away_and_when_it_is_back() {
    let stack = Stack::up().await;
    let mut stand = Stand::on_stack(&stack).await;
    let roles = vec![stand.start("fetcher").await, stand.start("normalizer").await];
    for role in &roles {
        until_ready(&stand, role).await;
    }
    stack.give("kill-postgres").await;
    for role in &roles {
        until_closed(&stand, role, "database", "").await;
    }
    stack.give("start-postgres").await;
    for role in &roles {
        until_ready(&stand, role).await;
    }
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_role_says_which_of_its_queues_is_gone_and_when_it_is_back() {
    let mut stand = Stand::fresh().await;
    let roles = vec![stand.start("fetcher").await, stand.start("steward").await];
    for role in &roles {
        until_ready(&stand, role).await;
    }
    for (role, queue) in roles.iter().zip(["fetch.live", "resolve.dead"]) {
        stand.vhost.delete_queue(queue).await;
        until_closed(&stand, role, &format!("consuming {queue}"), "missing on the broker").await;
    }
    stand.ok(&["migrate"]).await;
    for role in &roles {
        until_ready(&stand, role).await;
    }
    stand.finish(roles).await;
}
