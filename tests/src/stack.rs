//! A PostgreSQL and a RabbitMQ that a test may kill.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use runtime::Env;
use tempfile::TempDir;

/// Where the scripts are that the development stack is made with.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/local");

/// A stack of a test's own; taken down when dropped.
pub struct Stack {
    folder: TempDir,
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
        let stack = Self { folder };
        stack.give_with("up", settings).await;
        stack
    }

    /// Gives one of the commands of `deploy/local`, such as `kill-rabbitmq`.
    pub async fn give(&self, command: &'static str) {
        self.give_with(command, &[]).await;
    }

    async fn give_with(&self, command: &'static str, settings: &[(&'static str, &Path)]) {
        let path = self.path();
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.to_path_buf())).collect();
        let given = tokio::task::spawn_blocking(move || run(&[command], &settings, &path));
        given.await.expect("a command that does not panic");
    }

    /// The settings that `up` wrote.
    pub(crate) fn env(&self) -> Env {
        let text = std::fs::read_to_string(self.path().join("env")).expect("settings");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Env::from_pairs(pairs.map(|(name, value)| (name, value.trim_matches('\''))))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("stack")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        run(&["down", "--remove"], &[], &self.path());
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
