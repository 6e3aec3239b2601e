//! Which records were deleted, also those that have left the recycle bin.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of what was deleted";

/// What was deleted in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// The ids, in order, each once. Merged records are among them.
    Ids(Vec<String>),
    /// More than Salesforce tells at once.
    TooMany,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "deletedRecords")]
    records: Option<&'a RawValue>,
}

impl Deleted {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let records = envelope.records.filter(|records| records.get().starts_with('['));
        let records = records.ok_or_else(|| unexpected(WHAT, "has no `deletedRecords`", body))?;
        let rows: Vec<Value> = read_json(WHAT, records.get())?;
        let mut ids: Vec<String> =
            rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids.dedup();
        Ok(Self::Ids(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_order_and_once() {
        let body = r#"{"deletedRecords":[{"id":"b","deletedDate":"2026-05-01T07:25:37.000+0000"},{"id":"a"},{"id":"b"},{}],
            "earliestDateAvailable":"2026-04-01T00:00:00.000+0000","latestDateCovered":"2026-05-02T00:00:00.000+0000"}"#;
        assert_eq!(Deleted::read(body), Ok(Deleted::Ids(vec!["a".to_owned(), "b".to_owned()])));
        for other in ["", "{}", "[]", r#"{"deletedRecords":{}}"#] {
            assert!(Deleted::read(other).is_err(), "{other}");
        }
    }
}
