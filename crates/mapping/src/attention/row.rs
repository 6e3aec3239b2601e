//! A row of the list: enough to decide what it needs.

use model::{ContentHash, SkipReason, VendorKey};
use serde_json::value::RawValue;

use super::attributes::Resource;
use super::transcript::{self, Progress};
use crate::canonical_hash;

/// What a row of the list says about its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRow {
    /// The record's id, or the hash of its bytes when it has none.
    pub vendor_key: VendorKey,
    /// Whether it has an id to ask with.
    pub has_id: bool,
    /// Hash of the whole row.
    pub hash: ContentHash,
    /// What speaks against keeping it.
    reasons: Vec<SkipReason>,
}

impl ListedRow {
    /// Reads a row. Never fails: what cannot be read has no id, and its document will say why.
    pub fn read(row: &RawValue) -> Self {
        let hash = canonical_hash(row);
        let resource = Resource::read(row).unwrap_or_default();
        let has_id = resource.id.is_some();
        let attributes = &resource.attributes;
        let vendor_key = match &resource.id {
            Some(id) => VendorKey::of(id),
            None => VendorKey::of(&format!("sha256:{hash}")),
        };
        let marks = [
            (SkipReason::Private, attributes.private.get().unwrap_or(false)),
            (SkipReason::Archived, attributes.archived.get().unwrap_or(false)),
            (SkipReason::Empty, is_empty(&resource)),
        ];
        let reasons = marks.into_iter().filter_map(|(reason, marked)| marked.then_some(reason)).collect();
        Self { vendor_key, has_id, hash, reasons }
    }

    /// Whether the row itself says that the record is not kept.
    pub fn is_skipped(&self, admit_private: bool) -> bool {
        self.reasons.iter().any(|reason| !(admit_private && *reason == SkipReason::Private))
    }
}

/// Marked as empty; or over, of no length, without a transcript and without the hope of one.
pub(super) fn is_empty(resource: &Resource<'_>) -> bool {
    let attributes = &resource.attributes;
    if transcript::has_text(attributes.transcript) {
        return false;
    }
    let marked = attributes.is_empty.get().unwrap_or(false);
    let no_length = attributes.media_duration.get().and_then(|number| number.0) == Some(0.0);
    let over = Progress::of(attributes.transcript_status.text().as_deref()) != Progress::Pending;
    marked || (no_length && over)
}
