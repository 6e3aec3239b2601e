//! Who uses the system: three tenants, and what happens at their vendors meanwhile.

use std::time::Duration;

use jiff::SignedDuration;
use runtime::Clock;
use simulator::{
    AddedKind, Change, CrmChange, CrmKind, Dice, DocumentSize, GongSpec, RateLimit, Settings, WorkspaceSpec,
};
use stories::Stand;
use tokio::time::{MissedTickBehavior, interval};

/// A strict limit of what Attention and the CRMs take from each.
pub(crate) const REQUESTS_PER_SECOND: usize = 15;
/// Accounts that no call and nobody else is moved to or from.
const ACCOUNTS: usize = 30;

/// A tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) name: &'static str,
    pub(crate) crm: CrmKind,
    pub(crate) has_gong: bool,
    /// New calls come only where copies of a meeting are not compared: those would have to be hours apart.
    pub(crate) grows: bool,
}

pub(crate) const TENANTS: [Tenant; 3] = [
    Tenant { name: "acme", crm: CrmKind::HubSpot, has_gong: true, grows: true },
    Tenant { name: "globex", crm: CrmKind::Salesforce, has_gong: true, grows: false },
    Tenant { name: "initech", crm: CrmKind::Files, has_gong: false, grows: true },
];

impl Tenant {
    fn spec(self, conversations: u64) -> WorkspaceSpec {
        let spec = WorkspaceSpec::named(self.name);
        let limit = RateLimit { requests: REQUESTS_PER_SECOND, window_ms: 1000, retry_after_s: Some(1) };
        let settings =
            Settings { rate_limit: Some(limit), crm_rate_limit: Some(limit), ..Settings::default() };
        WorkspaceSpec {
            conversations,
            days: 30,
            document_size: DocumentSize::Tiny,
            accounts: ACCOUNTS,
            gong: GongSpec { share: 0.6, ..spec.gong.clone() },
            crm: self.crm,
            settings,
            ..spec
        }
    }

    /// What it has connected, as commands name it.
    pub(crate) fn connections(self) -> Vec<String> {
        let crm = match self.crm {
            CrmKind::Files => None,
            CrmKind::HubSpot => Some("hubspot"),
            CrmKind::Salesforce => Some("salesforce"),
        };
        let gong = self.has_gong.then_some("gong");
        let all = ["attention"].into_iter().chain(gong).chain(crm);
        all.map(|vendor| format!("{}/{vendor}", self.name)).collect()
    }

    /// Makes it, with everything connected.
    pub(crate) async fn settle(self, stand: &Stand, conversations: u64) {
        let rate = REQUESTS_PER_SECOND.to_string();
        let limits = ["--requests-per-second", &rate, "--in-flight", "8"];
        stand.tenant(self.spec(conversations)).await;
        match self.crm {
            CrmKind::Files => stand.accounts(self.name).await,
            CrmKind::HubSpot => drop(stand.connect_hubspot(self.name, &limits).await),
            CrmKind::Salesforce => drop(stand.connect_salesforce(self.name, &[]).await),
        }
        stand.connect(self.name, &format!("{}-key", self.name), &[&limits[..], &HISTORY].concat()).await;
        if self.has_gong {
            stand.connect_gong(self.name, &HISTORY).await;
        }
    }
}

const HISTORY: [&str; 2] = ["--backfill-days", "35"];

/// Lets the world go on until it is dropped: new calls, new titles, people who change companies, orders to look again.
pub(crate) async fn live(stand: &Stand, seed: u64) {
    let mut dice = Dice::of(&[seed, 0x11FE]);
    let mut added = 0;
    let mut pace = interval(Duration::from_millis(700));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let tenant = *dice.pick(&TENANTS);
        stand.world().set_now(Clock::system().now());
        if dice.one_in(12) {
            // refused where something is away: whoever ordered would order again
            let connection = dice.pick(&tenant.connections()).clone();
            stand.run(&["sync", &connection]).await;
            continue;
        }
        added += 1;
        let change = change(stand, tenant, &mut dice, added);
        stand.world().change(tenant.name, change).expect("a change of what is there");
    }
}

fn change(stand: &Stand, tenant: Tenant, dice: &mut Dice, added: i64) -> Change {
    let recent = stand.world().truth(tenant.name).expect("a truth").take(20).map(|one| one.id);
    let recent: Vec<String> = recent.collect();
    let id = dice.pick(&recent).clone();
    match dice.below(8) {
        0..=2 if tenant.grows => {
            let ago = SignedDuration::from_mins(40 + added % 1_000);
            let kind =
                *dice.pick(&[AddedKind::Ordinary, AddedKind::Ordinary, AddedKind::Late, AddedKind::Mixed]);
            Change::Add { count: 1, finished_at: stand.world().now().checked_sub(ago).ok(), kind }
        }
        3 if tenant.crm != CrmKind::Files => {
            let (account, to) = (dice.below(ACCOUNTS / 2), ACCOUNTS / 2 + dice.below(ACCOUNTS / 2));
            Change::Crm { crm: CrmChange::MoveContact { account, contact: dice.below(2), to } }
        }
        4 => Change::ChangeInsight { id },
        5 => Change::SetPrivate { id, private: dice.one_in(2) },
        _ => Change::SetTitle { id, title: format!("Renamed {}", dice.below(1_000_000)) },
    }
}
