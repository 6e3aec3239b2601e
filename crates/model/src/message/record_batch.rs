//! Records of a CRM on their way to the normalizer: a page's worth at a time, because each is small.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{DecodeError, check_version};
use crate::{
    ConnectionId, ContentHash, Lane, RunId, Stream, TenantId, Vendor, VendorAccount, VendorKey, Version,
};

/// Records as the vendor sent them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordBatch<'a> {
    /// Version of this message.
    pub version: u32,
    /// Whose records they are.
    pub tenant: TenantId,
    /// The connection they came through.
    pub connection_id: ConnectionId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// What kind of records they are.
    pub stream: Stream,
    /// The run that listed them.
    pub run_id: RunId,
    /// The lane they travel in.
    pub lane: Lane,
    /// When the vendor was asked for the oldest part of them.
    pub asked_at: Version,
    /// At most [`Self::RECORDS_MAX`].
    #[serde(borrow)]
    pub records: Vec<RawRecord<'a>>,
}

/// One record, byte for byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawRecord<'a> {
    /// Its key in the ledger: its kind, and its id at the vendor.
    pub key: VendorKey,
    /// Hash of what can change of it.
    pub hash: ContentHash,
    /// The row of the vendor's list.
    #[serde(borrow)]
    pub listed: &'a RawValue,
    /// What it is connected with, where the vendor is asked for that apart.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub related: Option<&'a RawValue>,
}

impl<'a> RecordBatch<'a> {
    /// The version this program writes.
    pub const VERSION: u32 = 1;

    /// Records in one message: a batch of the normalizer holds several messages.
    pub const RECORDS_MAX: usize = 200;

    /// Reads a message's body, borrowing the records from it.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let batch: Self = serde_json::from_slice(body)
            .map_err(|reason| DecodeError::Malformed { what: "record batch", reason })?;
        check_version("record batch", Self::VERSION, batch.version)?;
        Ok(batch)
    }

    /// Writes a message's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record batch holds valid JSON by its type")
    }
}
