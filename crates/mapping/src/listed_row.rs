//! A row of a vendor's list: enough to decide what it needs.

use jiff::Timestamp;
use model::{ContentHash, SkipReason, VendorKey};
use serde_json::value::RawValue;

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
    /// When the call took place, if the row says so.
    pub happened_at: Option<Timestamp>,
    /// What speaks against keeping it.
    reasons: Vec<SkipReason>,
}

impl ListedRow {
    /// Notes what was read of a row.
    pub(crate) fn of(
        row: &RawValue,
        id: Option<&str>,
        happened_at: Option<Timestamp>,
        reasons: Vec<SkipReason>,
    ) -> Self {
        let hash = canonical_hash(row);
        let vendor_key = match id {
            Some(id) => VendorKey::of(id),
            None => VendorKey::of(&format!("sha256:{hash}")),
        };
        Self { vendor_key, has_id: id.is_some(), hash, happened_at, reasons }
    }

    /// Whether the row itself says that the record is not kept.
    pub fn is_skipped(&self, admit_private: bool) -> bool {
        self.reasons.iter().any(|reason| !(admit_private && *reason == SkipReason::Private))
    }
}
