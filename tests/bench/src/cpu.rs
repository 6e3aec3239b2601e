//! Processor time of whole programs, their children included, as the kernel counts it.

use std::collections::HashMap;
use std::ops::Sub;

use anyhow::Context as _;
use runtime::Env;

/// Who spent how much, in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpu {
    /// By program: a role, `rabbitmq`, `postgres`.
    pub(crate) by_program: Vec<(String, f64)>,
}

impl Cpu {
    pub(crate) fn total(&self) -> f64 {
        self.by_program.iter().map(|(_, seconds)| seconds).sum()
    }

    /// The share of one of so many.
    pub(crate) fn per(self, number: f64) -> Self {
        let shares = self.by_program.into_iter().map(|(name, seconds)| (name, seconds / number));
        Self { by_program: shares.collect() }
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let spent = self.by_program.into_iter().zip(before.by_program);
        Self { by_program: spent.map(|((name, after), (_, before))| (name, after - before)).collect() }
    }
}

/// The programs whose time counts.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    ours: Vec<(String, u32)>,
    rabbitmq: u32,
    postgres: u32,
}

impl Programs {
    /// Ours beside the servers that the environment names.
    pub(crate) fn with_servers(ours: Vec<(String, u32)>) -> anyhow::Result<Self> {
        let env = Env::from_process();
        let pid = |name: &str| {
            let file = env.required(name).context("run it by `make bench`, which starts the servers")?;
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
            text.trim().parse::<u32>().with_context(|| format!("{file} does not hold a process id"))
        };
        Ok(Self {
            ours,
            rabbitmq: pid("SWITCHBOARD_TEST_RABBIT_PIDFILE")?,
            postgres: pid("SWITCHBOARD_TEST_PG_PIDFILE")?,
        })
    }

    /// What they have spent so far.
    pub(crate) fn read(&self) -> anyhow::Result<Cpu> {
        let all = all_processes()?;
        let own = |pid: u32| all.get(&pid).map_or(0.0, |process| process.own_s);
        // a backend that has ended is in its parent's account of children, one that lives is not
        let postgres = own(self.postgres)
            + all.get(&self.postgres).map_or(0.0, |process| process.children_s)
            + all
                .values()
                .filter(|process| process.parent == self.postgres)
                .map(|process| process.own_s)
                .sum::<f64>();
        let mut by_program: Vec<(String, f64)> =
            self.ours.iter().map(|(name, pid)| (name.clone(), own(*pid))).collect();
        by_program.push(("rabbitmq".to_owned(), own(self.rabbitmq)));
        by_program.push(("postgres".to_owned(), postgres));
        Ok(Cpu { by_program })
    }
}

/// What one process has spent so far, in seconds.
pub(crate) fn of_process(pid: u32) -> anyhow::Result<f64> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Ok(process(pid, ticks).context("it has ended")?.own_s)
}

struct Process {
    parent: u32,
    own_s: f64,
    children_s: f64,
}

fn all_processes() -> anyhow::Result<HashMap<u32, Process>> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let entries = std::fs::read_dir("/proc").context("the bench reads /proc, so it needs Linux")?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // a process that ends meanwhile is gone, and its parent has its time
    Ok(pids.filter_map(|pid| Some((pid, process(pid, ticks)?))).collect())
}

/// Fields of `/proc/PID/stat` behind the name: state, parent, …, utime, stime, cutime, cstime.
fn process(pid: u32, ticks: f64) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let seconds = |index: usize| fields.get(index)?.parse::<f64>().ok().map(|value| value / ticks);
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        own_s: seconds(11)? + seconds(12)?,
        children_s: seconds(13)? + seconds(14)?,
    })
}

/// The most memory a process ever had resident, in MB.
pub(crate) fn peak_resident_mb(pid: u32) -> anyhow::Result<f64> {
    status_mb(pid, "VmHWM:")
}

/// The memory a process has resident, in MB.
pub(crate) fn resident_mb(pid: u32) -> anyhow::Result<f64> {
    status_mb(pid, "VmRSS:")
}

fn status_mb(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} has ended"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
