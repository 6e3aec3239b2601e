//! How a connection is doing, in one word: the same for whoever reads and whoever counts.

use std::collections::HashMap;

use model::{ParkCause, TenantId, Vendor};

use super::{Pulse, pulses};
use crate::connection::{self, Connection};
use crate::stream::{self, Silence};
use crate::{StoreError, Tx};

/// How a connection is doing; of several things that could be said, the one that a person would mend first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Its secret is destroyed.
    Disconnected,
    /// Switched off by a person.
    Disabled,
    /// Paused by a person.
    Paused,
    /// Its runs are parked.
    Parked(ParkCause),
    /// Its credential is refused, which is taken for the vendor's outage.
    Held,
    /// Nothing parks it, and its runs only fail.
    Failing,
    /// Nothing parks it, and its schedule is late.
    Overdue,
    /// It finds nothing where there should be something.
    Suspicious,
    /// All is well.
    Running,
}

impl Doing {
    /// Everything that can be said of one.
    pub const ALL: &'static [Self] = &[
        Self::Disconnected,
        Self::Disabled,
        Self::Paused,
        Self::Parked(ParkCause::Credential),
        Self::Parked(ParkCause::Quota),
        Self::Parked(ParkCause::Crm),
        Self::Parked(ParkCause::VendorDown),
        Self::Held,
        Self::Failing,
        Self::Overdue,
        Self::Suspicious,
        Self::Running,
    ];

    /// Tells how a connection is doing.
    pub fn of(one: &Connection, pulse: Option<&Pulse>, silence: Option<&Silence>) -> Self {
        let held = one.credential_held_since.is_some();
        match blocked(one, pulse) {
            _ if one.disconnected_at.is_some() => Self::Disconnected,
            _ if !one.enabled => Self::Disabled,
            _ if one.paused_at.is_some() => Self::Paused,
            None | Some(ParkCause::VendorDown) if held => Self::Held,
            Some(cause) => Self::Parked(cause),
            None if pulse.is_some_and(|pulse| pulse.failing.is_some()) => Self::Failing,
            None if pulse.is_some_and(|pulse| pulse.overdue) => Self::Overdue,
            None if silence.is_some() => Self::Suspicious,
            None => Self::Running,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Disabled => "disabled",
            Self::Paused => "paused",
            Self::Parked(cause) => cause.as_str(),
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Overdue => "overdue",
            Self::Suspicious => "suspicious",
            Self::Running => "running",
        }
    }
}

/// What keeps the schedule of a connection from going on: what blocks it, else that live work has spent its part of the day.
pub fn blocked(one: &Connection, pulse: Option<&Pulse>) -> Option<ParkCause> {
    one.blocked.or_else(|| pulse?.spent_until.map(|_| ParkCause::Quota))
}

/// How one connection is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneDoing {
    /// Whose it is.
    pub tenant: TenantId,
    /// The vendor.
    pub vendor: Vendor,
    /// How it is doing.
    pub doing: Doing,
    /// Seconds since its schedule last listed a window to its end; if it never did, since it was connected.
    pub synced_ago_s: i64,
}

impl OneDoing {
    /// Nobody has switched it off: it should be synced.
    pub fn is_wanted(&self) -> bool {
        !matches!(self.doing, Doing::Disconnected | Doing::Disabled | Doing::Paused)
    }
}

/// Tells how every connection is doing that the transaction speaks for.
pub async fn doings(tx: &Tx) -> Result<Vec<OneDoing>, StoreError> {
    let (pulses, silences) = (pulses(tx).await?, stream::silences(tx).await?);
    let connections = connection::list(tx).await?;
    let pulses: HashMap<_, _> = pulses.iter().map(|pulse| (pulse.connection_id, pulse)).collect();
    let silences: HashMap<_, _> = silences.iter().map(|silence| (silence.connection_id, silence)).collect();
    Ok(connections
        .iter()
        .map(|one| {
            let pulse = pulses.get(&one.id).copied();
            OneDoing {
                tenant: one.tenant.clone(),
                vendor: one.vendor,
                doing: Doing::of(one, pulse, silences.get(&one.id).copied()),
                synced_ago_s: pulse.map_or(0, |pulse| synced_ago_s(one, pulse)),
            }
        })
        .collect())
}

fn synced_ago_s(one: &Connection, pulse: &Pulse) -> i64 {
    let since = pulse.last_synced_at.unwrap_or(one.created_at);
    pulse.now.duration_since(since).as_secs().max(0)
}
