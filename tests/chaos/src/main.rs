#![doc = include_str!("../README.md")]

mod check;
mod crew;
mod fault;
mod inflict;
mod schedule;
mod tally;
mod tenants;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use futures::FutureExt as _;
use futures::future::join_all;
use stories::{Pace, Stack, Stand};
use tokio::time::{Instant, interval};

use crate::check::{Checked, Checker, words};
use crate::crew::Crew;
use crate::fault::{Kind, Lane};
use crate::inflict::Arena;
use crate::schedule::Planned;
use crate::tally::{Tally, Verdict};
use crate::tenants::{TENANTS, live};

/// Brings about faults, lets everything heal, and checks that every promise holds.
#[derive(Debug, Parser)]
struct Cli {
    /// What the schedule of faults, the world and its changes are drawn from; any number by default.
    #[arg(long)]
    seed: Option<u64>,
    /// For how long faults come.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Calls that each tenant has at the beginning.
    #[arg(long, default_value_t = 150)]
    conversations: u64,
    /// Only these kinds of faults.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// So many nodes of the broker, which the queues are kept on; one of them may be killed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    nodes: u8,
    /// Prints the schedule and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Beside the pace of stories: silence is noticed soon, and an outage is not given up at once.
const PACE: [(&str, &str); 11] = [
    ("SWITCHBOARD_FETCH_ATTEMPTS", "8"),
    ("SWITCHBOARD_DETAIL_ATTEMPTS", "8"),
    ("SWITCHBOARD_TRANSCRIPT_LOOK_FIRST_S", "2"),
    ("SWITCHBOARD_OUTAGE_WAIT_S", "2"),
    ("SWITCHBOARD_LOST_AFTER_S", "10"),
    ("SWITCHBOARD_COUNT_S", "5"),
    ("SWITCHBOARD_WATCH_S", "5"),
    ("SWITCHBOARD_DATABASE_TIMEOUT_S", "3"),
    ("SWITCHBOARD_DATABASE_ANSWER_S", "10"),
    ("AMQP_HEARTBEAT_S", "2"),
    ("AMQP_TIMEOUT_S", "5"),
];

/// A broker that is killed right after queues were declared may come back without them.
const QUEUES_ARE_SAFE_AFTER: Duration = Duration::from_secs(6);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let length = Duration::from_secs_f64(cli.minutes * 60.0);
    let possible = Kind::all(cli.nodes.into());
    let kinds = if cli.only.is_empty() { possible.clone() } else { cli.only.clone() };
    anyhow::ensure!(kinds.iter().all(|kind| possible.contains(kind)), "kill-node needs --nodes 3");
    let lanes = Lane::ALL.map(|lane| schedule::of_lane(seed, lane, &kinds, length));
    if cli.dry_run {
        return print_schedule(&lanes);
    }
    let nodes = nodes(cli.nodes.into()).await;
    let stack = &nodes[0];
    let pace: Pace = PACE.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let stand = Stand::paced_on(stack, pace).await;
    let tally = Tally::default();
    say(&format!("seed {seed}"));
    let began = Instant::now();
    let played = AssertUnwindSafe(play(&cli, seed, length, &lanes, (&nodes, &stand), &tally));
    let checked = match played.catch_unwind().await {
        Ok(checked) => checked,
        Err(panic) => {
            tally.find(words(&*panic));
            Checked::new()
        }
    };
    let is_well = tally.findings().is_empty();
    let verdict = Verdict {
        seed,
        seconds: began.elapsed().as_secs(),
        reproduce: reproduce(&cli, seed),
        faults: tally.lines(),
        checked: &checked,
        findings: tally.findings(),
        logs: (!is_well)
            .then(|| keep(seed, &nodes, &stand))
            .transpose()?
            .map(|path| path.display().to_string()),
    };
    verdict.print(cli.json)?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The nodes of the broker, the first with the database; the others start before any queue is declared, for a queue has its members on
/// those that are there then.
async fn nodes(count: usize) -> Vec<Stack> {
    let mut nodes = vec![Stack::of_env()];
    for number in 2..=count {
        nodes.push(nodes[0].join(number).await);
    }
    nodes
}

/// One run, from an empty database to the checks.
async fn play(
    cli: &Cli,
    seed: u64,
    length: Duration,
    lanes: &[Vec<Planned>; 3],
    (nodes, stand): (&[Stack], &Stand),
    tally: &Tally,
) -> Checked {
    stand.vhost.listen().await;
    let declared = Instant::now();
    for tenant in TENANTS {
        tenant.settle(stand, cli.conversations).await;
    }
    stand.database.execute("UPDATE connections SET interval_s = 5").await;
    for tenant in TENANTS {
        stand.world().reset_log(tenant.name).expect("a fresh log");
    }
    let crew = Crew::start(stand, &nodes[1..]).await;
    tokio::time::sleep_until(declared + QUEUES_ARE_SAFE_AFTER).await;
    let arena = Arena {
        stand,
        stack: &nodes[0],
        nodes,
        crew: &crew,
        tally,
        began: Instant::now(),
        keys: Mutex::default(),
    };
    let inflicting = join_all(lanes.iter().map(|planned| arena.go_through(planned, length)));
    tokio::select! {
        _ = inflicting => {}
        () = live(stand, seed) => {}
        () = watch(&arena, length) => {}
    }
    say("every fault is over");
    arena.heal().await;
    let checker = Checker { stand, tally };
    let sums = if checker.settle().await.is_some() { checker.check().await } else { Checked::new() };
    crew.stop().await;
    checker.check_queues().await;
    sums
}

/// Starts again who has ended by themselves, and says how it goes.
async fn watch(arena: &Arena<'_>, length: Duration) {
    let mut tick = interval(Duration::from_secs(1));
    for second in 0_u64.. {
        tick.tick().await;
        arena.replace_ended().await;
        if second % 10 == 0 {
            say(&arena.progress(length).await);
        }
    }
}

fn print_schedule(lanes: &[Vec<Planned>; 3]) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let mut all: Vec<&Planned> = lanes.iter().flatten().collect();
    all.sort_by_key(|planned| planned.at_ms);
    for planned in all {
        writeln!(out, "{}", serde_json::to_string(planned)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reproduce(cli: &Cli, seed: u64) -> String {
    let names = cli.only.iter().filter_map(clap::ValueEnum::to_possible_value);
    let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
    let only = if names.is_empty() { String::new() } else { format!(" --only {}", names.join(",")) };
    let nodes = if cli.nodes == 1 { String::new() } else { format!(" --nodes {}", cli.nodes) };
    let (minutes, conversations) = (cli.minutes, cli.conversations);
    format!(
        "make chaos ARGS=\"--seed {seed} --minutes {minutes} --conversations {conversations}{nodes}{only}\""
    )
}

/// Keeps the logs of roles, commands and servers where they outlive the run.
fn keep(seed: u64, nodes: &[Stack], stand: &Stand) -> anyhow::Result<PathBuf> {
    let folder =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local")).join(format!("chaos-{seed}"));
    stand.keep_logs(&folder);
    for (node, number) in nodes.iter().zip(1..) {
        for entry in std::fs::read_dir(node.logs()).context("the servers' logs")?.flatten() {
            let name = entry.file_name().display().to_string();
            std::fs::copy(
                entry.path(),
                folder.join(if number == 1 { name } else { format!("node-{number}-{name}") }),
            )?;
        }
    }
    Ok(folder.canonicalize()?)
}

pub(crate) fn say(text: &str) {
    let mut errors = std::io::stderr().lock();
    // without a terminal it goes on all the same
    let _ = std::io::Write::write_fmt(&mut errors, format_args!("chaos: {text}\n"));
}
