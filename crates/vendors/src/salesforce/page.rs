//! A page of a query.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the answer to the query";

/// Rows, untouched, and where the query goes on.
#[derive(Debug)]
pub struct RecordPage {
    /// The rows, byte for byte.
    pub rows: Vec<Box<RawValue>>,
    /// Where the next page is; none on the last.
    pub next: Option<String>,
    /// How many rows the whole query has.
    pub total: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    records: Option<&'a RawValue>,
    done: Option<bool>,
    #[serde(rename = "nextRecordsUrl")]
    next: Option<String>,
    #[serde(rename = "totalSize")]
    total: Option<u64>,
}

impl RecordPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let wrong = |problem: &str| unexpected(WHAT, problem, body);
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        // a 200 without rows is an error, not an empty page
        let records = envelope.records.filter(|records| records.get().starts_with('['));
        let records = records.ok_or_else(|| wrong("has no `records`"))?;
        let next = envelope.next.filter(|next| !next.is_empty());
        let next = match (envelope.done, next) {
            (Some(true), None) => None,
            (Some(false), Some(next)) => Some(next),
            (Some(false), None) => return Err(wrong("goes on, but does not say where")),
            (Some(true), Some(_)) => return Err(wrong("has ended, and goes on all the same")),
            (None, _) => return Err(wrong("does not say whether it has ended")),
        };
        let total = envelope.total.ok_or_else(|| wrong("has no `totalSize`"))?;
        Ok(Self { rows: read_json(WHAT, records.get())?, next, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_left_as_they_are_and_the_last_page_has_no_next() {
        let page = RecordPage::read(
            r#"{"totalSize":3,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/0r8-2","records":[{"Id":"1", "x":1e400}]}"#,
        )
        .expect("a page");
        assert_eq!(page.rows[0].get(), r#"{"Id":"1", "x":1e400}"#);
        assert_eq!((page.next.as_deref(), page.total), (Some("/services/data/v66.0/query/0r8-2"), 3));
        let last = RecordPage::read(r#"{"totalSize":0,"done":true,"records":[]}"#).expect("a page");
        assert_eq!((last.rows.len(), last.next, last.total), (0, None, 0));
    }

    #[test]
    fn another_body_is_an_error_and_not_the_end() {
        for body in [
            "{}",
            "[]",
            "",
            "<html>",
            r#"{"totalSize":1,"done":true}"#,
            r#"{"totalSize":1,"done":true,"records":null}"#,
            r#"{"totalSize":1,"records":[]}"#,
            r#"{"done":true,"records":[]}"#,
            r#"{"totalSize":9,"done":false,"records":[]}"#,
            r#"{"totalSize":9,"done":false,"nextRecordsUrl":"","records":[]}"#,
            r#"{"totalSize":9,"done":true,"nextRecordsUrl":"/x","records":[]}"#,
        ] {
            assert!(RecordPage::read(body).is_err(), "{body}");
        }
    }
}
