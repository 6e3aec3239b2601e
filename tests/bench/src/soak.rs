//! Memory of every role while a load goes on that never changes: what it is at the beginning it is to be at the end.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use runtime::Clock;
use simulator::{
    AddedKind, Change, CrmChange, CrmKind, DocumentSize, Endpoint, Fault, FaultId, FaultRule, WorkspaceSpec,
};
use tokio::time::{Instant, interval};

use crate::cpu::resident_mb;
use crate::flat::Looks;
use crate::report::{Bound, Figure};
use crate::say;
use crate::stage::{ROLES, Stage, UNLIMITED, workspace_named};

/// Each with a recorder and a CRM of its own.
const TENANTS: usize = 12;
/// What they have before anything is measured.
const CALLS_AT_FIRST: u64 = 200;
/// Half of them give people away, the others take them.
const ACCOUNTS: usize = 40;

/// How often each connection is due, and how far it looks back: every call is listed some five times before it is left alone.
const SCHEDULE: [&str; 4] = ["--interval-s", "30", "--lookback-s", "120"];

/// Details that fail are dead within the minute in which they fail, so that there are letters to be filed and sent again.
const SOON_DEAD: (&str, &str) = ("SWITCHBOARD_DETAIL_ATTEMPTS", "2");

/// Every so many seconds somebody changes companies, and a call cannot be had for as long.
const SOMEBODY_MOVES_EVERY: u64 = 5;
const A_CALL_IS_SPOILED_EVERY: u64 = 60;

/// Medians of fewer looks would say nothing.
const LOOKS: u32 = 720;
const LOOKS_BETWEEN_LINES: usize = 12;

/// What may be more at the end than at the beginning: an allocator's pages are not given back at once.
const FLAT: f64 = 1.1;
/// What may be stored less by the same load: a look falls anywhere between two syncs.
const STEADY: f64 = 0.9;

/// Measures for as long, with so many new calls a second.
pub(crate) async fn measure(length: Duration, calls_per_second: u64) -> anyhow::Result<Vec<Figure>> {
    let stage = Stage::paced(&ROLES, &[SOON_DEAD]).await?;
    let load = Load::begin(&stage, calls_per_second).await?;
    let stored = i64::try_from(load.added())?;
    stage.reach("the first sync", "SELECT count(*) FROM conversations", stored).await?;
    let seen = tokio::select! {
        ended = load.go_on() => Err(ended.expect_err("a load does not end by itself")),
        seen = watch(&load, length) => seen,
    }?;
    let peaks = stage.peaks_mb()?;
    load.end().await?;
    stage.discard().await;
    Ok(seen.figures(&peaks, length))
}

/// What is asked of the system; it never grows.
struct Load<'a> {
    stage: &'a Stage,
    calls_per_second: u64,
    added: Cell<u64>,
    spoiled: RefCell<Vec<(String, FaultId)>>,
}

impl<'a> Load<'a> {
    /// Connects everybody.
    async fn begin(stage: &'a Stage, calls_per_second: u64) -> anyhow::Result<Self> {
        let options = [&UNLIMITED[..], &SCHEDULE].concat();
        for name in tenants() {
            let spec = workspace_named(&name, DocumentSize::Small, CALLS_AT_FIRST);
            let spec = WorkspaceSpec { crm: CrmKind::HubSpot, accounts: ACCOUNTS, ..spec };
            stage.stand.tenant(spec).await;
            stage.stand.connect_hubspot(&name, &options).await;
            stage.stand.connect(&name, &format!("{name}-key"), &options).await;
        }
        let added = Cell::new(CALLS_AT_FIRST * TENANTS as u64);
        Ok(Self { stage, calls_per_second, added, spoiled: RefCell::default() })
    }

    fn added(&self) -> u64 {
        self.added.get()
    }

    /// Goes on until it is dropped.
    async fn go_on(&self) -> anyhow::Result<()> {
        let mut tick = interval(Duration::from_secs(1));
        for second in 0_u64.. {
            tick.tick().await;
            self.stage.stand.world().set_now(Clock::system().now());
            let newest = self.add_calls()?;
            if second.is_multiple_of(SOMEBODY_MOVES_EVERY) {
                self.move_somebody(second / SOMEBODY_MOVES_EVERY)?;
            }
            if second.is_multiple_of(A_CALL_IS_SPOILED_EVERY) {
                self.mend().await?;
                self.spoil(newest)?;
            }
        }
        Ok(())
    }

    /// One call after the other at each tenant in turn; of the last, by its tenant, the title changes a moment later.
    fn add_calls(&self) -> anyhow::Result<Option<(String, String)>> {
        let world = self.stage.stand.world();
        let mut newest = None;
        for _ in 0..self.calls_per_second {
            let nth = self.added.get();
            let name = tenant(usize::try_from(nth)? % TENANTS);
            let add = Change::Add { count: 1, finished_at: None, kind: AddedKind::Ordinary };
            for id in world.change(&name, add)? {
                newest = Some((name.clone(), id));
            }
            self.added.set(nth + 1);
        }
        if let Some((name, id)) = &newest {
            let title = format!("Renamed {}", self.added.get());
            world.change(name, Change::SetTitle { id: id.clone(), title })?;
        }
        Ok(newest)
    }

    /// Somebody's calls are linked again.
    fn move_somebody(&self, nth: u64) -> anyhow::Result<()> {
        let nth = usize::try_from(nth)?;
        let account = nth / TENANTS % (ACCOUNTS / 2);
        let crm = CrmChange::MoveContact { account, contact: nth % 2, to: account + ACCOUNTS / 2 };
        self.stage.stand.world().change(&tenant(nth % TENANTS), Change::Crm { crm })?;
        Ok(())
    }

    /// The details of a call cannot be had until they are mended.
    fn spoil(&self, call: Option<(String, String)>) -> anyhow::Result<()> {
        if let Some((name, id)) = call {
            let rule = FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&id);
            let fault = self.stage.stand.world().add_fault(&name, rule)?;
            self.spoiled.borrow_mut().push((name, fault));
        }
        Ok(())
    }

    /// Whatever is dead meanwhile is sent again.
    async fn mend(&self) -> anyhow::Result<()> {
        for (name, fault) in self.spoiled.take() {
            self.stage.stand.world().remove_fault(&name, fault)?;
        }
        // says so where nothing is dead
        self.stage.stand.run(&["dead", "replay", "--all", "--detach", "--failures-max", "1000"]).await;
        Ok(())
    }

    /// Waits until everything that was ever added is stored, the spoiled calls among it.
    async fn end(&self) -> anyhow::Result<()> {
        let mut again = interval(Duration::from_secs(10));
        let mending = async {
            loop {
                again.tick().await;
                self.mend().await?;
            }
        };
        let stored = i64::try_from(self.added())?;
        tokio::select! {
            ended = mending => ended,
            done = self.stage.reach("the end", "SELECT count(*) FROM conversations", stored) => done,
        }
    }
}

fn tenants() -> impl Iterator<Item = String> {
    (0..TENANTS).map(tenant)
}

fn tenant(nth: usize) -> String {
    format!("tenant-{nth}")
}

/// What was looked at while the load went on.
struct Seen {
    roles: Vec<(String, Looks)>,
    stored: Looks,
    /// The most calls that there were and that were not stored yet.
    waiting: u64,
}

/// Looks until the time is over, and says now and then how it goes.
async fn watch(load: &Load<'_>, length: Duration) -> anyhow::Result<Seen> {
    let roles = load.stage.roles.iter().map(|role| (role.name().to_owned(), Looks::default()));
    let mut seen = Seen { roles: roles.collect(), stored: Looks::default(), waiting: 0 };
    let mut look = interval(length / LOOKS);
    let began = Instant::now();
    for nth in 1.. {
        look.tick().await;
        seen.look(load).await?;
        if nth % LOOKS_BETWEEN_LINES == 0 {
            say(&format!("soak, {} of {} s: {}", began.elapsed().as_secs(), length.as_secs(), seen.words()));
        }
        if began.elapsed() >= length {
            break;
        }
    }
    Ok(seen)
}

impl Seen {
    async fn look(&mut self, load: &Load<'_>) -> anyhow::Result<()> {
        for (role, (_, looks)) in load.stage.roles.iter().zip(&mut self.roles) {
            looks.add(resident_mb(role.pid())?);
        }
        let stored = load.stage.number("SELECT count(*) FROM conversations").await?;
        self.stored.add(stored as f64);
        self.waiting = self.waiting.max(load.added().saturating_sub(stored.unsigned_abs()));
        Ok(())
    }

    fn words(&self) -> String {
        let roles = self.roles.iter().map(|(name, looks)| format!("{name} {:.1} MB", looks.latest()));
        format!("{:.0} calls stored; {}", self.stored.latest(), roles.collect::<Vec<_>>().join(", "))
    }

    fn figures(&self, peaks: &[(String, f64)], length: Duration) -> Vec<Figure> {
        let minutes = length.as_secs_f64() / 60.0;
        let memory = self.roles.iter().zip(peaks).map(|((role, looks), (_, peak))| {
            Figure::of(
                format!("memory of the {role} in {minutes:.0} minutes of load: last sixth / second"),
                "",
                &[looks.end_to_beginning()],
                Bound::AtMost(FLAT),
                format!("{:.1} MB, at most {peak:.1}: {}", looks.median(), looks.drawing()),
            )
        });
        let stored = self.stored.latest();
        let load = Figure::of(
            "calls stored meanwhile: last sixth / second".to_owned(),
            "",
            &[self.stored.growth_end_to_beginning()],
            Bound::AtLeast(STEADY),
            format!("{stored:.0} in the end, never more than {} of them waiting", self.waiting),
        );
        memory.chain([load]).collect()
    }
}
