//! The demo's stage: servers migrated, a stand-in vendor, every role as a process, and the commands as a person would give them.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use runtime::Clock;
use serde_json::Value;
use simulator::{CrmKind, Simulator, SimulatorConfig, WorkspaceSpec, World};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::context::Context;

/// The roles, as processes; two fetchers share each workspace's budget.
const ROLES: [&str; 5] = ["scheduler", "fetcher", "fetcher", "normalizer", "steward"];

/// Between two lines about a wait, where nobody sees one that changes.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A demo's pace: what takes minutes in production takes moments here.
const PACE: [(&str, &str); 8] = [
    ("SWITCHBOARD_LISTEN", "127.0.0.1:0"),
    ("SWITCHBOARD_TICK_MS", "200"),
    ("SWITCHBOARD_RETRY_FIRST_MS", "100"),
    ("SWITCHBOARD_DETAIL_ATTEMPTS", "3"),
    ("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", "30"),
    ("SWITCHBOARD_TRANSCRIPT_LOOK_MAX_S", "30"),
    ("SWITCHBOARD_LOG", "info"),
    ("SWITCHBOARD_GRACE_S", "10"),
];

/// Longest wait for any step of the story.
const PATIENCE: Duration = Duration::from_mins(10);

/// Whose accounts are in HubSpot, and who has Gong beside Attention; the other's accounts are in files.
pub(super) const HUBSPOT_AND_GONG_USER: &str = "acme";

/// Which part of the meetings each recorder recorded where there are two: most of Gong's are Attention's as well.
const GONG_SHARE: f64 = 0.3;
const ATTENTION_SHARE: f64 = 0.9;

/// A stand-in bears more than a vendor, and the history comes at once.
const QUICK: [&str; 4] = ["--requests-per-second", "300", "--in-flight", "8"];

/// Everything the demo has started.
pub(super) struct Stage {
    simulator: Simulator,
    folder: TempDir,
    key_file: PathBuf,
    roles: Vec<Child>,
}

impl Stage {
    /// Makes a workspace for each tenant, with so many calls.
    pub(super) async fn set(context: &Context, seed: u64, tenants: &[(&str, u64)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the demo's key and logs")?;
        let key_file = folder.path().join("master.key");
        secrets::Keyring::create_file(&key_file)?;
        let config = SimulatorConfig { listen: ([127, 0, 0, 1], 0).into(), seed, now: Clock::system().now() };
        let simulator = Simulator::start(config).await?;
        for (id, calls) in tenants {
            let mut spec = WorkspaceSpec::named(id);
            spec.conversations = *calls;
            spec.gong.share = 0.0;
            if *id == HUBSPOT_AND_GONG_USER {
                spec.crm = CrmKind::HubSpot;
                (spec.gong.share, spec.gong.attention_share) = (GONG_SHARE, ATTENTION_SHARE);
            }
            simulator.world().add_workspace(spec)?;
        }
        let stage = Self { simulator, folder, key_file, roles: Vec::new() };
        context.store()?;
        stage.switchboard(&["migrate"]).await?;
        Ok(stage)
    }

    pub(super) fn world(&self) -> World {
        self.simulator.world()
    }

    /// Starts every role, the first time it is called.
    pub(super) fn start_roles_once(&mut self) -> anyhow::Result<()> {
        if !self.roles.is_empty() {
            return Ok(());
        }
        for (index, role) in ROLES.iter().enumerate() {
            let log = std::fs::File::create(log_path(self.folder.path(), role, index))?;
            let child = self.command(&[role]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
            self.roles.push(child.with_context(|| format!("cannot start {role}"))?);
        }
        Self::say(&format!(
            "started {}; the vendor's stand-in is at {}",
            ROLES.join(", "),
            self.simulator.base_url()
        ));
        Ok(())
    }

    fn command(&self, args: &[&str]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("switchboard"));
        let mut command = Command::new(program);
        command.args(args).envs(PACE).env("SWITCHBOARD_MASTER_KEY_FILE", &self.key_file).kill_on_drop(true);
        command
    }

    /// Gives a command as a person would, shows it and what it says.
    pub(super) async fn switchboard(&self, args: &[&str]) -> anyhow::Result<()> {
        println!("$ switchboard {}", shown(args));
        let output = self.command(args).stdin(Stdio::null()).output().await?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            bail!("that command failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Gives a command for its JSON.
    pub(super) async fn read(&self, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        Ok(self.ask(args).await?.1)
    }

    /// Gives a command; returns whether it says yes, and its JSON.
    async fn ask(&self, args: &[&str]) -> anyhow::Result<(bool, Vec<Value>)> {
        let output = self.command(args).arg("--json").stdin(Stdio::null()).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(|line| serde_json::from_str(line).context("unreadable output"));
        Ok((output.status.success(), lines.collect::<anyhow::Result<_>>()?))
    }

    pub(super) fn write_csv(&self, workspace: &str) -> anyhow::Result<(String, String)> {
        let write = |kind: &str, text: String| {
            let path = self.folder.path().join(format!("{workspace}-{kind}.csv"));
            std::fs::write(&path, text)?;
            anyhow::Ok(path.display().to_string())
        };
        let world = self.world();
        Ok((
            write("accounts", world.accounts_csv(workspace)?)?,
            write("contacts", world.contacts_csv(workspace)?)?,
        ))
    }

    pub(super) async fn connect(&self, tenant: &str, key: &str) -> anyhow::Result<()> {
        let options = ["--base-url", &self.simulator.base_url(), "--api-key-file", &self.secret_file(key)?];
        self.connect_vendor("attention", tenant, &[&options[..], &QUICK].concat()).await
    }

    pub(super) async fn connect_hubspot(&self, tenant: &str) -> anyhow::Result<()> {
        let file = self.secret_file(&self.world().hubspot_token(tenant)?)?;
        let options = ["--base-url", &self.simulator.hubspot_url(), "--token-file", &file];
        self.connect_vendor("hubspot", tenant, &[&options[..], &QUICK].concat()).await
    }

    /// All its history; Gong's own limit stands: three requests a second.
    pub(super) async fn connect_gong(&self, tenant: &str) -> anyhow::Result<()> {
        let gong = self.world().spec(tenant)?.gong;
        let file = self.secret_file(&format!("{}\n{}\n", gong.key, gong.secret))?;
        let base_url = self.simulator.gong_url();
        let options = ["--base-url", &base_url, "--access-key-file", &file, "--backfill-days", "90"];
        self.connect_vendor("gong", tenant, &options).await
    }

    async fn connect_vendor(&self, vendor: &str, tenant: &str, options: &[&str]) -> anyhow::Result<()> {
        let command = [&["connect", vendor, "--tenant", tenant], options].concat();
        self.switchboard(&[&command[..], &["--allow-http", "--interval-s", "86400"]].concat()).await
    }

    fn secret_file(&self, secret: &str) -> anyhow::Result<String> {
        let file = self.folder.path().join("secret");
        std::fs::write(&file, secret)?;
        Ok(file.display().to_string())
    }

    pub(super) fn heading(text: &str) {
        println!("\n== {text}");
    }

    pub(super) fn say(text: &str) {
        println!("   {text}");
    }

    /// Waits until `done` says so; shows its words meanwhile.
    async fn wait(
        &mut self,
        mut look: impl AsyncFnMut(&Self) -> anyhow::Result<(bool, String)>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let show = std::io::stderr().is_terminal();
        let mut told = Instant::now();
        loop {
            let (done, words) = look(self).await?;
            if show {
                eprint!("\r\x1b[K   {words}");
            } else if told.elapsed() > TELL_EVERY {
                Self::say(&format!("… {words}"));
                told = Instant::now();
            }
            if done {
                if show {
                    eprint!("\r\x1b[K");
                }
                return Ok(());
            }
            self.check_roles()?;
            if Instant::now() > deadline {
                bail!("gave up waiting: {words}\n{}", self.all_logs());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    fn check_roles(&mut self) -> anyhow::Result<()> {
        for (index, (role, child)) in ROLES.iter().zip(&mut self.roles).enumerate() {
            if let Some(status) = child.try_wait()? {
                let log = log_path(self.folder.path(), role, index);
                bail!("the {role} ended by itself ({status}):\n{}", last_lines(&log));
            }
        }
        Ok(())
    }

    fn all_logs(&self) -> String {
        let logs = ROLES.iter().enumerate().map(|(index, role)| {
            format!("--- {role}\n{}", last_lines(&log_path(self.folder.path(), role, index)))
        });
        logs.collect::<Vec<_>>().join("\n")
    }

    pub(super) async fn wait_until_stored(&mut self, tenant: &str, calls: u64) -> anyhow::Result<()> {
        self.wait(async |stage| {
            let runs = stage.read(&["runs", "--tenant", tenant, "--limit", "1000"]).await?;
            let stored: u64 = runs.iter().filter_map(|run| run["sums"]["stored"].as_u64()).sum();
            Ok((stored >= calls, format!("{tenant}: {stored} calls stored")))
        })
        .await
    }

    pub(super) async fn wait_until_blocked(&mut self, tenant: &str) -> anyhow::Result<()> {
        self.wait(async |stage| {
            let connections = stage.read(&["connections", "--tenant", tenant]).await?;
            let blocked = connections.iter().any(|one| one["credential"] == "invalid");
            Ok((blocked, "waiting for the vendor's 401".to_owned()))
        })
        .await
    }

    /// Waits until no call of the tenant waits for its transcript any more; returns how many did at first.
    pub(super) async fn wait_for_transcripts(&mut self, tenant: &str) -> anyhow::Result<i64> {
        let mut first = None;
        self.wait(async |stage| {
            let (_, left) = stage.ask(&["wait", "--idle", "--tenant", tenant, "--timeout", "0"]).await?;
            let pending: i64 = left.iter().filter_map(|left| left["transcripts_pending"].as_i64()).sum();
            first.get_or_insert(pending);
            Ok((pending == 0, format!("{tenant}: {pending} calls wait for their transcript")))
        })
        .await?;
        Ok(first.unwrap_or_default())
    }

    pub(super) async fn wait_until_standing(&mut self, record: &str, standing: &str) -> anyhow::Result<()> {
        self.wait(async |stage| {
            let found = stage.read(&["where", record]).await?;
            let now = found.first().and_then(|one| one["standing"].as_str()).unwrap_or("unknown").to_owned();
            Ok((now == standing, format!("{record} is {now}")))
        })
        .await
    }

    pub(super) async fn wait_idle(&mut self, tenant: &str) -> anyhow::Result<()> {
        println!("$ switchboard wait --idle --tenant {tenant}");
        self.wait(async |stage| {
            let (idle, left) = stage.ask(&["wait", "--idle", "--tenant", tenant, "--timeout", "0"]).await?;
            let count = |name: &str| left.iter().filter_map(|left| left[name].as_i64()).sum::<i64>();
            let words =
                format!("{tenant}: {} runs, {} records under way", count("runs"), count("records_under_way"));
            Ok((idle, words))
        })
        .await
    }

    /// Ends every role as Kubernetes would, and the stand-in.
    pub(super) async fn clear(mut self) -> anyhow::Result<()> {
        for child in &self.roles {
            if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        let mut unclean = Vec::new();
        for (role, child) in ROLES.iter().zip(&mut self.roles) {
            let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
            if !matches!(status, Ok(Ok(status)) if status.success()) {
                unclean.push(*role);
            }
        }
        self.simulator.stop().await;
        if !unclean.is_empty() {
            bail!("did not end cleanly on SIGTERM: {}", unclean.join(", "));
        }
        Ok(())
    }
}

/// A command line as it would be typed.
fn shown(args: &[&str]) -> String {
    let quoted =
        args.iter().map(|arg| if arg.contains(' ') { format!("'{arg}'") } else { (*arg).to_owned() });
    quoted.collect::<Vec<_>>().join(" ")
}

fn log_path(folder: &Path, role: &str, index: usize) -> PathBuf {
    folder.join(format!("{role}-{index}.log"))
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
