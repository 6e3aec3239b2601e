//! The words of the ledger.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::vendor::names;

names!(
    /// What a run brings in.
    Stream, "stream", {
        /// Recorded conversations.
        Conversations = "conversations",
        /// Companies of a CRM.
        Accounts = "accounts",
        /// People of a CRM.
        Contacts = "contacts",
        /// What a CRM's companies may buy.
        Deals = "deals",
        /// People who may become contacts, where a CRM keeps them apart.
        Leads = "leads",
        /// The tenant's own people, as any vendor knows them.
        Users = "users",
    }
);

names!(
    /// Why a run exists.
    RunKind, "run kind", {
        /// A slice of the history before the connection was made.
        Bootstrap = "bootstrap",
        /// The schedule: the lookback, or more after an outage.
        Periodic = "periodic",
        /// A window a person asked for.
        Backfill = "backfill",
        /// Single records that are to be looked at again: a late transcript, a failed detail, a second look.
        FollowUp = "follow-up",
        /// The rolling, list-only walk over all history that notices late changes.
        Walk = "walk",
    }
);

names!(
    /// Which queues a run's work travels in: live work never waits behind backfill.
    Lane, "lane", {
        /// Periodic runs and follow-ups.
        Live = "live",
        /// Bootstraps, backfills, walks.
        Backfill = "backfill",
    }
);

names!(
    /// Which part of a vendor account's day a request spends.
    Share, "share", {
        /// The schedule; it may take what the others leave.
        Live = "live",
        /// Single records looked at again.
        FollowUp = "follow-up",
        /// Histories, windows of the past, walks.
        Backfill = "backfill",
        /// What a person replays.
        Replay = "replay",
    }
);

names!(
    /// Where a run stands.
    RunState, "run state", {
        /// Waits for its turn.
        Planned = "planned",
        /// Pages are being fetched.
        Listing = "listing",
        /// The vendor's list has ended; records are still without an outcome.
        Listed = "listed",
        /// Every record has an outcome.
        Settled = "settled",
        /// Blocked by a cause that somebody owns; leaves by itself.
        Parked = "parked",
        /// Attempts used up.
        Failed = "failed",
    }
);

names!(
    /// What blocks a parked run. The cause lives with its owner and is read again at release.
    ParkCause, "park cause", {
        /// The connection's credential is invalid or absent.
        Credential = "credential",
        /// The vendor account is closed for longer than a worker waits.
        Quota = "quota",
        /// The tenant has no accounts yet.
        Crm = "crm",
        /// The vendor answers nobody.
        VendorDown = "vendor-down",
        /// A person paused or disabled the connection.
        Pause = "pause",
    }
);

names!(
    /// What the fetcher decided about a listed record. The outcome is derived from this and the intake.
    ItemDecision, "item decision", {
        /// A follow-up is to look at it; nothing has been fetched yet.
        Planned = "planned",
        /// A raw document was published; the normalizer has the say.
        Published = "published",
        /// The listed hash equals the stored one.
        Unchanged = "unchanged",
        /// The listed hash equals one that was skipped.
        Skipped = "skipped",
        /// The details cannot be had yet, or a look is due later; it has its own next look.
        Pending = "pending",
        /// The listed hash equals one that is dead.
        Dead = "dead",
    }
);

impl Stream {
    /// Whether it brings records that are complete in their list, and have no time of their own by which they could be asked for.
    pub const fn is_of_records(self) -> bool {
        !matches!(self, Self::Conversations)
    }

    /// Whether every run lists all there is: who of the users changed is not asked for apart. Nothing is left for a history then.
    pub const fn is_listed_whole(self) -> bool {
        matches!(self, Self::Users)
    }

    /// How often it is listed at most, in seconds, whatever its connection's interval.
    pub const fn interval_min_s(self) -> i32 {
        // a new colleague's calls are nobody's for so long at most
        if self.is_listed_whole() { 86_400 } else { 0 }
    }
}

impl RunKind {
    /// The lane the run's work travels in.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Periodic | Self::FollowUp => Lane::Live,
            Self::Bootstrap | Self::Backfill | Self::Walk => Lane::Backfill,
        }
    }
}

/// Counts up at every checkpoint, restart, park, release and reopening of a run; a nudge for another step is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Step(pub i64);

/// How far a slice reaches back into its older neighbour.
const SLICE_OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// A half-open window of time, fixed when the run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

impl Window {
    /// Cuts the window into slices of at most `length`, newest first. Each reaches back into its older neighbour, so that nothing
    /// falls between two of them.
    pub fn slices(self, length: SignedDuration) -> Vec<Self> {
        let mut slices = Vec::new();
        let mut to = self.to;
        while to > self.from {
            let edge = to.checked_sub(length).map_or(self.from, |edge| edge.max(self.from));
            let from = edge.checked_sub(SLICE_OVERLAP).map_or(self.from, |from| from.max(self.from));
            slices.push(Self { from, to });
            to = edge;
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_the_window_newest_first_and_overlap() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).expect("a small number");
        let window = Window { from: at(0), to: at(50) };
        let slices = window.slices(SignedDuration::from_hours(24));
        let hours: Vec<_> =
            slices.iter().map(|slice| (slice.from.as_second() / 3600, slice.to.as_second() / 3600)).collect();
        assert_eq!(hours, [(25, 50), (1, 26), (0, 2)]);
        assert_eq!(Window { from: at(5), to: at(5) }.slices(SignedDuration::from_hours(1)), []);
    }
}
