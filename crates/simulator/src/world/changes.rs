//! What has happened in a workspace since it was made; all that is kept in memory of its conversations.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::gong::GongKey;
use super::plan::{Kind, Plan, Readiness, Traits};
use super::spec::KeyLevel;

/// Something that happens in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// New conversations appear, newest first of all if they finished now.
    Add {
        /// How many.
        count: u64,
        /// When they ended; now if absent. An earlier time is an upload of an old recording.
        #[serde(default)]
        finished_at: Option<Timestamp>,
        /// Of what kind they are.
        #[serde(default)]
        kind: AddedKind,
    },
    /// The late transcript of one conversation arrives.
    TranscriptArrives {
        /// The conversation.
        id: String,
    },
    /// The late transcripts of all present conversations arrive.
    AllTranscriptsArrive,
    /// A conversation gets another title.
    SetTitle {
        /// The conversation.
        id: String,
        /// The title.
        title: String,
    },
    /// The insights of a conversation are computed anew.
    ChangeInsight {
        /// The conversation.
        id: String,
    },
    /// A conversation is made private, or public.
    SetPrivate {
        /// The conversation.
        id: String,
        /// Private, or not.
        private: bool,
    },
    /// A conversation is archived, or brought back.
    SetArchived {
        /// The conversation.
        id: String,
        /// Archived, or not.
        archived: bool,
    },
    /// A conversation is neither listed nor found any more.
    Vanish {
        /// The conversation.
        id: String,
    },
    /// A vanished conversation is back.
    Reappear {
        /// The conversation.
        id: String,
    },
    /// An empty conversation turns out to hold something.
    Fill {
        /// The conversation.
        id: String,
    },
    /// Something happens in the CRM.
    Crm {
        /// What.
        crm: super::crm::CrmChange,
    },
    /// Something happens to the app that one of the vendors knows.
    App {
        /// Whose.
        of: super::apps::AppOf,
        /// What.
        app: super::apps::AppChange,
    },
    /// Another API key is made.
    AddKey {
        /// The key.
        key: String,
        /// What it may see.
        level: KeyLevel,
    },
    /// An access key of Gong's is made, or changed: its secret, its scopes, what it sees.
    SetGongKey(GongKey),
    /// The company at Gong has other workspaces: some were made, or deleted.
    SetGongWorkspaces {
        /// Their ids.
        ids: Vec<String>,
    },
    /// An API key is revoked: 401 at once.
    RevokeKey {
        /// The key.
        key: String,
    },
    /// A revoked API key is valid again.
    RestoreKey {
        /// The key.
        key: String,
    },
}

/// Of what kind added conversations are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddedKind {
    /// As the workspace's shares say.
    #[default]
    Mixed,
    /// Nothing special about them.
    Ordinary,
    /// Without their transcript so far.
    Late,
    /// Empty.
    Empty,
    /// Private.
    Private,
}

/// A conversation that was added later; its index follows those of the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    pub(crate) finished_ms: i64,
    pub(crate) kind: AddedKind,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Overlay {
    pub(crate) title: Option<String>,
    pub(crate) private: Option<bool>,
    pub(crate) archived: Option<bool>,
    pub(crate) arrived: bool,
    pub(crate) filled: bool,
    pub(crate) revision: u64,
}

/// A place in the list for an added conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inserted {
    /// How many conversations of the start come before it.
    pub(crate) rank: u64,
    pub(crate) index: u64,
    pub(crate) finished_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Added>,
    /// The added ones in the order of the list.
    pub(crate) inserted: Vec<Inserted>,
    pub(crate) overlays: HashMap<u64, Overlay>,
    pub(crate) vanished: HashSet<u64>,
    /// Late transcripts below this index are there.
    pub(crate) arrived_below: u64,
}

impl Changes {
    /// Adds a conversation in front of everything that is not newer.
    pub(crate) fn add(&mut self, calendar: &Calendar, added: Added) -> u64 {
        let index = calendar.count + self.added.len() as u64;
        let finished_ms = added.finished_ms;
        self.added.push(added);
        let place = self.inserted.partition_point(|other| other.finished_ms > finished_ms);
        self.inserted.insert(place, Inserted { rank: calendar.newer_than(finished_ms), index, finished_ms });
        index
    }

    pub(crate) fn overlay(&mut self, index: u64) -> &mut Overlay {
        self.overlays.entry(index).or_default()
    }

    /// What an added conversation is by nature.
    pub(crate) fn adjust(&self, first_added: u64, index: u64, traits: &mut Traits) {
        let Some(added) =
            index.checked_sub(first_added).and_then(|nth| self.added.get(usize::try_from(nth).ok()?))
        else {
            return self.let_arrive(index, traits);
        };
        if added.kind != AddedKind::Mixed {
            (traits.kind, traits.readiness) = (Kind::Ordinary, Readiness::Ready);
        }
        match added.kind {
            AddedKind::Mixed | AddedKind::Ordinary => {}
            AddedKind::Late => traits.readiness = Readiness::Late,
            AddedKind::Empty => traits.kind = Kind::Empty,
            AddedKind::Private => traits.kind = Kind::Private,
        }
        self.let_arrive(index, traits);
    }

    fn let_arrive(&self, index: u64, traits: &mut Traits) {
        let overlay = self.overlays.get(&index);
        let arrived = index < self.arrived_below || overlay.is_some_and(|overlay| overlay.arrived);
        if traits.readiness == Readiness::Late && arrived {
            traits.readiness = Readiness::Ready;
        }
        if traits.kind == Kind::Empty && overlay.is_some_and(|overlay| overlay.filled) {
            traits.kind = Kind::Ordinary;
        }
    }

    /// Puts on a plan what has happened to the conversation.
    pub(crate) fn apply(&self, plan: &mut Plan) {
        let Some(overlay) = self.overlays.get(&plan.index) else { return };
        if let Some(title) = &overlay.title {
            plan.title = Some(title.clone());
        }
        plan.private = overlay.private.unwrap_or(plan.private);
        plan.archived = overlay.archived.unwrap_or(plan.archived);
        plan.revision = overlay.revision;
    }
}
