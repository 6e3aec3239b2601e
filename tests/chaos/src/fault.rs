//! The kinds of faults, and what each does.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use simulator::{Dice, Endpoint, Fault, FaultRule, RetryAfter};
use stories::Trouble;

/// A kind of fault: one line of the table at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// SIGKILL of a process.
    Kill,
    /// SIGSTOP of a process for less than a claim.
    Pause,
    /// SIGSTOP of a process for longer than claims and heartbeats.
    Freeze,
    /// SIGKILL of a process; the one in its place has a clock that is wrong by an hour.
    WrongClock,
    /// SIGTERM of everybody, one after the other, and another in its place, beside messages that older programs have left.
    Deploy,
    /// kill -9 of the broker.
    KillBroker,
    /// kill -9 of one node of the broker, which is started again; only where it has several (`--nodes`).
    KillNode,
    /// kill -9 of the database.
    KillDatabase,
    /// The broker is short of memory, and takes nothing.
    MemoryAlarm,
    /// The broker is short of disk, and takes nothing.
    DiskAlarm,
    /// A wire is cut: connections are reset, and no new ones are made.
    Cut,
    /// A wire carries nothing, and nobody is told.
    Hang,
    /// A wire carries what is asked, and no answer.
    Deaf,
    /// A wire forgets who is connected, and tells neither side, ever.
    Forgotten,
    /// A wire is late.
    Late,
    /// A wire resets connections after some bytes.
    CutAfter,
    /// A wire resets connections when a commit is done, before its answer.
    CutAtCommit,
    /// 429 with each kind of `Retry-After`.
    RateLimited,
    /// 500, 502, 503.
    ServerError,
    /// Answers that come late.
    Slow,
    /// Answers that never come.
    NoAnswer,
    /// Connections that the vendor resets.
    VendorReset,
    /// Bodies that end half way.
    Truncated,
    /// HTML with status 200.
    Html,
    /// JSON of another shape with status 200.
    OtherShape,
    /// Rows that are shown twice.
    DuplicateRows,
    /// Every page is the first one.
    EndlessPaging,
    /// Cursors that have expired.
    CursorExpired,
    /// 401 although the key is good.
    Refused,
    /// A key that is revoked; when that is noticed, another is connected.
    RevokedKey,
}

/// Where faults come one after the other; those of different lanes meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Processes,
    Servers,
    Vendors,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::Processes, Self::Servers, Self::Vendors];
}

impl Kind {
    /// The kinds that can be brought about where the broker has so many nodes.
    pub(crate) fn all(nodes: usize) -> Vec<Self> {
        let kinds = Self::value_variants().iter().copied();
        kinds.filter(|kind| nodes > 1 || *kind != Self::KillNode).collect()
    }

    pub(crate) fn lane(self) -> Lane {
        match self {
            Self::Kill | Self::Pause | Self::Freeze | Self::WrongClock | Self::Deploy => Lane::Processes,
            Self::KillBroker
            | Self::KillNode
            | Self::KillDatabase
            | Self::MemoryAlarm
            | Self::DiskAlarm
            | Self::Cut
            | Self::Hang
            | Self::Deaf
            | Self::Forgotten
            | Self::Late
            | Self::CutAfter
            | Self::CutAtCommit => Lane::Servers,
            _ => Lane::Vendors,
        }
    }

    /// How long it lasts, in milliseconds, from and to.
    pub(crate) fn lasts_ms(self) -> (usize, usize) {
        match self {
            Self::Kill | Self::WrongClock | Self::Deploy => (0, 0),
            Self::Pause => (50, 2_000),
            Self::Freeze => (5_000, 12_000),
            Self::KillBroker | Self::KillDatabase => (0, 3_000),
            // its members of the queues are missed, and their leaders chosen anew
            Self::Hang | Self::Deaf | Self::KillNode => (2_000, 9_000),
            Self::RevokedKey => (0, 2_000),
            _ => (1_000, 5_000),
        }
    }

    /// What it does to a wire.
    pub(crate) fn trouble(self, dice: &mut Dice) -> Option<Trouble> {
        Some(match self {
            Self::Cut => Trouble::Cut,
            Self::Hang => Trouble::Hang,
            Self::Deaf => Trouble::Deaf,
            Self::Forgotten => Trouble::Forgotten,
            Self::Late => Trouble::Late(Duration::from_millis(dice.between(2, 60) as u64)),
            Self::CutAfter => Trouble::CutAfter(dice.between(1, 20_000)),
            Self::CutAtCommit => Trouble::CutAtCommit,
            _ => return None,
        })
    }

    /// What it does to a vendor.
    pub(crate) fn rule(self, dice: &mut Dice) -> Option<FaultRule> {
        let fault = match self {
            Self::RateLimited => Fault::RateLimited {
                retry_after: *dice.pick(&[
                    RetryAfter::Absent,
                    RetryAfter::Seconds(0),
                    RetryAfter::Seconds(2),
                    RetryAfter::Date(2),
                ]),
            },
            Self::ServerError => {
                dice.pick(&[Fault::InternalError, Fault::BadGateway, Fault::Unavailable]).clone()
            }
            Self::Slow => Fault::Slow { delay_ms: dice.between(200, 3_000) as u64 },
            Self::NoAnswer => Fault::Hang,
            Self::VendorReset => Fault::Reset,
            Self::Truncated => Fault::Truncated,
            Self::Html => Fault::Html,
            Self::OtherShape => Fault::OtherShape,
            Self::DuplicateRows => Fault::DuplicateRows,
            Self::EndlessPaging => Fault::EndlessPaging,
            Self::CursorExpired => Fault::CursorExpired,
            Self::Refused => Fault::Unauthorized,
            _ => return None,
        };
        let rule = FaultRule::from(fault).after(u32::try_from(dice.below(4)).unwrap_or_default());
        Some(match self {
            // an attempt that is never answered holds its place for long: a few, not all
            Self::NoAnswer => rule.times(3),
            // of Attention's alone: of all of a tenant's vendors at once it is another fault
            Self::Refused => rule.at(Endpoint::Detail).times(u32::try_from(dice.between(1, 9)).unwrap_or(1)),
            _ => rule,
        })
    }
}
