//! After everything has healed: is everything there, once, and does it add up?

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::Value;
use simulator::{Change, CrmKind};
use store::Speaker;
use store::invariant::{self, Width};
use stories::{Stand, compare_meetings, compare_with_gong, compare_with_truth};
use tokio::time::{Instant, interval};

use crate::fault::Kind;
use crate::say;
use crate::tally::Tally;
use crate::tenants::{TENANTS, Tenant};

/// Longest wait until nothing is left to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// How much was checked of what.
pub(crate) type Checked = Vec<(&'static str, u64)>;

/// The end of a run.
pub(crate) struct Checker<'a> {
    pub(crate) stand: &'a Stand,
    pub(crate) tally: &'a Tally,
}

impl Checker<'_> {
    /// Lets everything come to rest, as an operator would after a bad day: the outage's letters are replayed, and all is looked at
    /// once more.
    pub(crate) async fn settle(&self) -> Option<()> {
        // a schedule that goes on never comes to rest
        self.stand.database.execute("UPDATE connections SET interval_s = 86400").await;
        self.stand.database.execute("UPDATE streams SET due_at = now() + interval '1 day'").await;
        for tenant in TENANTS {
            self.stand.world().change(tenant.name, Change::AllTranscriptsArrive).expect("transcripts");
        }
        self.idle("the work that was left").await?;
        self.judge_letters().await;
        self.stand.run(&["dead", "replay", "--all"]).await;
        self.idle("the replays").await?;
        for tenant in TENANTS {
            self.look_again(tenant).await;
        }
        self.idle("the last look").await
    }

    /// An outage uses attempts up, and that is all it may do.
    async fn judge_letters(&self) {
        for letter in self.stand.json(&["dead", "list", "--limit", "100000"]).await {
            let (stage, class) = (letter["stage"].as_str(), letter["class"].as_str().unwrap_or_default());
            let is_explained = matches!(stage, Some("fetch" | "detail"))
                && (class.starts_with("vendor-") || ["endless-list", "cursor-expired"].contains(&class));
            if !is_explained {
                self.tally.find(format!("a letter that no fault explains: {letter}"));
            }
        }
    }

    async fn look_again(&self, tenant: Tenant) {
        let (now, day) = (self.stand.world().now(), jiff::SignedDuration::from_hours(24));
        let (from, to) = ((now - day * 40).to_string(), (now + day).to_string());
        for connection in tenant.connections() {
            let is_crm = connection.ends_with("/hubspot") || connection.ends_with("/salesforce");
            let order = if is_crm { vec!["--walk"] } else { vec!["--from", &from, "--to", &to] };
            self.stand.ok(&[&["sync", &connection], &order[..]].concat()).await;
        }
    }

    /// Waits until nothing is left.
    async fn idle(&self, what: &str) -> Option<()> {
        // an error comes at once
        let (deadline, mut tick) = (Instant::now() + PATIENCE, interval(Duration::from_millis(100)));
        let (store, broker) = (self.stand.database.store(), self.stand.vhost.config());
        loop {
            let left = desk::idle::wait(store, broker, None, Duration::from_secs(10), |_| {}).await;
            match left {
                Ok(Ok(_)) => return Some(()),
                _ if Instant::now() < deadline => say(&format!("waiting for {what}: {left:?}")),
                left => {
                    self.tally.find(format!("{what} does not come to an end: {left:?}"));
                    return None;
                }
            }
            tick.tick().await;
        }
    }

    /// Everything that is promised.
    pub(crate) async fn check(&self) -> Checked {
        let mut checked = Vec::new();
        let (mut calls, mut runs) = (0, 0);
        for tenant in TENANTS {
            let exported = self.stand.export(tenant.name).await;
            calls += exported.len() as u64;
            self.compare(tenant, &exported);
        }
        runs += self.stand.count("SELECT count(*) FROM sync_runs").await as u64;
        if let Err(panic) = AssertUnwindSafe(self.stand.assert_sums()).catch_unwind().await {
            self.tally.find(format!("a run does not add up: {}", words(&*panic)));
        }
        checked.push(("conversations exported and equal to the vendors' truth", calls));
        checked.push(("runs that add up", runs));
        self.check_none().await;
        self.check_invariants().await;
        checked.push(("keys that were refused, each told of once", self.check_events().await));
        checked.push(("requests within the vendors' limits", self.check_limits()));
        checked
    }

    fn compare(&self, tenant: Tenant, exported: &[Value]) {
        let (world, name) = (self.stand.world(), tenant.name);
        self.hold(&format!("{name}, Attention"), || compare_with_truth(&world, name, exported));
        if tenant.has_gong {
            self.hold(&format!("{name}, Gong"), || compare_with_gong(&world, name, exported));
        }
        if tenant.has_gong && !tenant.grows {
            self.hold(&format!("{name}, meetings"), || compare_meetings(&world, name, exported));
        }
    }

    fn hold(&self, what: &str, check: impl FnOnce()) {
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(check)) {
            self.tally.find(format!("{what}: {}", words(&*panic)));
        }
    }

    /// What there must be none of.
    async fn check_none(&self) {
        for (what, sql) in [
            (
                "records that were listed and are nowhere",
                "SELECT count(*) FROM record_standings WHERE standing = 'listed'",
            ),
            (
                "dead records after the replay",
                "SELECT count(*) FROM record_standings WHERE standing = 'dead'",
            ),
            ("dead letters after the replay", "SELECT count(*) FROM dead_letters WHERE state = 'dead'"),
            (
                "conversations that are there twice",
                "SELECT count(*) FROM (SELECT FROM conversations
                 GROUP BY tenant_id, vendor, vendor_account, external_id HAVING count(*) > 1) AS twice",
            ),
            (
                "credentials that were told of twice",
                "SELECT count(*) FROM (SELECT FROM outbox WHERE type = 'credential.invalidated'
                 GROUP BY body ->> 'connection_id', body ->> 'generation' HAVING count(*) > 1) AS twice",
            ),
            (
                "runs that are still open",
                "SELECT count(*) FROM sync_runs WHERE state NOT IN ('settled', 'failed')",
            ),
        ] {
            let found = self.stand.number(sql).await;
            if found != 0 {
                self.tally.find(format!("{found} {what}"));
            }
        }
    }

    async fn check_invariants(&self) {
        let tx = self.stand.database.store().begin(Speaker::Everybody).await.expect("a transaction");
        let looked = invariant::look(&tx, Duration::ZERO, Width::default()).await.expect("a look");
        tx.commit().await.expect("a commit");
        for broken in looked.map(|looked| looked.broken).unwrap_or_default() {
            self.tally.find(broken);
        }
    }

    /// Every key that was revoked has its one event, and every event was heard.
    async fn check_events(&self) -> u64 {
        let sql = "SELECT count(*) FROM outbox WHERE type = 'credential.invalidated'";
        let told = self.stand.count(sql).await as u64;
        let revoked = self.tally.count(&[Kind::RevokedKey]);
        if told < revoked {
            self.tally.find(format!("{revoked} keys were revoked, and {told} events tell of it"));
        }
        let heard = self.stand.vhost.heard().await;
        for event in self.stand.json(&["events", "tail", "-n", "1000000"]).await {
            let id = event["id"].as_str().unwrap_or_default();
            if !heard.iter().any(|one| one == id) {
                self.tally.find(format!("an event that nobody heard: {event}"));
            }
        }
        told
    }

    /// Of a process that is stopped between its slot and its request, one request may come too late.
    fn check_limits(&self) -> u64 {
        let world = self.stand.world();
        let allowed = self.tally.count(&[Kind::Pause, Kind::Freeze]);
        let mut requests = 0;
        for tenant in TENANTS {
            let mut all = vec![("Attention", world.stats(tenant.name).expect("numbers"))];
            if tenant.has_gong {
                all.push(("Gong", world.gong_stats(tenant.name).expect("numbers")));
            }
            if tenant.crm == CrmKind::HubSpot {
                all.push(("HubSpot", world.crm_stats(tenant.name).expect("numbers")));
            }
            for (vendor, stats) in all {
                requests += stats.requests;
                if stats.over_limit > allowed {
                    let over = stats.over_limit;
                    self.tally
                        .find(format!("{over} requests of {} at {vendor} were over its limit", tenant.name));
                }
            }
        }
        requests
    }

    /// Nothing is left in any queue once nobody has anything in hand.
    pub(crate) async fn check_queues(&self) {
        let depths = queue::depths(self.stand.vhost.config()).await.expect("the broker answers");
        for depth in depths.iter().filter(|depth| depth.ready > 0) {
            self.tally.find(format!("{} messages are left in {}", depth.ready, depth.queue));
        }
    }
}

/// What an assertion said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}
