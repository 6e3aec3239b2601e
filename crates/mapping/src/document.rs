//! A recorder's document and a CRM's record, whoever the vendor is.

use model::{Conversation, CrmRecord, Stream, Vendor};
use serde_json::value::RawValue;

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

/// Maps a record of a CRM: the row of the vendor's list, and what it is connected with where the vendor is asked for that apart.
pub fn crm_record(
    vendor: Vendor,
    stream: Stream,
    listed: &RawValue,
    related: Option<&RawValue>,
) -> Result<CrmRecord, MappingError> {
    match vendor {
        Vendor::HubSpot => hubspot::record(stream, listed, related),
        Vendor::Salesforce => salesforce::record(stream, listed, related),
        Vendor::Attention | Vendor::Gong => Err(MappingError::NoDocument),
    }
}
