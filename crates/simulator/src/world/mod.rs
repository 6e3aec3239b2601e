//! The vendor's side of the world: workspaces, generated from a seed and changed at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::SimulatorError;
use crate::faults::{Fault, FaultId, FaultRule};
use crate::google::SecretManager;
use crate::log::{RequestRecord, Stats};

mod apps;
mod calendar;
mod changes;
mod crm;
mod csv;
mod gong;
mod id;
mod listing;
mod names;
mod people;
mod plan;
mod roster;
mod spec;
mod truth;
mod workspace;

pub use apps::{AppChange, AppOf, AppStats};
pub use changes::{AddedKind, Change};
pub use crm::{CrmChange, CrmKind};
pub use gong::{GongKey, GongSpec};
pub use spec::{
    DocumentSize, EndpointForm, GongSettings, HeaderForm, KeyLevel, Latency, ListMeta, RateLimit, Settings,
    Shares, WindowBy, WorkspaceSpec,
};
pub use truth::{Expected, ExpectedAttendee, Truth};

pub(crate) use apps::{App, Given, NotGiven};
pub(crate) use crm::{Company, Crm, Person as CrmPerson};
pub(crate) use gong::{Company as GongCompany, GongKeyState};
pub(crate) use id::other_id;
pub(crate) use names::WORDS;
pub(crate) use people::{Listed, Person};
pub(crate) use plan::{Place, Plan, Readiness, Shape, Stamp};
pub(crate) use roster::User;
pub(crate) use workspace::{KeyState, Workspace, locked};

/// A handle to everything the simulator simulates; clones are the same world.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    now: Mutex<Timestamp>,
    workspaces: Mutex<BTreeMap<String, Arc<Workspace>>>,
    secret_manager: SecretManager,
}

impl World {
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self(Arc::new(Inner {
            seed,
            now: Mutex::new(now),
            workspaces: Mutex::default(),
            secret_manager: SecretManager::default(),
        }))
    }

    /// The vendor's clock; it stands still unless it is set.
    pub fn now(&self) -> Timestamp {
        *locked(&self.0.now)
    }

    /// Sets the vendor's clock; what exists already does not move.
    pub fn set_now(&self, now: Timestamp) {
        *locked(&self.0.now) = now;
    }

    /// Google's Secret Manager.
    pub fn secret_manager(&self) -> SecretManager {
        self.0.secret_manager.clone()
    }

    /// Makes a workspace.
    pub fn add_workspace(&self, spec: WorkspaceSpec) -> Result<(), SimulatorError> {
        let spec = spec.checked()?;
        let mut workspaces = locked(&self.0.workspaces);
        let key_taken = workspaces.values().any(|workspace| workspace.key(&spec.key).is_some());
        let key_taken =
            key_taken || workspaces.values().any(|workspace| workspace.gong_key(&spec.gong.key).is_some());
        if key_taken || workspaces.contains_key(&spec.name) {
            return Err(SimulatorError::Taken(spec.name));
        }
        let name = spec.name.clone();
        workspaces.insert(name, Arc::new(Workspace::new(spec, self.0.seed, self.now())));
        Ok(())
    }

    /// The names of all workspaces.
    pub fn workspaces(&self) -> Vec<String> {
        locked(&self.0.workspaces).keys().cloned().collect()
    }

    /// How a workspace was asked for.
    pub fn spec(&self, workspace: &str) -> Result<WorkspaceSpec, SimulatorError> {
        Ok(self.workspace(workspace)?.spec.clone())
    }

    /// The `organizationUUID` of a workspace.
    pub fn organization_uuid(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(self.workspace(workspace)?.roster.organization.clone())
    }

    /// The domains of a workspace's own people.
    pub fn own_domains(&self, workspace: &str) -> Result<Vec<String>, SimulatorError> {
        Ok(self.workspace(workspace)?.roster.own_domains.clone())
    }

    /// The token of a workspace's HubSpot portal.
    pub fn hubspot_token(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(self.workspace(workspace)?.hubspot_token())
    }

    /// The id of a workspace's HubSpot portal.
    pub fn hubspot_portal(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(self.workspace(workspace)?.portal_id().to_string())
    }

    /// A token of a workspace's Salesforce organization.
    pub fn salesforce_token(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(self.workspace(workspace)?.salesforce_token())
    }

    /// Id and secret of the app that a workspace's vendor knows.
    pub fn app(&self, workspace: &str, of: AppOf) -> Result<(String, String), SimulatorError> {
        let workspace = self.workspace(workspace)?;
        let app = workspace.app(of);
        Ok((app.id.clone(), app.secret.clone()))
    }

    /// Everything secret that a workspace's vendor has given to its app, or knows of it.
    pub fn app_secrets(&self, workspace: &str, of: AppOf) -> Result<Vec<String>, SimulatorError> {
        Ok(self.workspace(workspace)?.app(of).secrets())
    }

    /// Numbers about the app that a workspace's vendor knows.
    pub fn app_stats(&self, workspace: &str, of: AppOf) -> Result<AppStats, SimulatorError> {
        Ok(self.workspace(workspace)?.app(of).stats)
    }

    /// The latest requests for tokens that a workspace's vendors got, oldest first.
    pub fn token_requests(&self, workspace: &str) -> Result<Vec<RequestRecord>, SimulatorError> {
        Ok(self.workspace(workspace)?.token_log.requests())
    }

    /// The accounts each contact of the CRM has to do with beside its own, by the contact's id; those that have none are left out.
    pub fn other_accounts(
        &self,
        workspace: &str,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, SimulatorError> {
        Ok(truth::other_accounts(&*self.workspace(workspace)?))
    }

    /// The id at its source of the account with this number in the import file.
    pub fn account_id(&self, workspace: &str, account: usize) -> Result<String, SimulatorError> {
        let workspace = self.workspace(workspace)?;
        let found = workspace.roster.accounts.get(account);
        Ok(found.map(|account| account.external_id.clone()).unwrap_or_default())
    }

    /// Lets something happen; returns the ids of the conversations concerned.
    pub fn change(&self, workspace: &str, change: Change) -> Result<Vec<String>, SimulatorError> {
        self.workspace(workspace)?.change(change, self.now())
    }

    /// What can be switched, as it is.
    pub fn settings(&self, workspace: &str) -> Result<Settings, SimulatorError> {
        Ok(self.workspace(workspace)?.settings().clone())
    }

    /// Switches what can be switched.
    pub fn set_settings(&self, workspace: &str, settings: Settings) -> Result<(), SimulatorError> {
        *self.workspace(workspace)?.settings() = settings;
        Ok(())
    }

    /// Switches a fault on.
    pub fn add_fault(&self, workspace: &str, rule: impl Into<FaultRule>) -> Result<FaultId, SimulatorError> {
        Ok(self.workspace(workspace)?.faults().add(rule.into()))
    }

    /// Switches a fault on in every workspace: the vendor itself is in trouble.
    pub fn add_fault_everywhere(&self, fault: &Fault) {
        for workspace in locked(&self.0.workspaces).values() {
            workspace.faults().add(FaultRule::from(fault.clone()));
        }
    }

    /// The faults that are on.
    pub fn faults(&self, workspace: &str) -> Result<Vec<(FaultId, FaultRule)>, SimulatorError> {
        Ok(self.workspace(workspace)?.faults().all())
    }

    /// Switches one fault off; says whether it was on.
    pub fn remove_fault(&self, workspace: &str, id: FaultId) -> Result<bool, SimulatorError> {
        Ok(self.workspace(workspace)?.remove_fault(id))
    }

    /// Switches all faults of a workspace off.
    pub fn clear_faults(&self, workspace: &str) -> Result<(), SimulatorError> {
        self.workspace(workspace)?.clear_faults();
        Ok(())
    }

    /// Numbers about the requests a workspace got.
    pub fn stats(&self, workspace: &str) -> Result<Stats, SimulatorError> {
        Ok(self.workspace(workspace)?.log.stats())
    }

    /// The latest requests a workspace got, oldest first.
    pub fn requests(&self, workspace: &str) -> Result<Vec<RequestRecord>, SimulatorError> {
        Ok(self.workspace(workspace)?.log.requests())
    }

    /// Forgets the requests a workspace got.
    pub fn reset_log(&self, workspace: &str) -> Result<(), SimulatorError> {
        let workspace = self.workspace(workspace)?;
        workspace.log.reset();
        workspace.gong_log.reset();
        Ok(())
    }

    /// What is to be found about each conversation that is listed, in the order of the list.
    pub fn truth(&self, workspace: &str) -> Result<Truth, SimulatorError> {
        Ok(Truth::of(self.workspace(workspace)?))
    }

    /// What is to be found about each call that Gong lists.
    pub fn gong_truth(&self, workspace: &str) -> Result<Truth, SimulatorError> {
        Ok(Truth::of_gong(self.workspace(workspace)?))
    }

    /// The ids of the recordings of each meeting that are to be kept, whoever recorded it.
    pub fn meetings(&self, workspace: &str) -> Result<Vec<BTreeSet<String>>, SimulatorError> {
        Ok(truth::meetings(&*self.workspace(workspace)?))
    }

    /// Gong's id of a conversation; `None` where Gong did not record it.
    pub fn gong_id(&self, workspace: &str, conversation: &str) -> Result<Option<String>, SimulatorError> {
        let workspace = self.workspace(workspace)?;
        let index = workspace.known(conversation);
        let index = index.ok_or_else(|| SimulatorError::UnknownConversation(conversation.to_owned()))?;
        let company = GongCompany::First;
        Ok(workspace.gong(company).recorded(index).then(|| workspace.gong_id(company, index)))
    }

    /// Numbers about the requests that a workspace's Gong got.
    pub fn gong_stats(&self, workspace: &str) -> Result<Stats, SimulatorError> {
        Ok(self.workspace(workspace)?.gong_log.stats())
    }

    /// Numbers about the requests that a workspace's CRM got.
    pub fn crm_stats(&self, workspace: &str) -> Result<Stats, SimulatorError> {
        Ok(self.workspace(workspace)?.crm_log.stats())
    }

    /// The latest requests that a workspace's CRM got, oldest first.
    pub fn crm_requests(&self, workspace: &str) -> Result<Vec<RequestRecord>, SimulatorError> {
        Ok(self.workspace(workspace)?.crm_log.requests())
    }

    /// The latest requests that a workspace's Gong got, oldest first.
    pub fn gong_requests(&self, workspace: &str) -> Result<Vec<RequestRecord>, SimulatorError> {
        Ok(self.workspace(workspace)?.gong_log.requests())
    }

    /// The CRM's accounts: `external_id,name,domains,created_at`.
    pub fn accounts_csv(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(csv::accounts(&self.workspace(workspace)?.roster))
    }

    /// The CRM's contacts: `account_external_id,name,email`.
    pub fn contacts_csv(&self, workspace: &str) -> Result<String, SimulatorError> {
        Ok(csv::contacts(&self.workspace(workspace)?.roster))
    }

    pub(crate) fn by_key(&self, key: &str) -> Option<(Arc<Workspace>, KeyState)> {
        let workspaces = locked(&self.0.workspaces);
        workspaces.values().find_map(|workspace| Some((Arc::clone(workspace), workspace.key(key)?)))
    }

    pub(crate) fn by_gong_key(&self, key: &str) -> Option<(Arc<Workspace>, GongKeyState)> {
        let workspaces = locked(&self.0.workspaces);
        workspaces.values().find_map(|workspace| Some((Arc::clone(workspace), workspace.gong_key(key)?)))
    }

    pub(crate) fn by_app(&self, of: AppOf, id: &str) -> Option<Arc<Workspace>> {
        locked(&self.0.workspaces).values().find(|workspace| workspace.app(of).id == id).cloned()
    }

    /// The workspace of an access token that is good, and the token's scopes.
    pub(crate) fn by_access_token(&self, of: AppOf, token: &str) -> Option<(Arc<Workspace>, Vec<String>)> {
        let workspaces = locked(&self.0.workspaces);
        workspaces
            .values()
            .find_map(|workspace| Some((Arc::clone(workspace), workspace.scopes_of(of, token)?)))
    }

    fn workspace(&self, name: &str) -> Result<Arc<Workspace>, SimulatorError> {
        let found = locked(&self.0.workspaces).get(name).cloned();
        found.ok_or_else(|| SimulatorError::UnknownWorkspace(name.to_owned()))
    }
}
