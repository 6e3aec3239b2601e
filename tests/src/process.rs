//! Roles as processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::http;

/// A role's process; killed when dropped.
pub struct Role {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Role {
    pub(crate) fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let output = file.try_clone().expect("a log file");
        command.stdin(Stdio::null()).stdout(output).stderr(file).kill_on_drop(true);
        let child = command.spawn().expect("a process");
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// Sends SIGTERM and waits for a clean end.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.ended(Duration::from_secs(40)).await;
        assert!(
            status.success(),
            "{} ends cleanly on SIGTERM, not with {status}:\n{}",
            self.name,
            self.log()
        );
    }

    /// Sends SIGKILL.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended(Duration::from_secs(10)).await;
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let Ok(status) = tokio::time::timeout(patience, self.child.wait()).await else {
            panic!("{} has not ended in {} s:\n{}", self.name, patience.as_secs(), self.log());
        };
        status.expect("a child that can be waited for")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a process that runs")
    }

    /// What it was started as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Where it serves its health and metrics, once its log says so.
    pub fn address(&self) -> Option<String> {
        let log = std::fs::read_to_string(&self.log).ok()?;
        let line = log.lines().find(|line| line.contains("started role="))?;
        Some(line.split("address=").nth(1)?.trim().to_owned())
    }

    /// Whether it says within two seconds that it is ready.
    pub async fn is_ready(&self) -> bool {
        let Some(address) = self.address() else { return false };
        let asked = http::get(&address, "/readyz", "HTTP/1.0");
        let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|text| text.starts_with("HTTP/1.0 200")))
    }

    /// Asks it over HTTP; the whole answer.
    pub async fn get(&self, path: &str) -> String {
        let address = self.address().expect("a role that has started");
        http::get(&address, path, "HTTP/1.1").await.expect("a role that answers")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(pid, signal).expect("a signal to our own child");
        }
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}
