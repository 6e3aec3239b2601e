//! What Gong knows of the world: the same meetings under other ids, seen with other keys.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::plan::{Place, Plan};
use super::roster::User;
use super::workspace::{Workspace, locked};
use crate::SimulatorError;
use crate::dice::{Dice, mix, of_text};

const RECORDED: u64 = 0xF1;
const VIEW: u64 = 0xF3;
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

/// An access key of a company.
#[derive(Debug, Clone, Default)]
pub(crate) struct GongKeyState {
    pub(crate) secret: String,
    pub(crate) revoked: bool,
    pub(crate) blind: bool,
    pub(crate) missing_scopes: Vec<String>,
}

/// What Gong sees of a meeting otherwise than everybody else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GongView {
    late_s: i64,
    linkless: bool,
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

    pub(crate) fn gong(&self) -> Recorder {
        Recorder { salt: self.salt, of: 1, share: self.spec.gong.share }
    }

    pub(super) fn gong_view(&self, index: u64) -> GongView {
        let (spec, mut dice) = (&self.spec.gong, Dice::of(&[self.salt, VIEW, index]));
        let late_s = i64::try_from(dice.between(0, spec.late_max_s)).unwrap_or(0);
        GongView { late_s, linkless: dice.chance(spec.linkless_share) }
    }

    /// Gong's id of a meeting: a number of up to 20 digits, from which the index can be read back.
    pub(crate) fn gong_id(&self, index: u64) -> String {
        let node = index ^ (self.salt & NODE_MASK);
        ((mix(self.salt ^ mix(index)) & !NODE_MASK) | 1 << 63 | node).to_string()
    }

    /// The index of a meeting that is there and that Gong recorded.
    pub(crate) fn find_gong(&self, id: &str) -> Option<u64> {
        let index = (id.parse::<u64>().ok()? & NODE_MASK) ^ (self.salt & NODE_MASK);
        (self.gong_id(index) == id && self.is_there(index) && self.gong().recorded(index)).then_some(index)
    }

    /// Every meeting that Gong recorded and that may have started within a half-open window.
    pub(crate) fn gong_listing(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = u64> + use<> {
        let recorder = self.gong();
        // meetings are found by their ends, at most an hour after their starts
        let ended = self.everything(from_ms, to_ms.saturating_add(3_600_000));
        ended.filter(move |index| recorder.recorded(*index))
    }

    pub(crate) fn gong_workspace_id(&self) -> String {
        (mix(self.salt ^ of_text("workspace")) >> 4).to_string()
    }

    pub(crate) fn gong_key(&self, key: &str) -> Option<GongKeyState> {
        locked(&self.gong_keys).get(key).cloned()
    }

    /// Makes or changes an access key.
    pub(crate) fn set_gong_key(&self, wanted: GongKey) -> Result<Vec<String>, SimulatorError> {
        let mut keys = locked(&self.gong_keys);
        let known = keys.get(&wanted.key).map(|state| state.secret.clone());
        let secret = wanted.secret.or(known).ok_or(SimulatorError::UnknownKey)?;
        let (revoked, blind, missing_scopes) = (wanted.revoked, wanted.blind, wanted.missing_scopes);
        keys.insert(wanted.key, GongKeyState { secret, revoked, blind, missing_scopes });
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
        if self.gong.linkless {
            return (None, None);
        }
        let is_web = !matches!(self.place, Place::Phone | Place::Upload);
        (self.join_url(), is_web.then(|| format!("{:x}@google.com", self.style)))
    }

    /// Whether the list of transcripts has an entry; in some, nothing was said yet.
    pub(crate) fn is_transcribed_by_gong(&self) -> bool {
        self.has_transcript() || (!self.empty && self.style.is_multiple_of(5))
    }
}
