//! A page of records, whichever way they were asked for.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of records";

/// Records, untouched, and where the list goes on.
#[derive(Debug)]
pub struct RecordPage {
    /// The records, byte for byte.
    pub rows: Vec<Box<RawValue>>,
    /// Where the next page begins; none on the last.
    pub after: Option<String>,
    /// How many there are in all, where a search says so.
    pub total: Option<u64>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    paging: Option<Paging>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<NextPage>,
}

#[derive(Deserialize)]
struct NextPage {
    after: Option<String>,
}

impl RecordPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        // a 200 without rows is an error, not an empty page
        let results = envelope.results.filter(|results| results.get().starts_with('['));
        let results = results.ok_or_else(|| unexpected(WHAT, "has no `results`", body))?;
        let next = envelope.paging.and_then(|paging| paging.next);
        let after = match next {
            Some(next) => Some(
                next.after
                    .filter(|after| !after.is_empty())
                    .ok_or_else(|| unexpected(WHAT, "goes on, but does not say where", body))?,
            ),
            None => None,
        };
        Ok(Self { rows: read_json(WHAT, results.get())?, after, total: envelope.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_paging_and_rows_are_left_as_they_are() {
        let page = RecordPage::read(
            r#"{"results":[{"id":"1", "x":1e400}],"paging":{"next":{"after":"NTI1Cg%3D%3D","link":"…"}}}"#,
        )
        .expect("a page");
        assert_eq!(
            (page.rows[0].get(), page.after.as_deref()),
            (r#"{"id":"1", "x":1e400}"#, Some("NTI1Cg%3D%3D"))
        );
        let last = RecordPage::read(r#"{"total":55,"results":[]}"#).expect("a page");
        assert_eq!((last.rows.len(), last.after, last.total), (0, None, Some(55)));
    }

    #[test]
    fn another_body_is_an_error_and_not_the_end() {
        for body in [
            "{}",
            "[]",
            "",
            "<html>",
            r#"{"results":null}"#,
            r#"{"results":{}}"#,
            r#"{"results":[],"paging":{"next":{}}}"#,
        ] {
            assert!(RecordPage::read(body).is_err(), "{body}");
        }
    }
}
