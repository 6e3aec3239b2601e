//! Life of a role: it waits for what is not there yet, says whether it is ready, and ends cleanly.

use stories::{Role, Stand};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where a role serves its health, as its log says.
fn address(role: &Role) -> Option<String> {
    let log = role.log();
    let line = log.lines().find(|line| line.contains("started role="))?;
    Some(line.split("address=").nth(1)?.trim().to_owned())
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a role that listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: role\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_role_waits_for_a_schema_that_is_not_there_and_then_is_ready() {
    let mut stand = Stand::fresh().await;
    stand.database.execute("UPDATE refinery_schema_history SET version = -version WHERE version > 2").await;
    let mut roles = stand.start_all().await;
    for role in &roles {
        stand.until("it listens", async || address(role).is_some()).await;
        let address = address(role).expect("an address");
        assert!(get(&address, "/healthz").await.starts_with("HTTP/1.1 200"));
        stand
            .until("it says what it waits for", async || {
                let answer = get(&address, "/readyz").await;
                answer.starts_with("HTTP/1.1 503") && answer.contains("switchboard migrate")
            })
            .await;
    }
    stand.database.execute("UPDATE refinery_schema_history SET version = -version WHERE version < 0").await;
    for role in &roles {
        let address = address(role).expect("an address");
        stand.until("it is ready", async || get(&address, "/readyz").await.starts_with("HTTP/1.1 200")).await;
        assert!(get(&address, "/metrics").await.contains("process_cpu_seconds_total"));
    }
    let all = stand.start("all").await;
    stand.until("all roles in one process", async || address(&all).is_some()).await;
    let everything = address(&all).expect("an address");
    stand.until("it is ready", async || get(&everything, "/readyz").await.starts_with("HTTP/1.1 200")).await;
    for name in ["scheduler_rows_total", "fetcher_steps_total", "normalizer_", "steward_letters_filed_total"]
    {
        assert!(get(&everything, "/metrics").await.contains(name), "{name}");
    }
    roles.push(all);
    stand.finish(roles).await;
}
