//! What changed, by keyset: a search shows 10,000 rows at most and moves under whoever pages through it, so every page is the first
//! page of a search that begins where the last one ended.

use model::VendorAccount;
use serde_json::{Value, json};

use super::Object;

/// Rows of a search at most.
pub const SEARCH_MAX: usize = 200;

/// The budget of a portal's searches, which have a limit of their own beside the one for all requests.
pub fn search_budget(account: &VendorAccount) -> VendorAccount {
    VendorAccount::of(&format!("{account}#search"))
}

/// The first rows of what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// From here on, and before there, in milliseconds since 1970; by when they changed.
    Changed {
        /// Inclusive.
        from_ms: i64,
        /// Exclusive.
        to_ms: i64,
    },
    /// Of very many that changed in the same moment, those with a greater id; by id.
    ChangedAt {
        /// The moment.
        at_ms: i64,
        /// The last id seen.
        after_id: String,
    },
}

impl Search {
    pub(super) fn body(&self, object: Object) -> Value {
        let modified = object.modified();
        let filter = |operator: &str, value: &str| json!({ "propertyName": modified, "operator": operator, "value": value });
        let (filters, sort) = match self {
            Self::Changed { from_ms, to_ms } => {
                (vec![filter("GTE", &from_ms.to_string()), filter("LT", &to_ms.to_string())], modified)
            }
            Self::ChangedAt { at_ms, after_id } => {
                let id = json!({ "propertyName": "hs_object_id", "operator": "GT", "value": after_id });
                (vec![filter("EQ", &at_ms.to_string()), id], "hs_object_id")
            }
        };
        json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": sort, "direction": "ASCENDING" }],
            "properties": object.properties(), "limit": SEARCH_MAX,
        })
    }
}
