//! A page of the list, and where the list ends.

use model::Window;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::VendorError;

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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    data: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    meta: Value,
}

impl ListPage {
    pub(super) fn read(body: &[u8]) -> Result<Self, VendorError> {
        let envelope: Envelope = serde_json::from_slice(body)
            .map_err(|error| VendorError::unexpected(format!("the list is not of its form: {error}")))?;
        // a 200 without rows is an error, not an empty page
        let rows = envelope.data.ok_or_else(|| VendorError::unexpected("the list has no `data`"))?;
        let number = |name: &str| match envelope.meta.get(name) {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        Ok(Self {
            rows,
            page_number: number("pageNumber"),
            page_count: number("pageCount"),
            page_size: number("pageSize"),
            total_records: number("totalRecords"),
        })
    }
}

/// Says whether a page is the last one. `unseen_rows` are those that no earlier page had: a list that only repeats itself ends.
pub fn end_of_list(page: &ListPage, request: &ListRequest, unseen_rows: usize) -> bool {
    let rows = page.rows.len() as u64;
    // the size that was applied, in case the vendor clamps; an absurd one is no size
    let size = page.page_size.filter(|size| *size > 0).unwrap_or_else(|| request.size.into());
    if rows == 0 || unseen_rows == 0 {
        return true;
    }
    if let (Some(number), Some(count)) = (page.page_number, page.page_count) {
        return number >= count;
    }
    if let Some(total) = page.total_records {
        return u64::from(request.page) * size >= total;
    }
    rows < size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: usize, meta: &str) -> ListPage {
        let rows = vec!["{}"; rows].join(",");
        ListPage::read(format!(r#"{{"data":[{rows}],"meta":{meta}}}"#).as_bytes()).expect("a page")
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
    fn another_body_is_an_error_and_not_an_empty_page() {
        for body in ["<html>", "{}", r#"{"data":null}"#, r#"{"data":{"a":1}}"#, "[]", "", r#"{"data":[{]}"#] {
            assert!(ListPage::read(body.as_bytes()).is_err(), "{body:?}");
        }
    }
}
