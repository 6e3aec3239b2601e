//! A vendor's document on its way to the normalizer, untouched.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{DecodeError, check_version};
use crate::{
    ConnectionId, ContentHash, ConversationId, Lane, RunId, Stream, TenantId, Vendor, VendorAccount,
    VendorKey, Version,
};

/// One record as the vendor sent it: the row of its list, the details, or both, byte for byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawDocument<'a> {
    /// Version of this message.
    pub version: u32,
    /// Whose record it is.
    pub tenant: TenantId,
    /// The connection it came through.
    pub connection_id: ConnectionId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// What kind of record it is.
    pub stream: Stream,
    /// The record's id at the vendor.
    pub vendor_key: VendorKey,
    /// The run that listed it.
    pub run_id: RunId,
    /// The lane it travels in.
    pub lane: Lane,
    /// When the vendor was asked for the newest part of it.
    pub asked_at: Version,
    /// Hash of the list row that led to it; of a record without a row, of its details.
    pub listed_hash: ContentHash,
    /// A conversation still without a transcript is given up from here on.
    pub give_up: bool,
    /// Private conversations are admitted by the connection.
    pub admit_private: bool,
    /// The document itself, or where it lies.
    #[serde(borrow)]
    pub source: RawSource<'a>,
}

/// Where a raw document is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawSource<'a> {
    /// In the message.
    Inline {
        /// The row of the vendor's list.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        listed: Option<&'a RawValue>,
        /// The vendor's details.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        detail: Option<&'a RawValue>,
    },
    /// Too large for a message: an inline source, as JSON, under this hash in the claim checks.
    Claim {
        /// Hash of the bytes.
        claim: ContentHash,
        /// Their number.
        size_bytes: u64,
    },
    /// The vendor listed it and then did not know it (404 for its details).
    Gone {
        /// Why, in the vendor's words.
        #[serde(borrow)]
        reason: Cow<'a, str>,
    },
}

impl<'a> RawDocument<'a> {
    /// The version this program writes.
    pub const VERSION: u32 = 1;

    /// Reads a message's body, borrowing the document from it.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let document: Self = serde_json::from_slice(body)
            .map_err(|reason| DecodeError::Malformed { what: "raw document", reason })?;
        check_version("raw document", Self::VERSION, document.version)?;
        Ok(document)
    }

    /// Writes a message's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a raw document holds valid JSON by its type")
    }

    /// The id of the conversation it describes.
    pub fn conversation_id(&self) -> ConversationId {
        ConversationId::derive(&self.tenant, self.vendor, &self.vendor_account, &self.vendor_key)
    }
}
