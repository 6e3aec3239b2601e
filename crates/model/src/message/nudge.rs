//! "Run R, step N": all a fetcher needs to go and look in the ledger.

use serde::{Deserialize, Serialize};

use super::{DecodeError, check_version};
use crate::{ConnectionId, Lane, RunId, RunKind, Step, TenantId, Vendor};

/// Asks a fetcher to take a run's next page. Only run and step matter; the rest is for routing and for people who
/// read the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    /// Version of this message.
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// The step the run must still be at.
    pub step: Step,
    /// The run's tenant.
    pub tenant: TenantId,
    /// The run's connection.
    pub connection_id: ConnectionId,
    /// The run's vendor.
    pub vendor: Vendor,
    /// The run's kind.
    pub kind: RunKind,
}

impl Nudge {
    /// The version this program writes.
    pub const VERSION: u32 = 1;

    /// Reads a message's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let nudge: Self = serde_json::from_slice(body)
            .map_err(|reason| DecodeError::Malformed { what: "nudge", reason })?;
        check_version("nudge", Self::VERSION, nudge.version)?;
        Ok(nudge)
    }

    /// Writes a message's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a nudge has only text and numbers")
    }

    /// The lane it travels in.
    pub fn lane(&self) -> Lane {
        self.kind.lane()
    }
}
