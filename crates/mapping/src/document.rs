//! A recorder's document and a CRM's record, whoever the vendor is.

use model::{ContentHash, Conversation, CrmRecord, Stream, Vendor};
use serde_json::value::RawValue;

use crate::canonical::canonical_bytes;
use crate::crm::{ListedRecord, record_hash};
use crate::{MappingError, attention, gong, hubspot, salesforce};

/// Maps a document: the row of the vendor's list, the details, or both.
pub fn conversation(
    vendor: Vendor,
    stream: Stream,
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
) -> Result<Conversation, MappingError> {
    match (vendor, stream) {
        (Vendor::Attention, Stream::Conversations) => attention::conversation(listed, detail),
        (Vendor::Gong, Stream::Conversations) => gong::conversation(listed, detail),
        // records of a CRM come in batches of their own
        _ => Err(MappingError::NoDocument),
    }
}

/// Maps a record of a CRM, or a user: the row of the vendor's list, and what it is connected with where the vendor is asked for that
/// apart.
pub fn crm_record(
    vendor: Vendor,
    stream: Stream,
    listed: &RawValue,
    related: Option<&RawValue>,
) -> Result<CrmRecord, MappingError> {
    match vendor {
        Vendor::HubSpot => hubspot::record(stream, listed, related),
        Vendor::Salesforce => salesforce::record(stream, listed, related),
        Vendor::Attention if stream == Stream::Users => attention::user(listed),
        Vendor::Gong if stream == Stream::Users => gong::user(listed),
        Vendor::Attention | Vendor::Gong => Err(MappingError::NoDocument),
    }
}

/// Reads a row of a vendor's list of users. Never fails: what cannot be read has no id, and its document will say why.
pub fn listed_user(vendor: Vendor, row: &RawValue) -> ListedRecord {
    match crm_record(vendor, Stream::Users, row, None) {
        // settings, log-ins and the like change all the time, and nobody sees them here
        Ok(user) => ListedRecord::of(Stream::Users, Some(user.external_id.clone()), record_hash(&user)),
        Err(_) => ListedRecord::of(Stream::Users, None, ContentHash::of(&canonical_bytes(row))),
    }
}
