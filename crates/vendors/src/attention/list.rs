//! A page of the list, and where the list ends.

use model::Window;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list";

/// Which page of which window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRequest {
    /// The window.
    pub window: Window,
    /// The page, from 1.
    pub page: u32,
    /// Rows wanted; the vendor may give fewer.
    pub size: u32,
}

impl ListRequest {
    /// Intelligence is asked for although the details bring it too: the row's hash must see what can change.
    pub(super) fn parameters(&self) -> [(&'static str, String); 7] {
        [
            ("fromDateTime", self.window.from.to_string()),
            ("toDateTime", self.window.to.to_string()),
            ("page", self.page.to_string()),
            ("size", self.size.to_string()),
            ("withCrmRecords", "true".to_owned()),
            ("withIntelligenceItems", "true".to_owned()),
            ("filter[include_internal_participants]", "true".to_owned()),
        ]
    }
}

/// A page: its rows, untouched, and what the vendor says of the whole.
#[derive(Debug)]
pub struct ListPage {
    /// The rows, byte for byte.
    pub rows: Vec<Box<RawValue>>,
    /// The page's number by the vendor.
    pub page_number: Option<u64>,
    /// Pages of the window.
    pub page_count: Option<u64>,
    /// Rows per page as applied.
    pub page_size: Option<u64>,
    /// Records of the window.
    pub total_records: Option<u64>,
    /// Size of the whole answer, decompressed.
    pub body_bytes: usize,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

impl ListPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        // a 200 without rows is an error, not an empty page
        let data = envelope.data.filter(|data| data.get().starts_with('['));
        let data = data.ok_or_else(|| unexpected(WHAT, "has no `data`", body))?;
        // what is said of the whole is a help and no more: none of it costs the rows
        let meta: Map<String, Value> =
            envelope.meta.and_then(|meta| serde_json::from_str(meta.get()).ok()).unwrap_or_default();
        let number = |name: &str| meta.get(name).and_then(whole_number);
        Ok(Self {
            rows: read_json(WHAT, data.get())?,
            page_number: number("pageNumber"),
            page_count: number("pageCount"),
            page_size: number("pageSize"),
            total_records: number("totalRecords"),
            body_bytes: body.len(),
        })
    }
}

/// A number, as such, as text, or with a fraction of nothing.
fn whole_number(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    text.strip_suffix(".0").unwrap_or(&text).parse().ok()
}

/// Says whether a page of so many rows is the last one. `unseen_rows` are those that no earlier page had: a list that only repeats itself ends.
pub fn end_of_list(page: &ListPage, rows: usize, request: &ListRequest, unseen_rows: usize) -> bool {
    let rows = rows as u64;
    if rows == 0 || unseen_rows == 0 {
        return true;
    }
    // the first rule that knows decides; a count of zero beside rows knows nothing
    if let (Some(number), Some(count @ 1..)) = (page.page_number, page.page_count) {
        return number >= count;
    }
    let size = applied_size(page, request);
    if let Some(total @ 1..) = page.total_records {
        let left = total.saturating_sub(u64::from(request.page.saturating_sub(1)) * size);
        // more rows than can be left: the vendor clamped the size without a word, and earlier pages were shorter too
        return left <= size && rows <= left;
    }
    rows < size
}

/// The size the vendor applied, in case it clamps; an absurd one is no size.
fn applied_size(page: &ListPage, request: &ListRequest) -> u64 {
    let asked = u64::from(request.size);
    page.page_size.filter(|size| *size > 0).map_or(asked, |size| size.min(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: usize, meta: &str) -> ListPage {
        let rows = vec!["{}"; rows].join(",");
        ListPage::read(&format!(r#"{{"data":[{rows}],"meta":{meta}}}"#)).expect("a page")
    }

    fn end_of_list(page: &ListPage, request: &ListRequest, unseen_rows: usize) -> bool {
        super::end_of_list(page, page.rows.len(), request, unseen_rows)
    }

    fn request(page: u32) -> ListRequest {
        let at = |second| jiff::Timestamp::from_second(second).expect("a small number");
        ListRequest { window: Window { from: at(0), to: at(1) }, page, size: 50 }
    }

    #[test]
    fn the_end_is_found_by_the_first_rule_that_knows() {
        assert!(end_of_list(&page(0, "{}"), &request(1), 0), "no rows");
        assert!(
            !end_of_list(&page(10, r#"{"pageNumber":1,"pageCount":3}"#), &request(1), 10),
            "pages are left"
        );
        assert!(
            end_of_list(&page(50, r#"{"pageNumber":3,"pageCount":"3"}"#), &request(3), 50),
            "the last page"
        );
        assert!(!end_of_list(&page(50, r#"{"totalRecords":104}"#), &request(2), 50), "records are left");
        assert!(end_of_list(&page(4, r#"{"totalRecords":104}"#), &request(3), 4), "all records");
        assert!(
            !end_of_list(&page(20, r#"{"totalRecords":104,"pageSize":20}"#), &request(3), 20),
            "a clamped size"
        );
        assert!(end_of_list(&page(49, "{}"), &request(1), 49), "a short page");
        assert!(!end_of_list(&page(20, r#"{"pageSize":20}"#), &request(1), 20), "full by the clamped size");
        assert!(end_of_list(&page(50, r#"{"totalRecords":5000}"#), &request(2), 0), "it only repeats itself");
    }

    #[test]
    fn nonsense_about_the_whole_neither_ends_the_list_nor_costs_rows() {
        let zeros = r#"{"pageNumber":1,"pageCount":0,"totalRecords":0,"pageSize":0}"#;
        assert!(!end_of_list(&page(50, zeros), &request(1), 50), "zeros beside rows");
        for meta in ["[]", "7", r#""x""#, "null", r#"{"pageCount":-1,"totalRecords":"many","x":"\ud800"}"#] {
            assert!(!end_of_list(&page(50, meta), &request(1), 50), "{meta}");
        }
        assert!(!end_of_list(&page(50, r#"{"pageSize":500}"#), &request(1), 50), "more than was asked for");
    }

    #[test]
    fn a_silently_clamped_size_does_not_end_the_list_early() {
        let total = r#"{"totalRecords":104}"#;
        for (number, rows) in [(1, 20), (2, 20), (3, 20), (4, 20), (5, 20), (6, 4)] {
            assert!(!end_of_list(&page(rows, total), &request(number), rows), "page {number}");
        }
        assert!(end_of_list(&page(0, total), &request(7), 0));
    }

    #[test]
    fn numbers_come_as_numbers_and_as_text() {
        let read = page(1, r#"{"pageNumber":"1","pageCount":2.0,"pageSize":50,"totalRecords":" 51 "}"#);
        let numbers = [read.page_number, read.page_count, read.page_size, read.total_records];
        assert_eq!(numbers, [Some(1), Some(2), Some(50), Some(51)]);
    }

    #[test]
    fn rows_are_left_as_they_are_however_odd() {
        let deep = "[".repeat(500) + &"]".repeat(500);
        let rows = [r#"{"n":12345678901234567890123, "t":"\ud800"}"#, "null", "7", &deep];
        let page = ListPage::read(&format!(r#"{{"data":[{}]}}"#, rows.join(", "))).expect("a page");
        assert_eq!(page.rows.iter().map(|row| row.get()).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn another_body_is_an_error_and_not_an_empty_page() {
        for body in ["<html>", "{}", r#"{"data":null}"#, r#"{"data":{"a":1}}"#, "[]", "", r#"{"data":[{]}"#] {
            assert!(ListPage::read(body).is_err(), "{body:?}");
        }
    }
}
