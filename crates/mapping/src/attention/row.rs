//! A row of the list: enough to decide what it needs.

use model::{ContentHash, SkipReason, VendorKey};
use serde_json::value::RawValue;

use super::attributes::Resource;
use super::sources::Sources;
use super::transcript;
use crate::canonical_hash;
use crate::json::mended;

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
        let (readable, _) = mended(row);
        let resource = Resource::read(&readable);
        let has_id = resource.id.is_some();
        let vendor_key = match &resource.id {
            Some(id) => VendorKey::of(id),
            None => VendorKey::of(&format!("sha256:{hash}")),
        };
        Self { vendor_key, has_id, hash, reasons: reasons(&resource) }
    }

    /// Whether the row itself says that the record is not kept.
    pub fn is_skipped(&self, admit_private: bool) -> bool {
        self.reasons.iter().any(|reason| !(admit_private && *reason == SkipReason::Private))
    }
}

fn reasons(resource: &Resource<'_>) -> Vec<SkipReason> {
    let Some(attributes) = &resource.attributes else { return Vec::new() };
    let all = [attributes];
    let sources = Sources(&all);
    let empty = is_marked_empty(sources) && !transcript::has_text(attributes.transcript);
    let marks = [
        (SkipReason::Private, attributes.private.get().unwrap_or(false)),
        (SkipReason::Archived, attributes.archived.get().unwrap_or(false)),
        (SkipReason::Empty, empty),
    ];
    marks.into_iter().filter_map(|(reason, marked)| marked.then_some(reason)).collect()
}

/// Marked as empty, or of no length: a call that is only just being recorded is looked at again when its row changes. A transcript is
/// stronger than both.
pub(super) fn is_marked_empty(sources: Sources<'_, '_>) -> bool {
    let marked = sources.flag(|one| one.is_empty.get());
    marked || sources.first(|one| one.media_duration.get()) == Some(0.0)
}
