//! How a connection is doing, in one word: the same for whoever reads and whoever counts.

use std::collections::HashMap;

use model::ParkCause;

use super::{Count, Pulse, pulses};
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

/// Connections by how they are doing, of all that the transaction speaks for; what none does is zero.
pub async fn connections_by_doing(tx: &Tx) -> Result<Vec<Count>, StoreError> {
    let (pulses, silences) = (pulses(tx).await?, stream::silences(tx).await?);
    let connections = connection::list(tx).await?;
    let pulses: HashMap<_, _> = pulses.iter().map(|pulse| (pulse.connection_id, pulse)).collect();
    let silences: HashMap<_, _> = silences.iter().map(|silence| (silence.connection_id, silence)).collect();
    let doing =
        |one: &Connection| Doing::of(one, pulses.get(&one.id).copied(), silences.get(&one.id).copied());
    let doings: Vec<Doing> = connections.iter().map(doing).collect();
    let count = |word: &Doing| doings.iter().filter(|one| *one == word).count();
    let counts = Doing::ALL.iter().map(|word| (word.as_str().to_owned(), count(word)));
    Ok(counts.map(|(name, count)| Count { name, count: i64::try_from(count).unwrap_or(i64::MAX) }).collect())
}
