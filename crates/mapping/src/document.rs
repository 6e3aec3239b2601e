//! A recorder's document, whoever the recorder is.

use model::{Conversation, Stream, Vendor};
use serde_json::value::RawValue;

use crate::{MappingError, attention, gong};

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
