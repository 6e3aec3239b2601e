//! Life of a role: it waits for what is not there yet, says whether it is ready, and ends cleanly.

use stories::Stand;

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
