//! A row of a list or a search: enough to decide whether it has changed.

use jiff::Timestamp;
use model::{ContentHash, Stream};
use serde_json::value::RawValue;

use super::properties::Envelope;
use crate::canonical::canonical_bytes;
use crate::crm::{ListedRecord, hash_of_fields};
use crate::json::{Entries, mended, text};
use crate::time::timestamp;

/// Any write moves these, also one that nobody sees; and they differ between the list and the search.
const TOUCHED: &[&str] = &["hs_lastmodifieddate", "lastmodifieddate"];

/// Reads a row and its associations. Never fails: what cannot be read has no id, and its document will say why.
pub fn listed(stream: Stream, row: &RawValue, related: Option<&RawValue>) -> ListedRecord {
    let (readable, _) = mended(row);
    let envelope: Envelope<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(row.get().len());
    match envelope.properties {
        Some(properties) => {
            hash_of_fields(Some(properties), TOUCHED, &mut bytes);
            bytes.push(u8::from(envelope.archived.0.unwrap_or(false)));
        }
        None => bytes.extend_from_slice(&canonical_bytes(row)),
    }
    if let Some(related) = related {
        bytes.extend_from_slice(&canonical_bytes(related));
    }
    ListedRecord::of(stream, envelope.id.get().map(str::to_owned), ContentHash::of(&bytes))
}

/// The id of a row, as the vendor is asked with it.
pub fn id(row: &RawValue) -> Option<String> {
    let (readable, _) = mended(row);
    let envelope: Envelope<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    envelope.id.get().map(str::to_owned)
}

/// When a row was written last, by the property that says so.
pub fn modified_at(row: &RawValue, property: &str) -> Option<Timestamp> {
    let envelope: Envelope<'_> = serde_json::from_str(row.get()).ok()?;
    let Entries(properties) = serde_json::from_str(envelope.properties?.get()).ok()?;
    let (_, value) = properties.into_iter().rev().find(|(name, _)| name == property)?;
    timestamp(&text(value)?)
}
