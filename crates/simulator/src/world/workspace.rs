//! One workspace of the vendor: what it was made of and what has happened to it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::apps::{App, AppOf};
use super::calendar::Calendar;
use super::changes::{Added, Change, Changes};
use super::crm::Crm;
use super::gong::{Company, GongKeyState};
use super::id::{conversation_id, index_of};
use super::listing::Listing;
use super::plan::{Kind, Plan, Traits};
use super::roster::Roster;
use super::spec::{KeyLevel, Settings, WorkspaceSpec};
use crate::SimulatorError;
use crate::dice::{mix, of_text};
use crate::faults::{FaultId, Faults};
use crate::log::RequestLog;
use crate::salesforce::Cursors;

/// Where rooms are numbered from that many meetings share.
const FIRST_ROOM: u64 = 10_000_000_000;

/// An API key of the workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyState {
    pub(crate) level: KeyLevel,
    pub(crate) revoked: bool,
}

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) spec: WorkspaceSpec,
    pub(crate) salt: u64,
    pub(crate) roster: Roster,
    pub(crate) log: RequestLog,
    pub(crate) gong_log: RequestLog,
    pub(crate) crm_log: RequestLog,
    pub(crate) token_log: RequestLog,
    calendar: Calendar,
    changes: Mutex<Changes>,
    crm: Mutex<Crm>,
    cursors: Mutex<Cursors>,
    /// In the order of [`AppOf::ALL`].
    apps: [Mutex<App>; 3],
    keys: Mutex<BTreeMap<String, KeyState>>,
    pub(super) gong_keys: Mutex<BTreeMap<String, GongKeyState>>,
    /// Of the first company, where they are not only the one it began with.
    pub(super) gong_workspaces: Mutex<Vec<String>>,
    settings: Mutex<Settings>,
    faults: Mutex<Faults>,
    fault_off: Notify,
}

/// A thread that panicked while holding a lock has failed its test or request; what it guarded is still whole,
/// because nothing here is changed in two steps.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Workspace {
    pub(crate) fn new(spec: WorkspaceSpec, seed: u64, now: Timestamp) -> Self {
        let salt = mix(seed ^ of_text(&spec.name));
        let organization_key = KeyState { level: KeyLevel::Organization, revoked: false };
        let roster = Roster::of(salt, &spec, now);
        let keys = BTreeMap::from([
            (spec.key.clone(), organization_key),
            (hubspot_token(&spec.name), organization_key),
            (salesforce_token(&spec.name), organization_key),
        ]);
        Self {
            salt,
            crm: Mutex::new(Crm::of(&roster, now)),
            roster,
            log: RequestLog::default(),
            gong_log: RequestLog::default(),
            crm_log: RequestLog::default(),
            token_log: RequestLog::default(),
            apps: AppOf::ALL.map(|of| Mutex::new(App::of(of, &spec.name, salt))),
            cursors: Mutex::default(),
            calendar: Calendar {
                salt,
                now_ms: now.as_millisecond(),
                days: spec.days,
                count: spec.conversations,
            },
            changes: Mutex::default(),
            keys: Mutex::new(keys),
            gong_keys: Mutex::new(Self::first_gong_keys(&spec.gong)),
            gong_workspaces: Mutex::default(),
            settings: Mutex::new(spec.settings.clone()),
            faults: Mutex::default(),
            fault_off: Notify::new(),
            spec,
        }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        locked(&self.settings)
    }

    pub(crate) fn crm(&self) -> MutexGuard<'_, Crm> {
        locked(&self.crm)
    }

    /// The queries of its Salesforce organization that go on.
    pub(crate) fn cursors(&self) -> MutexGuard<'_, Cursors> {
        locked(&self.cursors)
    }

    pub(crate) fn salesforce_token(&self) -> String {
        salesforce_token(&self.spec.name)
    }

    pub(crate) fn hubspot_token(&self) -> String {
        hubspot_token(&self.spec.name)
    }

    /// The app that one of its vendors knows.
    pub(crate) fn app(&self, of: AppOf) -> MutexGuard<'_, App> {
        locked(&self.apps[of as usize])
    }

    /// The id of its HubSpot portal.
    pub(crate) fn portal_id(&self) -> u64 {
        100_000_000 + self.salt % 100_000_000
    }

    /// How many requests its CRM got today, from whomever, and how many it has a day.
    pub(crate) fn crm_day(&self) -> (u64, u64) {
        let (others, limit) = {
            let settings = self.settings();
            (settings.crm_used_by_others, settings.crm_day_limit)
        };
        (others + self.crm_log.stats().requests, limit)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    /// Switches one fault off; says whether it was on.
    pub(crate) fn remove_fault(&self, id: FaultId) -> bool {
        let was_on = self.faults().remove(id);
        self.fault_off.notify_waiters();
        was_on
    }

    /// Switches all faults off.
    pub(crate) fn clear_faults(&self) {
        self.faults().clear();
        self.fault_off.notify_waiters();
    }

    /// Waits until a fault is off.
    pub(crate) async fn until_off(&self, id: FaultId) {
        loop {
            // made before looking, it is woken by whatever happens after
            let switched = self.fault_off.notified();
            if !self.faults().is_on(id) {
                return;
            }
            switched.await;
        }
    }

    pub(crate) fn key(&self, key: &str) -> Option<KeyState> {
        locked(&self.keys).get(key).copied()
    }

    /// The index of a conversation that is there.
    pub(crate) fn find(&self, id: &str) -> Option<u64> {
        let index = self.known(id)?;
        (self.is_there(index) && self.attention().recorded(index)).then_some(index)
    }

    /// Whether there is a meeting of this number, and it has not vanished.
    pub(super) fn is_there(&self, index: u64) -> bool {
        let changes = locked(&self.changes);
        index < self.calendar.count + changes.added.len() as u64 && !changes.vanished.contains(&index)
    }

    /// The index of a conversation that is there, by the id an uploader gave it.
    pub(crate) fn find_external(&self, external_id: &str) -> Option<u64> {
        let index = external_id.strip_prefix("upload-")?.parse().ok()?;
        self.find(&conversation_id(self.salt, index))
            .filter(|_| self.traits(index).uploaded_after_s.is_some())
    }

    pub(super) fn known(&self, id: &str) -> Option<u64> {
        let count = self.calendar.count + locked(&self.changes).added.len() as u64;
        index_of(self.salt, id).filter(|index| *index < count)
    }

    /// Every conversation that Attention has, newest first, ended within a closed window.
    pub(crate) fn listing(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = u64> + use<> {
        let recorder = self.attention();
        self.everything(from_ms, to_ms).filter(move |index| recorder.recorded(*index))
    }

    /// Every meeting there is, whoever recorded it, newest first, ended within a closed window.
    pub(super) fn everything(&self, from_ms: i64, to_ms: i64) -> Listing {
        Listing::of(&self.calendar, &locked(&self.changes), from_ms, to_ms)
    }

    pub(crate) fn traits(&self, index: u64) -> Traits {
        let mut traits = Traits::of(self.salt, index, self.roster.users.len(), &self.spec.shares);
        locked(&self.changes).adjust(self.calendar.count, index, &mut traits);
        traits
    }

    pub(crate) fn plan(&self, index: u64) -> Plan {
        let (traits, finished_at) = (self.traits(index), self.finished_at(index));
        let mut plan = Plan::of(self.salt, index, &self.roster, traits, self.spec.document_size, finished_at);
        plan.room = match self.spec.rooms {
            Some(rooms) => FIRST_ROOM + plan.style % rooms.max(1),
            None => plan.style % FIRST_ROOM,
        };
        locked(&self.changes).apply(&mut plan);
        self.seen_by(Company::First, plan)
    }

    /// The time a window is compared with if it is the row's making that counts.
    pub(crate) fn created_ms(&self, index: u64) -> i64 {
        self.plan(index).created_at.as_millisecond()
    }

    fn finished_at(&self, index: u64) -> Timestamp {
        let added = index.checked_sub(self.calendar.count).and_then(|nth| usize::try_from(nth).ok());
        let added_ms = added.and_then(|nth| Some(locked(&self.changes).added.get(nth)?.finished_ms));
        let finished_ms = added_ms.unwrap_or_else(|| self.calendar.finished_ms(index));
        Timestamp::from_millisecond(finished_ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Lets something happen; returns the ids of the conversations concerned.
    pub(crate) fn change(&self, change: Change, now: Timestamp) -> Result<Vec<String>, SimulatorError> {
        match change {
            Change::Add { count, finished_at, kind } => {
                let finished_ms = finished_at.unwrap_or(now).as_second() * 1000;
                Ok(self.add(count, Added { finished_ms, kind }))
            }
            Change::AllTranscriptsArrive => {
                let mut changes = locked(&self.changes);
                changes.arrived_below = self.calendar.count + changes.added.len() as u64;
                Ok(Vec::new())
            }
            Change::AddKey { key, level } => {
                locked(&self.keys).insert(key, KeyState { level, revoked: false });
                Ok(Vec::new())
            }
            Change::App { of, app } => {
                self.change_app(of, app);
                Ok(Vec::new())
            }
            Change::SetGongKey(key) => self.set_gong_key(key),
            Change::SetGongWorkspaces { ids } => {
                *locked(&self.gong_workspaces) = ids;
                Ok(Vec::new())
            }
            Change::Crm { crm } => {
                let known = locked(&self.crm).change(&crm, now);
                if known {
                    Ok(Vec::new())
                } else {
                    Err(SimulatorError::BadSpec("there is no such CRM record"))
                }
            }
            Change::RevokeKey { key } => self.set_revoked(&key, true),
            Change::RestoreKey { key } => self.set_revoked(&key, false),
            single => self.change_one(single),
        }
    }

    fn add(&self, count: u64, added: Added) -> Vec<String> {
        let mut changes = locked(&self.changes);
        let new = (0..count).map(|_| changes.add(&self.calendar, added));
        new.map(|index| conversation_id(self.salt, index)).collect()
    }

    fn set_revoked(&self, key: &str, revoked: bool) -> Result<Vec<String>, SimulatorError> {
        locked(&self.keys).get_mut(key).ok_or(SimulatorError::UnknownKey)?.revoked = revoked;
        Ok(Vec::new())
    }

    fn change_one(&self, change: Change) -> Result<Vec<String>, SimulatorError> {
        let id = change.conversation().unwrap_or_default().to_owned();
        let index = self.known(&id).ok_or_else(|| SimulatorError::UnknownConversation(id.clone()))?;
        let mut changes = locked(&self.changes);
        match change {
            Change::TranscriptArrives { .. } => changes.overlay(index).arrived = true,
            Change::SetTitle { title, .. } => changes.overlay(index).title = Some(title),
            Change::ChangeInsight { .. } => changes.overlay(index).revision += 1,
            Change::SetPrivate { private, .. } => changes.overlay(index).private = Some(private),
            Change::SetArchived { archived, .. } => changes.overlay(index).archived = Some(archived),
            Change::Fill { .. } => changes.overlay(index).filled = true,
            Change::Vanish { .. } => drop(changes.vanished.insert(index)),
            Change::Reappear { .. } => drop(changes.vanished.remove(&index)),
            _ => unreachable!("changes without a conversation are handled before"),
        }
        Ok(vec![id])
    }

    /// Whether the optimised list shows the conversation and the other does not.
    pub(crate) fn is_empty_call(&self, index: u64) -> bool {
        self.traits(index).kind == Kind::Empty
    }
}

fn hubspot_token(workspace: &str) -> String {
    format!("pat-eu1-{workspace}")
}

fn salesforce_token(workspace: &str) -> String {
    format!("00Dd00000000000!AQ0AQ.{workspace}")
}

impl Change {
    /// The one conversation it is about.
    fn conversation(&self) -> Option<&str> {
        match self {
            Self::TranscriptArrives { id }
            | Self::SetTitle { id, .. }
            | Self::ChangeInsight { id }
            | Self::SetPrivate { id, .. }
            | Self::SetArchived { id, .. }
            | Self::Vanish { id }
            | Self::Reappear { id }
            | Self::Fill { id } => Some(id),
            _ => None,
        }
    }
}
