//! Brings faults about, ends them, and waits until what they struck has recovered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use queue::Outgoing;
use queue::topology::RESOLVE_QUEUE;
use simulator::{Change, Dice, FaultRule, KeyLevel, Stats};
use stories::{Stack, Stand, Trouble, Wire};
use tokio::time::{Instant, interval, timeout};

use crate::crew::{Crew, Member};
use crate::fault::Kind;
use crate::say;
use crate::schedule::Planned;
use crate::tally::Tally;
use crate::tenants::{REQUESTS_PER_SECOND, TENANTS, Tenant};

/// What takes longer to recover is a finding: an answer that is not there is waited for for 25 s, and places in flight for 45.
const RECOVERY_MAX: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What faults are brought about in.
pub(crate) struct Arena<'a> {
    pub(crate) stand: &'a Stand,
    pub(crate) stack: &'a Stack,
    /// The nodes of the broker; the first is that of the stack.
    pub(crate) nodes: &'a [Stack],
    pub(crate) crew: &'a Crew,
    pub(crate) tally: &'a Tally,
    pub(crate) began: Instant,
    /// The keys of Attention that are good, by tenant.
    pub(crate) keys: Mutex<BTreeMap<&'static str, String>>,
}

impl Arena<'_> {
    /// Starts those again who have ended by themselves, which nobody should.
    pub(crate) async fn replace_ended(&self) {
        for ended in self.crew.replace_ended(self.stand).await {
            self.tally.find(ended);
        }
    }

    /// How it goes, in a line.
    pub(crate) async fn progress(&self, length: Duration) -> String {
        let (passed_s, length_s) = (self.began.elapsed().as_secs(), length.as_secs());
        let count = async |sql: &str| {
            let found = tokio::time::timeout(Duration::from_secs(2), self.stand.try_number(sql)).await;
            found.ok().flatten().map_or("?".to_owned(), |found| found.to_string())
        };
        format!(
            "{passed_s} of {length_s} s: {} faults, {} calls stored, {} runs open, {} letters, {} findings",
            self.tally.injected_in_all(),
            count("SELECT count(*) FROM conversations").await,
            count("SELECT count(*) FROM sync_runs WHERE state NOT IN ('settled', 'failed')").await,
            count("SELECT count(*) FROM dead_letters WHERE state = 'dead'").await,
            self.tally.findings().len(),
        )
    }

    /// Everything is mended, and everybody is there.
    pub(crate) async fn heal(&self) {
        for wires in self.crew.members.iter().map(|member| &member.wires) {
            wires.database.set(Trouble::None);
            wires.broker.set(Trouble::None);
        }
        for tenant in TENANTS {
            self.stand.world().clear_faults(tenant.name).expect("mended");
        }
        self.replace_ended().await;
        if self.until_ready().await.is_none() {
            self.tally.find("somebody is not ready although nothing is in their way");
        }
    }

    /// Goes through one lane's faults in time, or later where the one before it took longer; none begins after the end, or after a finding.
    pub(crate) async fn go_through(&self, planned: &[Planned], length: Duration) {
        for one in planned {
            let at = self.began + Duration::from_millis(one.at_ms);
            self.tally.found.rest(at.saturating_duration_since(Instant::now())).await;
            if self.began.elapsed() >= length || self.tally.found.is_begun() {
                return;
            }
            self.tally.injected(one.kind);
            let recovery = self.inflict(one).await;
            match recovery {
                Some(recovery) => self.tally.survived(one.kind, recovery),
                None => self.tally.find(format!("no recovery in {} s: {one:?}", RECOVERY_MAX.as_secs())),
            }
        }
    }

    /// Brings one about; how long it took to recover, if it did.
    async fn inflict(&self, one: &Planned) -> Option<Duration> {
        let (mut dice, lasts) = (one.dice(), Duration::from_millis(one.lasts_ms));
        if let Some(trouble) = one.kind.trouble(&mut dice) {
            let wires = self.wires(&mut dice);
            set(&wires, trouble);
            self.tally.found.rest(lasts).await;
            set(&wires, Trouble::None);
            return self.until_ready().await;
        }
        if let Some(rule) = one.kind.rule(&mut dice) {
            return self.spoil(*dice.pick(&TENANTS), rule, lasts).await;
        }
        match one.kind {
            Kind::Kill => dice.pick(&self.crew.members).replace(self.stand, 0).await,
            Kind::WrongClock => {
                let hour_s = *dice.pick(&[-3600, 3600]);
                dice.pick(&self.crew.members).replace(self.stand, hour_s).await;
            }
            Kind::Deploy => self.deploy().await,
            Kind::MemoryAlarm => {
                self.alarm("set_vm_memory_high_watermark", ("1MB", "4GB"), lasts).await;
            }
            Kind::DiskAlarm => self.alarm("set_disk_free_limit", ("100000GB", "200MB"), lasts).await,
            Kind::Pause | Kind::Freeze => {
                dice.pick(&self.crew.members).freeze(&self.tally.found, lasts).await;
            }
            Kind::KillBroker => self.restart(self.stack, "rabbitmq", lasts).await,
            Kind::KillNode => self.restart(dice.pick(self.nodes), "rabbitmq", lasts).await,
            Kind::KillDatabase => self.restart(self.stack, "postgres", lasts).await,
            Kind::RevokedKey => return self.revoke(*dice.pick(&TENANTS), lasts, one.at_ms).await,
            _ => unreachable!("a kind is of wires, of vendors, or one of these"),
        }
        self.until_ready().await
    }

    /// One wire of one process, or of everybody.
    fn wires(&self, dice: &mut Dice) -> Vec<&Wire> {
        let to_database = dice.one_in(2);
        let of = |member| Self::wire_of(member, to_database);
        if dice.one_in(4) {
            return self.crew.members.iter().map(of).collect();
        }
        vec![of(dice.pick(&self.crew.members))]
    }

    fn wire_of(member: &Member, to_database: bool) -> &Wire {
        if to_database { &member.wires.database } else { &member.wires.broker }
    }

    /// Sets one of the broker's limits so that an alarm is on, and back.
    async fn alarm(&self, setting: &str, (bad, good): (&str, &str), lasts: Duration) {
        let is_of_memory = setting.contains("memory");
        for limit in [bad, good] {
            let absolute: &[&str] =
                if is_of_memory { &[setting, "absolute", limit] } else { &[setting, limit] };
            self.stack.rabbitmqctl(absolute).await;
            if limit == bad {
                self.tally.found.rest(lasts).await;
            }
        }
    }

    /// Replaces everybody in good order, as a deploy does, while messages of the programs before it are still in the queues.
    async fn deploy(&self) {
        for (nth, member) in self.crew.members.iter().enumerate() {
            if nth % 3 == 0 {
                self.leave_older_message().await;
            }
            member.roll(self.stand).await;
        }
    }

    /// In the form of before batches had rows. A broker that is away takes none, and nothing is lost by that.
    async fn leave_older_message(&self) {
        let sql = "SELECT coalesce(string_agg('\"' || conversation_id || '\"', ','), '')
                   FROM (SELECT conversation_id FROM conversations WHERE tenant_id = 'acme' LIMIT 50) AS some";
        let Some(ids) = self.stand.try_text(sql).await else { return };
        let body = format!(r#"{{"version":1,"tenant":"acme","conversation_ids":[{ids}]}}"#);
        let broker = self.stand.vhost.broker();
        let left = broker.publisher().publish(Outgoing::to_work(&RESOLVE_QUEUE, body.into_bytes())).await;
        say(&format!("an older message was left: {}", left.is_ok()));
        broker.close().await;
    }

    /// Kills a server of a stack, and starts it again.
    async fn restart(&self, stack: &Stack, server: &str, lasts: Duration) {
        stack.give(&format!("kill-{server}")).await;
        self.tally.found.rest(lasts).await;
        stack.give(&format!("start-{server}")).await;
    }

    /// Waits until `look` says so, no longer than recovery may take; how long it took.
    async fn until(&self, mut look: impl AsyncFnMut() -> bool) -> Option<Duration> {
        let (began, mut tick) = (Instant::now(), interval(LOOK_EVERY));
        let looking = async {
            while !look().await {
                tick.tick().await;
            }
        };
        timeout(RECOVERY_MAX, looking).await.ok().map(|()| began.elapsed())
    }

    /// Waits until everybody is ready; how long it took.
    async fn until_ready(&self) -> Option<Duration> {
        self.until(async || self.crew.is_ready().await).await
    }

    /// Lets a tenant's vendors misbehave, and waits until one of them has given a good answer again.
    async fn spoil(&self, tenant: Tenant, rule: FaultRule, lasts: Duration) -> Option<Duration> {
        let world = self.stand.world();
        world.add_fault(tenant.name, rule).expect("a fault");
        self.tally.found.rest(lasts).await;
        world.clear_faults(tenant.name).expect("mended");
        self.until_answered(tenant).await
    }

    async fn until_answered(&self, tenant: Tenant) -> Option<Duration> {
        let before = self.good_answers(tenant);
        self.until(async || self.good_answers(tenant) > before).await
    }

    fn good_answers(&self, tenant: Tenant) -> u64 {
        let world = self.stand.world();
        let all = [world.stats(tenant.name), world.gong_stats(tenant.name), world.crm_stats(tenant.name)];
        let good = |stats: Stats| stats.by_status.get(&200).copied().unwrap_or_default();
        all.into_iter().map(|stats| good(stats.expect("numbers"))).sum()
    }

    /// Revokes the key of Attention, waits until somebody has noticed, and connects with another.
    async fn revoke(&self, tenant: Tenant, lasts: Duration, number: u64) -> Option<Duration> {
        let world = self.stand.world();
        let key = format!("{}-key-{number}", tenant.name);
        let before = self.keys.lock().expect("nobody panics with it").insert(tenant.name, key.clone());
        let before = before.unwrap_or_else(|| format!("{}-key", tenant.name));
        world.change(tenant.name, Change::RevokeKey { key: before }).expect("revoked");
        self.until_invalid(tenant).await?;
        self.tally.found.rest(lasts).await;
        let made = Change::AddKey { key: key.clone(), level: KeyLevel::Organization };
        world.change(tenant.name, made).expect("a key");
        self.reconnect(tenant, &key).await?;
        self.until_answered(tenant).await
    }

    async fn until_invalid(&self, tenant: Tenant) -> Option<Duration> {
        let sql = format!(
            "SELECT count(*) FROM connections
             WHERE tenant_id = '{}' AND vendor = 'attention' AND credential_state = 'invalid'",
            tenant.name
        );
        self.until(async || self.stand.try_number(&sql).await == Some(1)).await
    }

    /// As a person does: again, until it is taken.
    async fn reconnect(&self, tenant: Tenant, key: &str) -> Option<Duration> {
        let (base, rate) = (self.stand.base_url(), REQUESTS_PER_SECOND.to_string());
        let args = ["connect", "attention", "--tenant", tenant.name, "--base-url", &base, "--allow-http"];
        let args = [&args[..], &["--requests-per-second", &rate, "--in-flight", "8"]].concat();
        self.until(async || self.stand.run_with_input(&args, key).await.status.success()).await
    }
}

fn set(wires: &[&Wire], trouble: Trouble) {
    for wire in wires {
        wire.set(trouble);
    }
}
