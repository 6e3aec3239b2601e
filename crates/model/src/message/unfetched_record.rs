//! A record whose details a vendor would not give: what a fetcher leaves in the dead letters.

use serde::{Deserialize, Serialize};

use super::{DecodeError, check_version};
use crate::{ConnectionId, ContentHash, RunId, TenantId, Vendor, VendorKey, Version};

/// Says which record is given up; replaying it lets a follow-up ask the vendor again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfetchedRecord {
    /// Version of this message.
    pub version: u32,
    /// Whose record it is.
    pub tenant: TenantId,
    /// The connection it came through.
    pub connection_id: ConnectionId,
    /// The vendor.
    pub vendor: Vendor,
    /// The record's id at the vendor.
    pub vendor_key: VendorKey,
    /// The run that asked last.
    pub run_id: RunId,
    /// When the vendor was asked last.
    pub asked_at: Version,
    /// Hash of the list row, where there was one.
    pub listed_hash: Option<ContentHash>,
}

impl UnfetchedRecord {
    /// The version this program writes.
    pub const VERSION: u32 = 1;

    /// Reads a message's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let record: Self = serde_json::from_slice(body)
            .map_err(|reason| DecodeError::Malformed { what: "unfetched record", reason })?;
        check_version("unfetched record", Self::VERSION, record.version)?;
        Ok(record)
    }

    /// Writes a message's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an unfetched record has only text and numbers")
    }
}
