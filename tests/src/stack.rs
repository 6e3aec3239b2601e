//! A PostgreSQL and a RabbitMQ that a test may kill.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use runtime::Env;
use tempfile::TempDir;

use crate::wire::server_of;

/// Where the scripts are that the development stack is made with.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/local");

/// A stack of a test's own; taken down when dropped, unless somebody else has started it.
pub struct Stack {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl Stack {
    /// Starts both servers.
    pub async fn up() -> Self {
        Self::up_with(&[]).await
    }

    /// Starts both servers, with settings for `up`.
    pub async fn up_with(settings: &[(&'static str, &Path)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // the servers' users must be able to enter it
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("our own folder");
        let stack = Self { path: folder.path().join("stack"), folder: Some(folder) };
        stack.give_with("up", settings).await;
        stack
    }

    /// The stack that the environment names: its servers may be killed, and whoever started it takes it down.
    pub fn of_env() -> Self {
        let path = Env::from_process().required("SWITCHBOARD_TEST_STACK");
        Self {
            path: path.expect("run by `deploy/local/alone`, which starts the servers").into(),
            folder: None,
        }
    }

    /// Starts another node of its broker, which can be killed and started as a stack of its own, and is taken down with this one.
    pub async fn join(&self, number: usize) -> Self {
        let node = Self { path: self.path.join(format!("node-{number}")), folder: None };
        node.give_with("up", &[("SWITCHBOARD_LOCAL_JOIN", &self.path)]).await;
        node
    }

    /// Where its broker is (`host:port`).
    pub fn broker(&self) -> String {
        let url = self.env().text("AMQP_URL").expect("`up` has written it");
        server_of(&url).to_owned()
    }

    /// Gives one of the commands of `deploy/local`, such as `kill-rabbitmq`.
    pub async fn give(&self, command: &str) {
        self.give_with(command, &[]).await;
    }

    async fn give_with(&self, command: &str, settings: &[(&'static str, &Path)]) {
        let (command, path) = (command.to_owned(), self.path());
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.to_path_buf())).collect();
        let given = tokio::task::spawn_blocking(move || run(&[&command], &settings, &path));
        given.await.expect("a command that does not panic");
    }

    /// Gives the broker one of its own commands.
    pub async fn rabbitmqctl(&self, args: &[&str]) {
        let mut command = tokio::process::Command::new(Path::new(TOOLS).join("rabbitmqctl"));
        let output = command.args(args).env("SWITCHBOARD_STACK", self.path()).output().await;
        let output = output.expect("a script that runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {}: {said}", args.join(" "));
    }

    /// Where its servers log.
    pub fn logs(&self) -> PathBuf {
        self.path().join("log")
    }

    /// The settings that `up` wrote.
    pub(crate) fn env(&self) -> Env {
        let text = std::fs::read_to_string(self.path().join("env")).expect("settings");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Env::from_pairs(pairs.map(|(name, value)| (name, value.trim_matches('\''))))
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.folder.is_some() {
            run(&["down", "--remove"], &[], &self.path());
        }
    }
}

fn run(command: &[&str], settings: &[(&str, PathBuf)], stack: &Path) {
    let (name, options) = command.split_first().expect("a command");
    let log = stack.with_extension("log");
    let output = std::fs::File::create(&log).expect("a log file");
    let errors = output.try_clone().expect("a log file");
    // to a file: a server that is started would hold a pipe open
    let status = Command::new(Path::new(TOOLS).join(name))
        .args(options)
        .arg(stack)
        .envs(settings.iter().map(|(name, value)| (*name, value)))
        .stdout(output)
        .stderr(errors)
        .status()
        .expect("a script that runs");
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    // a second panic while dropping would hide the first
    assert!(status.success() || std::thread::panicking(), "{name}: {said}");
}
