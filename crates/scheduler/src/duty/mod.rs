//! The duties, each a file named by it.

mod beat;
mod close_letters;
mod hand_out_changes;
mod judge_silence;
mod look_after_lost;
mod note_stops;
mod nudge;
mod plan_due;
mod plan_history;
mod relay_events;
mod release;
mod settle;
mod start;
mod withdraw_vanished;

use std::time::Duration;

use crate::{Deps, SchedulerConfig};

/// Rows a duty takes at a time.
const BATCH: u64 = 200;

/// Something the scheduler does over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Plans what is due: periodic runs, walks, follow-ups, failed slices.
    PlanDue,
    /// Plans the slices of a history that is wanted and not planned yet.
    PlanHistory,
    /// Starts planned runs or parks them.
    Start,
    /// Sends nudges that are missing.
    Nudge,
    /// Releases what nobody blocks any more.
    Release,
    /// Settles runs whose records all have an outcome.
    Settle,
    /// Fetches documents again that got lost after their checkpoint.
    LookAfterLost,
    /// Publishes the outbox.
    RelayEvents,
    /// Hands out conversations whose accounts changed.
    HandOutChanges,
    /// Finds streams that have gone quiet.
    JudgeSilence,
    /// Withdraws what two walks did not see.
    WithdrawVanished,
    /// Closes the dead letters of runs that were made good.
    CloseLetters,
    /// Notes what keeps connections from their work.
    NoteStops,
    /// Leaves a sign of life.
    Beat,
}

impl Duty {
    pub(crate) const ALL: &[Self] = &[
        Self::PlanDue,
        Self::PlanHistory,
        Self::Start,
        Self::Nudge,
        Self::Release,
        Self::Settle,
        Self::LookAfterLost,
        Self::RelayEvents,
        Self::HandOutChanges,
        Self::JudgeSilence,
        Self::WithdrawVanished,
        Self::CloseLetters,
        Self::NoteStops,
        Self::Beat,
    ];

    /// The duty's name in logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PlanDue => "plan_due",
            Self::PlanHistory => "plan_history",
            Self::Start => "start",
            Self::Nudge => "nudge",
            Self::Release => "release",
            Self::Settle => "settle",
            Self::LookAfterLost => "look_after_lost",
            Self::RelayEvents => "relay_events",
            Self::HandOutChanges => "hand_out_changes",
            Self::JudgeSilence => "judge_silence",
            Self::WithdrawVanished => "withdraw_vanished",
            Self::CloseLetters => "close_letters",
            Self::NoteStops => "note_stops",
            Self::Beat => "beat",
        }
    }

    /// Does it once; returns how many rows it handled.
    pub(crate) async fn perform(self, deps: &Deps) -> anyhow::Result<u64> {
        match self {
            Self::PlanDue => plan_due::perform(deps).await,
            Self::PlanHistory => plan_history::perform(deps).await,
            Self::Start => start::perform(deps).await,
            Self::Nudge => nudge::perform(deps).await,
            Self::Release => release::perform(deps).await,
            Self::Settle => settle::perform(deps).await,
            Self::LookAfterLost => look_after_lost::perform(deps).await,
            Self::RelayEvents => relay_events::perform(deps).await,
            Self::HandOutChanges => hand_out_changes::perform(deps).await,
            Self::JudgeSilence => judge_silence::perform(deps).await,
            Self::WithdrawVanished => withdraw_vanished::perform(deps).await,
            Self::CloseLetters => close_letters::perform(deps).await,
            Self::NoteStops => note_stops::perform(deps).await,
            Self::Beat => beat::perform(deps).await,
        }
    }

    /// Handled so many, it may have more to do at once.
    pub(crate) const fn batch(self) -> u64 {
        match self {
            Self::Settle | Self::HandOutChanges => 1,
            // these handle everything there is
            Self::PlanHistory
            | Self::LookAfterLost
            | Self::JudgeSilence
            | Self::WithdrawVanished
            | Self::CloseLetters
            | Self::NoteStops
            | Self::Beat => u64::MAX,
            _ => BATCH,
        }
    }

    /// Rests at least so many times as long as it took: however much there is to look through, looking is a small part of the
    /// database's time. Nobody waits for what only looks after things.
    pub(crate) const fn rests(self) -> u32 {
        match self {
            Self::NoteStops => 50,
            Self::LookAfterLost | Self::JudgeSilence | Self::WithdrawVanished | Self::CloseLetters => 20,
            _ => 4,
        }
    }

    /// How long it rests when there was little to do.
    pub(crate) fn interval(self, config: &SchedulerConfig) -> Duration {
        match self {
            Self::LookAfterLost
            | Self::JudgeSilence
            | Self::WithdrawVanished
            | Self::NoteStops
            | Self::Beat => (config.tick * 20).max(Duration::from_secs(1)),
            Self::PlanHistory | Self::Settle | Self::HandOutChanges | Self::CloseLetters => config.tick * 2,
            _ => config.tick,
        }
    }
}
