//! Conversations whose account is to be found again, after accounts changed.

use serde::{Deserialize, Serialize};

use super::{DecodeError, check_version};
use crate::{ConversationId, ResolveBatchId, TenantId};

/// Asks a normalizer to link these conversations again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveBatch {
    /// Version of this message.
    pub version: u32,
    /// Whose conversations they are.
    pub tenant: TenantId,
    /// Its row in the ledger, which says whether there is still something to do; messages of older programs have none.
    #[serde(default)]
    pub batch_id: Option<ResolveBatchId>,
    /// At most [`Self::CONVERSATIONS_MAX`].
    pub conversation_ids: Vec<ConversationId>,
}

impl ResolveBatch {
    /// The version this program writes.
    pub const VERSION: u32 = 1;

    /// Conversations in one message: small enough that live work is not delayed by one.
    pub const CONVERSATIONS_MAX: usize = 200;

    /// Reads a message's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let batch: Self = serde_json::from_slice(body)
            .map_err(|reason| DecodeError::Malformed { what: "resolve batch", reason })?;
        check_version("resolve batch", Self::VERSION, batch.version)?;
        Ok(batch)
    }

    /// Writes a message's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a resolve batch has only text")
    }
}
