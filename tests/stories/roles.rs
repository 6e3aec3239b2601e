//! Life of a role: it waits for what is not there yet or any more, says whether it is ready, and ends cleanly.

use stories::{Role, Stack, Stand};

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
