//! What Gong knows of the world: the same meetings under other ids, seen with other keys.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::plan::{Place, Plan};
use super::roster::User;
use super::workspace::{Workspace, locked};
use crate::SimulatorError;
use crate::dice::{Dice, mix, of_text};

const RECORDED: u64 = 0xF1;
const VIEW: u64 = 0xF3;

/// By how much the second company begins later, at most, in seconds.
const SECOND_LATE_MAX_S: i64 = 900;

const NODE_BITS: u32 = 40;
const NODE_MASK: u64 = (1 << NODE_BITS) - 1;

/// Which part of the meetings each recorder recorded, and Gong's first access key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GongSpec {
    /// The access key; `<name>-gong` if empty.
    pub key: String,
    /// Its secret; `<name>-gong-secret` if empty.
    pub secret: String,
    /// The part of all meetings that Gong recorded, from 0 to 1.
    pub share: f64,
    /// The part of all meetings that Attention recorded.
    pub attention_share: f64,
    /// How many seconds after the meeting's beginning Gong begins to record, at most; it ends with the meeting.
    pub late_max_s: usize,
    /// The part of its calls of which Gong knows neither link nor event.
    pub linkless_share: f64,
    /// The part of all meetings that another company at Gong recorded as well, whose key and secret end with `-2`. It begins to record
    /// when up to half of the meeting is over, for a quarter of an hour at most, and knows the event but no link.
    pub second_share: f64,
}

impl Default for GongSpec {
    fn default() -> Self {
        Self {
            key: String::new(),
            secret: String::new(),
            share: 0.8,
            attention_share: 1.0,
            late_max_s: 0,
            linkless_share: 0.0,
            second_share: 0.0,
        }
    }
}

/// An access key as it is to be: made, changed, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GongKey {
    /// The access key.
    pub key: String,
    /// Its secret; that of the key as it was if absent.
    #[serde(default)]
    pub secret: Option<String>,
    /// Refused with 401.
    #[serde(default)]
    pub revoked: bool,
    /// Sees no calls: everything is an empty 404.
    #[serde(default)]
    pub blind: bool,
    /// Scopes that it was not granted.
    #[serde(default)]
    pub missing_scopes: Vec<String>,
}

/// A company at Gong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Company {
    #[default]
    First,
    Second,
}

/// An access key of a company.
#[derive(Debug, Clone, Default)]
pub(crate) struct GongKeyState {
    pub(crate) company: Company,
    pub(crate) secret: String,
    pub(crate) revoked: bool,
    pub(crate) blind: bool,
    pub(crate) missing_scopes: Vec<String>,
}

/// What Gong sees of a meeting otherwise than everybody else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GongView {
    company: Company,
    late_s: i64,
    linkless: bool,
    eventless: bool,
}

impl GongView {
    /// Who sees it so.
    pub(crate) fn company(self) -> Company {
        self.company
    }
}

/// Says which meetings a recorder recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorder {
    salt: u64,
    of: u64,
    share: f64,
}

impl Recorder {
    pub(crate) fn recorded(&self, index: u64) -> bool {
        self.share >= 1.0 || Dice::of(&[self.salt, RECORDED, self.of, index]).chance(self.share)
    }
}

impl Workspace {
    pub(crate) fn attention(&self) -> Recorder {
        Recorder { salt: self.salt, of: 0, share: self.spec.gong.attention_share }
    }

    pub(crate) fn gong(&self, company: Company) -> Recorder {
        match company {
            Company::First => Recorder { salt: self.salt, of: 1, share: self.spec.gong.share },
            Company::Second => Recorder { salt: self.salt, of: 2, share: self.spec.gong.second_share },
        }
    }

    /// The meeting of a plan, as a company sees it.
    pub(crate) fn seen_by(&self, company: Company, plan: Plan) -> Plan {
        let (spec, mut dice) = (&self.spec.gong, Dice::of(&[self.salt, VIEW, plan.index]));
        let gong = match company {
            Company::First => {
                let late_s = i64::try_from(dice.between(0, spec.late_max_s)).unwrap_or(0);
                let linkless = dice.chance(spec.linkless_share);
                GongView { company, late_s, linkless, eventless: linkless }
            }
            Company::Second => {
                // without an event, nothing but the people and the time speak for it
                let late_s =
                    if plan.is_planned() { (plan.duration_ms / 2000).min(SECOND_LATE_MAX_S) } else { 0 };
                GongView { company, late_s, linkless: true, eventless: false }
            }
        };
        Plan { gong, ..plan }
    }

    /// Gong's id of a meeting: a number of up to 20 digits, from which the index can be read back.
    pub(crate) fn gong_id(&self, company: Company, index: u64) -> String {
        let salt = self.gong_salt(company);
        let node = index ^ (salt & NODE_MASK);
        ((mix(salt ^ mix(index)) & !NODE_MASK) | 1 << 63 | node).to_string()
    }

    /// The same of a plan, by the company that sees it.
    pub(crate) fn gong_id_of(&self, plan: &Plan) -> String {
        self.gong_id(plan.gong.company, plan.index)
    }

    fn gong_salt(&self, company: Company) -> u64 {
        match company {
            Company::First => self.salt,
            Company::Second => mix(self.salt ^ of_text("second")),
        }
    }

    /// The index of a meeting that is there and that the company recorded.
    pub(crate) fn find_gong(&self, company: Company, id: &str) -> Option<u64> {
        let index = (id.parse::<u64>().ok()? & NODE_MASK) ^ (self.gong_salt(company) & NODE_MASK);
        let is_there = || self.is_there(index) && self.gong(company).recorded(index);
        (self.gong_id(company, index) == id && is_there()).then_some(index)
    }

    /// Every meeting that the company recorded and that may have started within a half-open window.
    pub(crate) fn gong_listing(
        &self,
        company: Company,
        from_ms: i64,
        to_ms: i64,
    ) -> impl Iterator<Item = u64> + use<> {
        let recorder = self.gong(company);
        // meetings are found by their ends, at most an hour after their starts
        let ended = self.everything(from_ms, to_ms.saturating_add(3_600_000));
        ended.filter(move |index| recorder.recorded(*index))
    }

    pub(crate) fn gong_workspace_id(&self, company: Company) -> String {
        (mix(self.gong_salt(company) ^ of_text("workspace")) >> 4).to_string()
    }

    /// Every workspace that the company has now.
    pub(crate) fn gong_workspace_ids(&self, company: Company) -> Vec<String> {
        let changed = locked(&self.gong_workspaces).clone();
        let is_changed = company == Company::First && !changed.is_empty();
        if is_changed { changed } else { vec![self.gong_workspace_id(company)] }
    }

    /// The keys that there are at first.
    pub(super) fn first_gong_keys(spec: &GongSpec) -> BTreeMap<String, GongKeyState> {
        let first = GongKeyState { secret: spec.secret.clone(), ..GongKeyState::default() };
        let company = Company::Second;
        let second =
            GongKeyState { company, secret: format!("{}-2", spec.secret), ..GongKeyState::default() };
        BTreeMap::from([(spec.key.clone(), first), (format!("{}-2", spec.key), second)])
    }

    pub(crate) fn gong_key(&self, key: &str) -> Option<GongKeyState> {
        locked(&self.gong_keys).get(key).cloned()
    }

    /// Makes or changes an access key.
    pub(crate) fn set_gong_key(&self, wanted: GongKey) -> Result<Vec<String>, SimulatorError> {
        let mut keys = locked(&self.gong_keys);
        let known = keys.get(&wanted.key).map(|state| (state.company, state.secret.clone()));
        let (company, known) = known.unzip();
        let (company, secret) = (company.unwrap_or_default(), wanted.secret.or(known));
        let secret = secret.ok_or(SimulatorError::UnknownKey)?;
        let (revoked, blind, missing_scopes) = (wanted.revoked, wanted.blind, wanted.missing_scopes);
        keys.insert(wanted.key, GongKeyState { company, secret, revoked, blind, missing_scopes });
        Ok(Vec::new())
    }
}

impl User {
    /// Gong's id of a user.
    pub(crate) fn gong_id(&self) -> String {
        (of_text(&self.uuid) >> 3).to_string()
    }
}

impl Plan {
    /// When Gong began to record.
    pub(crate) fn gong_started_at(&self) -> Timestamp {
        let start = self.started_at();
        start.checked_add(SignedDuration::from_secs(self.gong.late_s)).unwrap_or(start)
    }

    /// Gong counts whole seconds.
    pub(crate) fn gong_duration_s(&self) -> i64 {
        self.duration_ms / 1000 - self.gong.late_s
    }

    /// The link and the event, as far as Gong knows them.
    pub(crate) fn gong_place(&self) -> (Option<String>, Option<String>) {
        let link = self.join_url().filter(|_| !self.gong.linkless);
        let event = || format!("{:x}@google.com", self.style);
        (link, (self.is_planned() && !self.gong.eventless).then(event))
    }

    /// Somebody has put it into a calendar.
    fn is_planned(&self) -> bool {
        !matches!(self.place, Place::Phone | Place::Upload)
    }

    /// Whether the list of transcripts has an entry; in some, nothing was said yet.
    pub(crate) fn is_transcribed_by_gong(&self) -> bool {
        self.has_transcript() || (!self.empty && self.style.is_multiple_of(5))
    }
}
