use serde_json::{Value, json};

use crate::client::{Got, get, send};
use crate::{start, with_acme};

const ACME: &str = "/_control/workspaces/acme";

async fn control(simulator: &simulator::Simulator, method: &str, path: &str, body: &Value) -> Got {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    send(simulator, method, &format!("{ACME}{path}"), &text).await
}

#[tokio::test]
async fn a_workspace_is_made_and_described_over_http() {
    let simulator = start(1).await;
    let spec =
        json!({ "name": "acme", "conversations": 12, "document_size": "tiny", "shares": { "private": 0.5 } });
    let made = send(&simulator, "POST", "/_control/workspaces", &spec.to_string()).await;
    assert_eq!((made.status, &made.json()["spec"]["key"]), (201, &json!("acme-key")));
    assert_eq!(made.json()["own_domains"][0], "acme-hq.com");
    assert_eq!(send(&simulator, "POST", "/_control/workspaces", &spec.to_string()).await.status, 409);
    assert_eq!(get(&simulator, "/v2/conversations/list?size=50").await.ids().len(), 12);
    let all = send(&simulator, "GET", "/_control/workspaces", "").await.json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn faults_are_switched_over_http() {
    let (simulator, _) = with_acme(5).await;
    let rule =
        json!({ "fault": "rate_limited", "retry_after": { "seconds": 7 }, "endpoint": "users", "times": 5 });
    let made = control(&simulator, "POST", "/faults", &rule).await;
    assert_eq!((made.status, made.json()), (201, json!({ "id": 1 })));
    assert_eq!(get(&simulator, "/v2/users").await.status, 429);
    let listed = control(&simulator, "GET", "/faults", &Value::Null).await.json();
    assert_eq!((&listed[0]["fault"], &listed[0]["times"]), (&json!("rate_limited"), &json!(4)));
    assert_eq!(control(&simulator, "DELETE", "/faults/1", &Value::Null).await.status, 204);
    assert_eq!(control(&simulator, "DELETE", "/faults/1", &Value::Null).await.status, 404);
    assert_eq!(get(&simulator, "/v2/users").await.status, 200);
}

#[tokio::test]
async fn every_fault_of_the_readme_is_taken() {
    let (simulator, _) = with_acme(5).await;
    let readme = include_str!("../../README.md");
    let quoted = readme.split('`').filter(|text| text.starts_with("{\"fault\""));
    let rules: Vec<&str> = quoted.collect();
    assert_eq!(rules.len(), 25);
    for rule in rules {
        let sent = send(&simulator, "POST", &format!("{ACME}/faults"), rule).await;
        assert_eq!(sent.status, 201, "{rule}: {:?}", sent.json());
    }
}

#[tokio::test]
async fn every_change_of_the_readme_is_taken() {
    let (simulator, world) = with_acme(5).await;
    let id = world.truth("acme").unwrap().next().unwrap().id;
    let readme = include_str!("../../README.md").replace("\"ID\"", &format!("\"{id}\""));
    let changes: Vec<&str> = readme.split('`').filter(|text| text.starts_with("{\"change\"")).collect();
    assert_eq!(changes.len(), 16);
    for change in changes {
        let sent = send(&simulator, "POST", &format!("{ACME}/changes"), change).await;
        assert_eq!(sent.status, 200, "{change}: {:?}", sent.json());
    }
}

#[tokio::test]
async fn misspelled_requests_are_refused() {
    let (simulator, _) = with_acme(5).await;
    let table = [
        ("POST", "/faults", json!({ "fault": "internal_error", "time": 3 }), 400),
        ("POST", "/faults", json!({ "fault": "earthquake" }), 400),
        ("POST", "/changes", json!({ "change": "vanish" }), 400),
        ("POST", "/changes", json!({ "change": "vanish", "id": "none" }), 404),
        ("PUT", "/settings", json!({ "rate": 3 }), 400),
        ("GET", "/nothing", Value::Null, 404),
    ];
    for (method, path, body, status) in table {
        assert_eq!(control(&simulator, method, path, &body).await.status, status, "{method} {path} {body}");
    }
    assert_eq!(send(&simulator, "GET", "/_control/workspaces/nobody/stats", "").await.status, 404);
}

#[tokio::test]
async fn changes_settings_clock_and_numbers_are_reached_over_http() {
    let (simulator, world) = with_acme(5).await;
    let clock = json!({ "now": "2026-02-01T00:00:00Z" }).to_string();
    assert_eq!(send(&simulator, "PUT", "/_control/clock", &clock).await.status, 204);
    let added = control(&simulator, "POST", "/changes", &json!({ "change": "add", "count": 2 })).await.json();
    assert_eq!(added["ids"].as_array().unwrap().len(), 2);
    assert_eq!(world.truth("acme").unwrap().next().unwrap().finished_at, world.now());
    let settings = json!({ "rate_limit": { "requests": 0 } });
    assert_eq!(control(&simulator, "PUT", "/settings", &settings).await.status, 204);
    assert_eq!(get(&simulator, "/v2/users").await.status, 429);
    assert_eq!(control(&simulator, "GET", "/stats", &Value::Null).await.json()["refused"], 1);
    assert_eq!(control(&simulator, "GET", "/requests", &Value::Null).await.json()[0]["path"], "/v2/users");
    assert_eq!(control(&simulator, "DELETE", "/stats", &Value::Null).await.status, 204);
    assert_eq!(control(&simulator, "GET", "/stats", &Value::Null).await.json()["requests"], 0);
}

#[tokio::test]
async fn the_truth_is_a_line_for_each_conversation() {
    let (simulator, world) = with_acme(35).await;
    let lines = String::from_utf8(control(&simulator, "GET", "/truth", &Value::Null).await.body).unwrap();
    let told: Vec<simulator::Expected> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told, world.truth("acme").unwrap().collect::<Vec<_>>());
    let accounts = control(&simulator, "GET", "/accounts.csv", &Value::Null).await.body;
    assert_eq!(String::from_utf8(accounts).unwrap(), world.accounts_csv("acme").unwrap());
}

#[tokio::test]
async fn a_world_outlives_its_simulator() {
    let (simulator, world) = with_acme(5).await;
    let (address, before) = (simulator.address(), get(&simulator, "/v2/conversations/list").await);
    simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "still there after the stop");
    let again = simulator::Simulator::start_with(address, world).await.unwrap();
    assert_eq!(get(&again, "/v2/conversations/list").await.body, before.body);
}
