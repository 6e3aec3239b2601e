//! What a workspace is to be like.

use serde::{Deserialize, Serialize};

use super::crm::CrmKind;
use super::gong::GongSpec;
use crate::Endpoint;
use crate::SimulatorError;

/// No conversation is shorter, in seconds.
pub(super) const SHORTEST_S: usize = 300;

/// How big the conversations are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSize {
    /// Four segments.
    Tiny,
    /// About 200 segments as sentences: 16 KB of text, 36 KB of JSON.
    Small,
    /// The same text word by word: 175 KB of JSON when details are asked for.
    Large,
}

/// Which part of the conversations is special, from 0 to 1 each; the first three exclude one another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// Marked private.
    pub private: f64,
    /// Marked archived.
    pub archived: f64,
    /// Nothing was recorded.
    pub empty: f64,
    /// Only the workspace's own people took part.
    pub internal_only: f64,
    /// The transcript has not come yet.
    pub late_transcript: f64,
    /// The transcript never comes: the vendor says failed.
    pub failed_transcript: f64,
    /// Guests with addresses of free-mail providers; half of them are known contacts.
    pub free_mail: f64,
    /// CRM records are linked.
    pub linked: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            private: 0.03,
            archived: 0.02,
            empty: 0.03,
            internal_only: 0.08,
            late_transcript: 0.02,
            failed_transcript: 0.01,
            free_mail: 0.06,
            linked: 0.15,
        }
    }
}

impl Shares {
    /// No special conversations at all.
    pub const NONE: Self = Self {
        private: 0.0,
        archived: 0.0,
        empty: 0.0,
        internal_only: 0.0,
        late_transcript: 0.0,
        failed_transcript: 0.0,
        free_mail: 0.0,
        linked: 0.0,
    };
}

/// What an API key may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyLevel {
    /// Everything in the workspace.
    Organization,
    /// What the user with this number sees: the conversations the user owns.
    User(usize),
}

/// Which form of the `Authorization` header is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderForm {
    /// `Bearer <key>` and `<key>`.
    #[default]
    Either,
    /// `Bearer <key>` only.
    Bearer,
    /// `<key>` only.
    Bare,
}

/// Which counts `meta` of the optimised list carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListMeta {
    /// `totalRecords` alone, as in the vendor's example.
    #[default]
    TotalOnly,
    /// All four, as on the other list.
    Full,
    /// No `meta` at all.
    Absent,
}

/// Which time the window of a list is compared with; the vendor does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowBy {
    /// When the conversation ended.
    #[default]
    Finished,
    /// When the row was made; uploads are made after they ended.
    Created,
}

/// A strict limit: more than `requests` accepted within any `window_ms` are refused with 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many.
    pub requests: usize,
    /// In how many milliseconds.
    #[serde(default = "one_second")]
    pub window_ms: u64,
    /// `Retry-After` of the refusal in seconds, if any.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
}

fn one_second() -> u64 {
    1000
}

/// How long every request takes: from `min_ms` to `max_ms`, by seed and number of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// At least.
    pub min_ms: usize,
    /// At most.
    pub max_ms: usize,
}

/// The form of the header one endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointForm {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The form.
    pub form: HeaderForm,
}

/// What can be switched while the simulator runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "what can be switched is independent of one another")]
pub struct Settings {
    /// Strict limit; the vendor's own numbers are unknown, so none by default.
    pub rate_limit: Option<RateLimit>,
    /// How long a request takes.
    pub latency: Latency,
    /// Counts in the optimised list.
    pub list_meta: ListMeta,
    /// Time the window is compared with.
    pub window_by: WindowBy,
    /// Header forms that differ from [`HeaderForm::Either`].
    pub header_forms: Vec<EndpointForm>,
    /// Organisations with a team that every user sits in beside the workspace's own.
    pub foreign_teams: Vec<String>,
    /// List rows carry the transcript as one flat text, as the vendor's do.
    pub rows_with_transcript: bool,
    /// What can be switched at Gong.
    pub gong: GongSettings,
    /// Kinds of CRM records that the CRM's tokens may not read: `companies`, `contacts`, `deals`, `leads`; at Salesforce also single
    /// fields (`Contact.Email`).
    pub crm_lacks_scope: Vec<String>,
    /// Salesforce has a field of its own, `Domains__c`, for the domains that are not the website.
    pub crm_own_domain_field: bool,
    /// Contacts of Salesforce have one account each: the feature "Contacts to Multiple Accounts" is off.
    pub crm_single_accounts: bool,
    /// The CRM's requests of the day are used up.
    pub crm_quota_used_up: bool,
    /// How many requests the CRM's account has a day, for everybody who asks it.
    pub crm_day_limit: u64,
    /// How many of them other programs have made.
    pub crm_used_by_others: u64,
    /// A query of Salesforce that asks for what was touched in more days than these, or whenever, runs for too long.
    pub crm_query_days_max: Option<u32>,
    /// The CRM's strict limit.
    pub crm_rate_limit: Option<RateLimit>,
    /// How many rows of a search HubSpot shows to who pages through it.
    pub crm_search_reach: u64,
}

/// Gong's limits, which are strict: all keys of a company share them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GongSettings {
    /// Requests per second.
    pub rate_limit: Option<RateLimit>,
    /// Requests per day.
    pub day_limit: Option<RateLimit>,
}

impl Default for GongSettings {
    fn default() -> Self {
        Self {
            rate_limit: Some(RateLimit { requests: 3, window_ms: 1000, retry_after_s: Some(1) }),
            day_limit: Some(RateLimit {
                requests: 10_000,
                window_ms: 86_400_000,
                retry_after_s: Some(6 * 3600),
            }),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate_limit: None,
            latency: Latency::default(),
            list_meta: ListMeta::default(),
            window_by: WindowBy::default(),
            header_forms: Vec::new(),
            foreign_teams: Vec::new(),
            rows_with_transcript: true,
            gong: GongSettings::default(),
            crm_lacks_scope: Vec::new(),
            crm_own_domain_field: false,
            crm_single_accounts: false,
            crm_quota_used_up: false,
            crm_day_limit: 1_000_000,
            crm_used_by_others: 0,
            crm_query_days_max: None,
            crm_rate_limit: None,
            crm_search_reach: 10_000,
        }
    }
}

impl Settings {
    /// The form an endpoint takes; the last that names it wins.
    pub(crate) fn header_form(&self, endpoint: Endpoint) -> HeaderForm {
        let named = self.header_forms.iter().rev().find(|entry| entry.endpoint == endpoint);
        named.map(|entry| entry.form).unwrap_or_default()
    }
}

/// A workspace to be made. Everything but the name has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceSpec {
    /// Its name in the control endpoints; part of the seed.
    pub name: String,
    /// Its first API key, of organisation level; `<name>-key` if empty.
    #[serde(default)]
    pub key: String,
    /// How many conversations there are at the start.
    #[serde(default = "default_conversations")]
    pub conversations: u64,
    /// Over how many days before `now` they are spread.
    #[serde(default = "default_days")]
    pub days: u32,
    /// How big they are.
    #[serde(default = "default_size")]
    pub document_size: DocumentSize,
    /// Which part of them is special.
    #[serde(default)]
    pub shares: Shares,
    /// How many customer accounts there are.
    #[serde(default = "default_accounts")]
    pub accounts: usize,
    /// How many contacts each of them has.
    #[serde(default = "default_contacts_per_account")]
    pub contacts_per_account: usize,
    /// How many users the workspace has.
    #[serde(default = "default_users")]
    pub users: usize,
    /// In how many rooms of each kind they meet, again and again; each meeting has its own if absent.
    #[serde(default)]
    pub rooms: Option<u64>,
    /// What Gong has of the same world.
    #[serde(default)]
    pub gong: GongSpec,
    /// Which CRM the accounts are in.
    #[serde(default)]
    pub crm: CrmKind,
    /// What can be switched later.
    #[serde(default)]
    pub settings: Settings,
}

fn default_conversations() -> u64 {
    200
}

fn default_days() -> u32 {
    90
}

fn default_size() -> DocumentSize {
    DocumentSize::Small
}

fn default_accounts() -> usize {
    40
}

fn default_contacts_per_account() -> usize {
    5
}

fn default_users() -> usize {
    8
}

impl WorkspaceSpec {
    /// A workspace with all defaults.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: format!("{name}-key"),
            conversations: default_conversations(),
            days: default_days(),
            document_size: default_size(),
            shares: Shares::default(),
            accounts: default_accounts(),
            contacts_per_account: default_contacts_per_account(),
            users: default_users(),
            rooms: None,
            gong: GongSpec {
                key: format!("{name}-gong"),
                secret: format!("{name}-gong-secret"),
                ..GongSpec::default()
            },
            crm: CrmKind::default(),
            settings: Settings::default(),
        }
    }

    /// Fills in the key and refuses what cannot be made.
    pub(crate) fn checked(mut self) -> Result<Self, SimulatorError> {
        if self.name.is_empty() || self.name.contains(['/', '?', '#', '%']) {
            return Err(SimulatorError::BadSpec("the name must be usable in a path"));
        }
        if self.accounts < 8 || self.users < 3 {
            return Err(SimulatorError::BadSpec("at least 8 accounts and 3 users are needed"));
        }
        // ids of contacts have two digits for their number
        if !(2..=100).contains(&self.contacts_per_account) {
            return Err(SimulatorError::BadSpec("between 2 and 100 contacts an account"));
        }
        if self.conversations > 1 << 40 {
            return Err(SimulatorError::BadSpec("too many conversations"));
        }
        if self.gong.late_max_s > SHORTEST_S {
            return Err(SimulatorError::BadSpec("Gong cannot begin after the end"));
        }
        if self.key.is_empty() {
            self.key = format!("{}-key", self.name);
        }
        if self.gong.key.is_empty() {
            self.gong.key = format!("{}-gong", self.name);
        }
        if self.gong.secret.is_empty() {
            self.gong.secret = format!("{}-gong-secret", self.name);
        }
        Ok(self)
    }
}
