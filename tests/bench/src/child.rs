//! The bare side as a child process of the bench.

use std::process::Stdio;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use store::testing::TestDatabase;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A bare side that has read its rows and waits.
pub(crate) struct Bare {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) pid: u32,
}

impl Bare {
    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(
        task: &str,
        source: &str,
        target: &TestDatabase,
        tenant: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the bench's own program")?;
        let mut command = Command::new(program);
        command.args(["bare", task, "--source", source, "--tenant", tenant]);
        command.args(["--target", target.admin_url().expose_secret()]);
        for (name, value) in more {
            command.args([format!("--{name}").as_str(), value]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child.id().context("it has ended already")?;
        let stdout = child.stdout.take().context("a pipe was asked for")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.next_line().await?;
        anyhow::ensure!(ready.as_deref() == Some("ready"), "the bare side did not become ready");
        Ok(Self { child, lines, pid })
    }

    /// Lets it work; returns the seconds it took.
    pub(crate) async fn work(&mut self) -> anyhow::Result<f64> {
        let stdin = self.child.stdin.as_mut().context("a pipe was asked for")?;
        stdin.write_all(b"go\n").await?;
        let seconds = self.lines.next_line().await?.context("the bare side failed")?;
        Ok(seconds.parse()?)
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        anyhow::ensure!(status.success(), "the bare side ended with {status}");
        Ok(())
    }
}
