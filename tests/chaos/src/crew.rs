//! The processes: several of each role, each with wires of its own to broker and database.

use std::time::Duration;

use runtime::Shutdown;
use rustix::process::Signal;
use stories::{Role, Stack, Stand, Wires};
use tokio::sync::Mutex;

/// Roles, and how many processes of each.
const ROLES: [(&str, usize); 4] = [("scheduler", 2), ("fetcher", 3), ("normalizer", 2), ("steward", 2)];

/// The dynamic linker finds it in its own places.
const FAKETIME: &str = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/// A place in the crew: its process is replaced, its wires stay.
pub(crate) struct Member {
    pub(crate) name: String,
    role: &'static str,
    pub(crate) wires: Wires,
    place: Mutex<Place>,
}

#[derive(Default)]
struct Place {
    process: Option<Role>,
    started: usize,
    is_frozen: bool,
}

/// Everybody.
pub(crate) struct Crew {
    pub(crate) members: Vec<Member>,
}

impl Crew {
    /// Starts everybody; they reach the broker by its first node, or one of these, whichever is there.
    pub(crate) async fn start(stand: &Stand, nodes: &[Stack]) -> Self {
        let nodes: Vec<String> = nodes.iter().map(Stack::broker).collect();
        let mut members = Vec::new();
        for (role, count) in ROLES {
            for number in 1..=count {
                let (name, wires) = (format!("{role}-{number}"), stand.wires_to_any(role, &nodes).await);
                let member = Member { name, role, wires, place: Mutex::default() };
                member.start(stand).await;
                members.push(member);
            }
        }
        Self { members }
    }

    /// Whether everybody who is not frozen says so.
    pub(crate) async fn is_ready(&self) -> bool {
        for member in &self.members {
            let place = member.place.lock().await;
            let process = place.process.as_ref().filter(|_| !place.is_frozen);
            if let Some(process) = process
                && !process.is_ready().await
            {
                return false;
            }
        }
        true
    }

    /// Starts those again that have ended by themselves, and says which: nobody should.
    pub(crate) async fn replace_ended(&self, stand: &Stand) -> Vec<String> {
        let mut ended = Vec::new();
        for member in &self.members {
            let mut place = member.place.lock().await;
            if place.process.as_mut().is_some_and(|process| !process.is_running()) {
                let end = place.process.take().map(|process| process.log()).unwrap_or_default();
                ended.push(format!("{} ended by itself:\n{end}", member.name));
                place.start(stand, member, 0).await;
            }
        }
        ended
    }

    /// Ends everybody in good order.
    pub(crate) async fn stop(&self) {
        for member in &self.members {
            if let Some(mut process) = member.place.lock().await.process.take() {
                process.stop().await;
            }
        }
    }
}

impl Member {
    async fn start(&self, stand: &Stand) {
        self.place.lock().await.start(stand, self, 0).await;
    }

    /// Kills it, and starts another in its place, whose clock is wrong by so many seconds.
    pub(crate) async fn replace(&self, stand: &Stand, clock_wrong_s: i64) {
        let mut place = self.place.lock().await;
        if let Some(mut process) = place.process.take() {
            process.kill().await;
        }
        place.start(stand, self, clock_wrong_s).await;
    }

    /// Ends it in good order, and starts another in its place.
    pub(crate) async fn roll(&self, stand: &Stand) {
        let mut place = self.place.lock().await;
        if let Some(mut process) = place.process.take() {
            process.stop().await;
        }
        place.start(stand, self, 0).await;
    }

    /// Stops it for a while as a debugger or a starved machine does, at most until something is found.
    pub(crate) async fn freeze(&self, found: &Shutdown, lasts: Duration) {
        self.set_frozen(true).await;
        found.rest(lasts).await;
        self.set_frozen(false).await;
    }

    async fn set_frozen(&self, is_frozen: bool) {
        let mut place = self.place.lock().await;
        place.is_frozen = is_frozen;
        if let Some(process) = &place.process {
            process.signal(if is_frozen { Signal::STOP } else { Signal::CONT });
        }
    }
}

impl Place {
    async fn start(&mut self, stand: &Stand, member: &Member, clock_wrong_s: i64) {
        self.started += 1;
        let log = format!("{}.{}", member.name, self.started);
        let clock = if clock_wrong_s == 0 { Vec::new() } else { wrong_clock(clock_wrong_s) };
        self.process = Some(stand.start_behind(member.role, &log, &member.wires, &clock).await);
    }
}

/// Settings of libfaketime: what time it is, but not how long anything takes.
fn wrong_clock(by_s: i64) -> Vec<(&'static str, String)> {
    vec![
        ("LD_PRELOAD", FAKETIME.to_owned()),
        ("FAKETIME", format!("{by_s:+}s")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}
