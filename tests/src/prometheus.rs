//! A Prometheus of a test's own, which scrapes roles and knows the rules that operators use.

use std::net::TcpListener;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::process::Command;

use crate::{Role, http};

/// Where dashboards, alerts and the other rules are.
pub const OBSERVABILITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/observability");

/// The running server; killed when dropped.
pub struct Prometheus {
    role: Role,
    address: String,
}

impl Prometheus {
    /// Starts one that scrapes the roles every second. Its files are kept in the folder.
    pub fn start(roles: &[Role], folder: &Path) -> Self {
        let targets: Vec<String> =
            roles.iter().map(|role| role.address().expect("a role that listens")).collect();
        let rule_files = ["alerts.yaml", "work.yaml"].map(|file| format!("{OBSERVABILITY}/{file}"));
        let config = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": rule_files,
            "scrape_configs": [{ "job_name": "switchboard", "static_configs": [{ "targets": targets }] }],
        });
        let (file, data) = (folder.join("prometheus.json"), folder.join("prometheus"));
        std::fs::write(&file, config.to_string()).expect("a file");
        // somebody may take the port in between: then it says so and the story fails
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={free}"));
        let role = Role::spawn("prometheus", command, &folder.join("prometheus.log"));
        Self { role, address: free.to_string() }
    }

    /// Evaluates an expression now: its series, or why there is no answer.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = self.ask(&format!("/api/v1/query?query={expression}")).await?;
        match &answer["data"]["result"] {
            Value::Array(series) => Ok(series.clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// The alerts that have begun, by name: pending or firing.
    pub async fn alerts(&self) -> Result<Vec<String>, String> {
        let answer = self.ask("/api/v1/alerts").await?;
        let alerts = answer["data"]["alerts"].as_array().ok_or("no list of alerts")?;
        Ok(alerts
            .iter()
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect())
    }

    /// What its rules have run into.
    pub async fn rules_that_fail(&self) -> Result<Vec<Value>, String> {
        let answer = self.ask("/api/v1/rules").await?;
        let groups = answer["data"]["groups"].as_array().ok_or("no list of groups")?;
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        Ok(rules.filter(|rule| rule["health"] != "ok").collect())
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.role.stop().await;
    }

    async fn ask(&self, path: &str) -> Result<Value, String> {
        let answer = http::get(&self.address, path, "HTTP/1.0").await.map_err(|error| error.to_string())?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a body")?;
        serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
    }
}
