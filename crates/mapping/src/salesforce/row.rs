//! A row of a query: enough to decide whether it has changed.

use model::{ContentHash, Stream};
use serde_json::value::RawValue;

use super::fields::Fields;
use super::record::id;
use super::relation;
use crate::crm::{ListedRecord, hash_of_fields};
use crate::json::mended;

/// Where a row came from, and when anything touched it, the system included.
pub(super) const TOUCHED: &[&str] = &["attributes", "SystemModstamp", "LastModifiedDate"];

/// Reads a row, and of a contact its relations. Never fails: what cannot be read has no id, and its document will say why.
pub fn listed(stream: Stream, row: &RawValue, related: Option<&RawValue>) -> ListedRecord {
    let (readable, _) = mended(row);
    let fields: Fields<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(row.get().len());
    hash_of_fields(Some(row), TOUCHED, &mut bytes);
    relation::hash(related, &mut bytes);
    ListedRecord::of(stream, fields.id.get().map(id), ContentHash::of(&bytes))
}
