//! The stand: servers of a test's own, the stand-in vendor, roles, and commands.

mod connecting;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use jiff::SignedDuration;
use queue::testing::TestVhost;
use runtime::Clock;
use secrecy::ExposeSecret;
use serde_json::Value;
use simulator::{Simulator, SimulatorConfig, World};
use store::Speaker;
use store::testing::TestDatabase;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use crate::binary::binary;
use crate::{Role, Stack, Wires};

/// How fast everything goes: what takes minutes in production takes moments here.
const PACE: [(&str, &str); 12] = [
    ("SWITCHBOARD_TICK_MS", "100"),
    ("SWITCHBOARD_NUDGE_AGAIN_S", "1"),
    ("SWITCHBOARD_CLAIM_S", "3"),
    ("SWITCHBOARD_RETRY_FIRST_MS", "50"),
    ("SWITCHBOARD_FETCH_ATTEMPTS", "4"),
    ("SWITCHBOARD_DETAIL_ATTEMPTS", "3"),
    ("SWITCHBOARD_PROBE_MS", "200"),
    ("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", "3600"),
    ("SWITCHBOARD_LOST_AFTER_S", "3"),
    ("SWITCHBOARD_REPLAN_S", "1"),
    ("SWITCHBOARD_NORMALIZE_LINGER_MS", "2"),
    ("SWITCHBOARD_LOG", "info"),
];

/// Longest wait for anything; a story that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(100);

/// Settings that a story changes.
pub type Pace = Vec<(&'static str, String)>;

/// Everything a story plays on.
pub struct Stand {
    /// The test's own database.
    pub database: TestDatabase,
    /// The test's own vhost.
    pub vhost: TestVhost,
    simulator: Simulator,
    folder: TempDir,
    pace: Pace,
    started: usize,
}

/// Whose login a process has: a role its own, every command that of the desk.
fn program_of(command: &str) -> &str {
    match command {
        "scheduler" | "fetcher" | "normalizer" | "steward" => command,
        "all" | "demo" => "all",
        _ => "desk",
    }
}

impl Stand {
    /// A migrated database, declared queues, a master key, a vendor without workspaces.
    pub async fn fresh() -> Self {
        Self::paced(Vec::new()).await
    }

    /// The same, with settings of its own.
    pub async fn paced(pace: Pace) -> Self {
        Self::upon(TestDatabase::fresh().await, TestVhost::fresh().await, pace).await
    }

    /// The same, its credentials kept at Google's Secret Manager, without any master key.
    pub async fn at_google() -> Self {
        let mut stand = Self::fresh().await;
        let metadata_host = stand.simulator.address().to_string();
        stand.pace = vec![
            ("SWITCHBOARD_MASTER_KEY_FILE", String::new()),
            ("SWITCHBOARD_SECRETS", "google:projects/rehearsal".to_owned()),
            ("SWITCHBOARD_SECRETS_URL", stand.simulator.google_url()),
            ("SWITCHBOARD_SECRETS_ALLOW_HTTP", "true".to_owned()),
            ("GCE_METADATA_HOST", metadata_host),
        ];
        stand
    }

    /// A stand upon the servers of a stack of its own.
    pub async fn on_stack(stack: &Stack) -> Self {
        Self::paced_on(stack, Vec::new()).await
    }

    /// The same, with settings of its own.
    pub async fn paced_on(stack: &Stack, mut pace: Pace) -> Self {
        let env = stack.env();
        pace.extend(env.text("AMQP_CA_FILE").map(|file| ("AMQP_CA_FILE", file)));
        Self::upon(TestDatabase::fresh_on(&env).await, TestVhost::fresh_on(&env).await, pace).await
    }

    async fn upon(database: TestDatabase, vhost: TestVhost, pace: Pace) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        secrets::Keyring::create_file(&folder.path().join("master.key")).expect("a key file");
        let config =
            SimulatorConfig { listen: ([127, 0, 0, 1], 0).into(), seed: 11, now: Clock::system().now() };
        Self {
            database,
            vhost,
            simulator: Simulator::start(config).await.expect("a simulator"),
            folder,
            pace,
            started: 0,
        }
    }

    /// The vendor's world.
    pub fn world(&self) -> World {
        self.simulator.world()
    }

    /// Where the vendor's API is.
    pub fn base_url(&self) -> String {
        self.simulator.base_url()
    }

    /// Where Gong's API is.
    pub fn gong_url(&self) -> String {
        self.simulator.gong_url()
    }

    /// Where HubSpot's API is.
    pub fn hubspot_url(&self) -> String {
        self.simulator.hubspot_url()
    }

    /// Where Salesforce's API is.
    pub fn salesforce_url(&self) -> String {
        self.simulator.salesforce_url()
    }

    /// Where keys, files and logs are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command to be started, against this stand.
    pub async fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary().await);
        command
            .args(args)
            .env_clear()
            .env("DATABASE_URL", self.database.url_for(program_of(args[0])).expose_secret())
            .env("DATABASE_MIGRATE_URL", self.database.url().expose_secret())
            .env("AMQP_URL", self.vhost.url_for(program_of(args[0])))
            .env("AMQP_MIGRATE_URL", self.vhost.url_for("migrate"))
            .env("AMQP_LADDER_SCALE", self.vhost.config().ladder_scale.to_string())
            .env("SWITCHBOARD_MASTER_KEY_FILE", self.path("master.key"))
            .envs(PACE)
            .envs(self.pace.iter().map(|(name, value)| (*name, value.as_str())))
            .kill_on_drop(true);
        command
    }

    /// Starts a role.
    pub async fn start(&mut self, role: &str) -> Role {
        self.start_with(role, &[]).await
    }

    /// Starts a role with settings of its own.
    pub async fn start_with(&mut self, role: &str, settings: &[(&str, &str)]) -> Role {
        self.started += 1;
        let mut command = self.command(&[role]).await;
        command.envs(settings.iter().copied());
        Role::spawn(role, command, &self.path(&format!("{role}-{}.log", self.started)))
    }

    /// Starts a role that reaches its servers by these wires, with settings of its own; its log has the given name.
    pub async fn start_behind(
        &self,
        role: &str,
        name: &str,
        wires: &Wires,
        settings: &[(&str, String)],
    ) -> Role {
        let mut command = self.command(&[role]).await;
        wires.lay(&mut command);
        command.envs(settings.iter().map(|(name, value)| (*name, value)));
        Role::spawn(role, command, &self.path(&format!("{name}.log")))
    }

    /// Wires to the servers of this stand.
    pub async fn wires(&self, role: &str) -> Wires {
        self.wires_to_any(role, &[]).await
    }

    /// The same, and to further nodes (`host:port`) of its broker.
    pub async fn wires_to_any(&self, role: &str, nodes: &[String]) -> Wires {
        Wires::of(&self.command(&[role]).await, nodes).await
    }

    /// Starts every role, each a process.
    pub async fn start_all(&mut self) -> Vec<Role> {
        let mut roles = Vec::new();
        for role in ["scheduler", "fetcher", "normalizer", "steward"] {
            roles.push(self.start(role).await);
        }
        roles
    }

    /// Gives a command with something on standard input.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        self.output_of(self.command(args).await, input).await
    }

    /// Gives a command with settings of its own; whatever comes of it.
    pub async fn run_with(&self, settings: &[(&str, &str)], args: &[&str]) -> Output {
        let mut command = self.command(args).await;
        command.envs(settings.iter().copied());
        self.output_of(command, "").await
    }

    /// Gives a command, and keeps a copy of what it says.
    async fn output_of(&self, mut command: Command, input: &str) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).await.expect("input is taken");
        drop(stdin);
        let output = child.wait_with_output().await.expect("an output");
        self.keep_a_copy(&[&output.stdout[..], &output.stderr].concat());
        output
    }

    pub(crate) fn keep_a_copy(&self, said: &[u8]) {
        let mut copy =
            File::options().create(true).append(true).open(self.path("commands.log")).expect("a file");
        copy.write_all(said).expect("a copy");
    }

    /// Gives a command; whatever comes of it.
    pub async fn run(&self, args: &[&str]) -> Output {
        self.run_with_input(args, "").await
    }

    /// Gives a command to a process that is to die at a failpoint.
    pub async fn run_to_death(&self, args: &[&str], failpoint: &str) {
        let mut command = self.command(args).await;
        let output = command.env("SWITCHBOARD_FAILPOINT", failpoint).output().await.expect("a process");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "`{}` dies at {failpoint}: {error}", args.join(" "));
    }

    /// Gives a command that must succeed; returns what it prints.
    pub async fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "`switchboard {}` failed: {out}{error}", args.join(" "));
        out.into_owned()
    }

    /// Gives a command for its JSON, line by line.
    pub async fn json(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(&[args, &["--json"]].concat()).await;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
    }

    /// Asks the database for a number, past row-level security.
    pub async fn number(&self, sql: &str) -> i64 {
        self.database.number(sql).await
    }

    /// The same of a database that may be away.
    pub async fn try_number(&self, sql: &str) -> Option<i64> {
        self.database.try_number(sql).await.ok()
    }

    /// Asks a database that may be away for a text.
    pub async fn try_text(&self, sql: &str) -> Option<String> {
        self.database.try_text(sql).await.ok()
    }

    /// Asks the database for a count.
    pub async fn count(&self, sql: &str) -> usize {
        usize::try_from(self.number(sql).await).expect("a count")
    }

    /// How many conversations of a tenant are stored: cheaper to wait for than an export.
    pub async fn stored(&self, id: &str) -> usize {
        self.count(&format!(
            "SELECT count(*) FROM conversations WHERE tenant_id = '{id}' AND withdrawn_at IS NULL"
        ))
        .await
    }

    /// Where a record stands, as `where` says.
    pub async fn standing(&self, id: &str) -> String {
        let tx = self.database.store().begin(Speaker::Everybody).await.expect("a transaction");
        let found = store::report::find(&tx, id).await.expect("a look");
        tx.commit().await.expect("nothing was written");
        found.first().unwrap_or_else(|| panic!("{id} was never listed")).standing.clone()
    }

    /// How many letters are dead.
    pub async fn dead(&self) -> usize {
        self.count("SELECT count(*) FROM dead_letters WHERE state = 'dead'").await
    }

    /// Makes the next periodic run due and waits until everything is done.
    pub async fn sync(&self, id: &str) {
        self.ok(&["sync", &format!("{id}/attention")]).await;
        self.idle().await;
    }

    /// Lists a tenant's last weeks again, all that its workspace holds.
    pub async fn resync(&self, id: &str) {
        let day = |days: i64| (self.world().now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
        self.ok(&["sync", &format!("{id}/attention"), "--from", &day(-62), "--to", &day(1)]).await;
    }

    /// Orders Attention's last days to be listed again.
    pub async fn sync_days(&self, id: &str, days: i64) {
        self.sync_days_of(&format!("{id}/attention"), days).await;
    }

    /// Orders the last days of a connection to be listed again.
    pub async fn sync_days_of(&self, connection: &str, days: i64) {
        let (now, day) = (Clock::system().now(), SignedDuration::from_hours(24));
        let from = now - SignedDuration::from_hours(24 * days);
        let (from, to) = (from.to_string(), (now + day).to_string());
        self.ok(&["sync", connection, "--from", &from, "--to", &to]).await;
    }

    /// Forgets every user, as if they came to their companies only now, and waits until the run of the day lists them again.
    pub async fn meet_users_anew(&self) {
        self.database.execute("DELETE FROM users").await;
        self.database.execute("DELETE FROM intake WHERE stream = 'users'").await;
        self.database.execute("UPDATE participants SET side = 'external', user_external_id = NULL").await;
        self.database.execute("UPDATE streams SET due_at = now() WHERE stream = 'users'").await;
        let users = "SELECT count(*) FROM users";
        self.until("the users are listed again", async || self.number(users).await > 0).await;
        self.idle().await;
    }

    /// Waits until nothing is due, queued, running or retrying: what `wait --idle` does, without a process for it.
    pub async fn idle(&self) {
        let (store, broker) = (self.database.store(), self.vhost.config());
        let waited =
            desk::idle::wait(store, broker, None, PATIENCE, |_| {}).await.expect("a look at what is left");
        if let Err(left) = waited {
            panic!("not idle: {left:?}\n{}", self.story_so_far().await);
        }
    }

    /// Runs, dead letters and the ends of the logs, for a story that ends badly.
    async fn story_so_far(&self) -> String {
        format!("{}\n{}\n{}", self.ok(&["runs"]).await, self.ok(&["dead", "list"]).await, self.logs())
    }

    /// Keeps everything that was logged in another folder, which outlives this stand.
    pub fn keep_logs(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder");
        for entry in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
            }
        }
    }

    /// The end of every role's log.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" INFO ")).collect();
                let end = &lines[lines.len().saturating_sub(15)..];
                let name = entry.file_name();
                all.extend(["--- ", &name.to_string_lossy(), "\n", &end.join("\n"), "\n"]);
            }
        }
        all
    }

    /// Waits until `look` says so.
    pub async fn until(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        while !look().await {
            let patient = Instant::now() < deadline;
            assert!(patient, "waited in vain until {what}\n{}", self.story_so_far().await);
            pause.tick().await;
        }
    }

    /// What a tenant has, one conversation each.
    pub async fn export(&self, id: &str) -> Vec<Value> {
        self.json(&["export", "conversations", "--tenant", id]).await
    }

    /// Asserts that every run adds up to the unit, and that all are settled or failed.
    pub async fn assert_sums(&self) {
        for run in self.json(&["runs", "--limit", "100000"]).await {
            let sum = |name: &str| run["sums"][name].as_i64().expect("a sum");
            let parts = ["stored", "unchanged", "skipped", "pending", "dead"].map(sum).iter().sum::<i64>();
            assert_eq!(sum("listed"), parts, "{run}");
            assert_eq!(sum("under_way"), 0, "{run}");
            assert!(["settled", "failed"].contains(&run["state"].as_str().expect("a state")), "{run}");
        }
    }

    /// Takes everything down with work left over on purpose: whatever is in the queues goes with them.
    pub async fn abandon(self, roles: Vec<Role>) {
        for mut role in roles {
            role.stop().await;
        }
        self.simulator.stop().await;
        self.vhost.discard().await;
        self.database.finish().await;
    }

    /// Takes everything down, and asserts that no message was left behind.
    pub async fn finish(self, roles: Vec<Role>) {
        for mut role in roles {
            role.stop().await;
        }
        self.simulator.stop().await;
        self.vhost.finish().await;
        self.database.finish().await;
    }

    /// Takes everything down in the midst of work, with whatever is in the queues.
    pub async fn discard(self, roles: Vec<Role>) {
        for mut role in roles {
            role.stop().await;
        }
        self.simulator.stop().await;
        self.vhost.discard().await;
        self.database.finish().await;
    }
}
