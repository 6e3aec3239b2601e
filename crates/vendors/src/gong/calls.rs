//! The extensive list of calls.

use model::Window;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of calls";

/// Which calls are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls<'a> {
    /// Those that started in a window.
    Started(Window),
    /// Those with these ids, at most 100; unknown ones are left out.
    Ids(&'a [&'a str]),
}

/// What is asked of the list. The cursor is added to the otherwise identical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsRequest<'a> {
    /// Which calls.
    pub calls: Calls<'a>,
    /// Where the page before ended.
    pub cursor: Option<&'a str>,
}

impl CallsRequest<'_> {
    pub(super) fn body(&self) -> Value {
        let filter = match self.calls {
            Calls::Started(window) => {
                json!({ "fromDateTime": window.from.to_string(), "toDateTime": window.to.to_string() })
            }
            Calls::Ids(ids) => json!({ "callIds": ids }),
        };
        let mut body = json!({
            "filter": filter,
            "contentSelector": {
                "context": "Extended",
                "contextTiming": ["Now"],
                "exposedFields": {
                    "parties": true,
                    "content": {
                        "structure": true, "topics": true, "trackers": true, "trackerOccurrences": true,
                        "brief": true, "outline": true, "highlights": true, "callOutcome": true, "keyPoints": true,
                    },
                    "interaction": {
                        "speakers": true, "video": true, "personInteractionStats": true, "questions": true,
                    },
                    "collaboration": { "publicComments": true },
                    // its links change with every answer, and asking without the scope for them fails the whole list
                    "media": false,
                },
            },
        });
        if let Some(cursor) = self.cursor {
            body["cursor"] = json!(cursor);
        }
        body
    }
}

/// A page: its calls, untouched, and where the next one begins.
#[derive(Debug, Default)]
pub struct CallsPage {
    /// The calls, byte for byte.
    pub calls: Vec<Box<RawValue>>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
    /// Size of the whole answer, decompressed.
    pub body_bytes: usize,
    /// Gong said that there is nothing: of a later page, although the one before promised it.
    pub is_nothing: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    calls: Option<&'a RawValue>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
}

impl CallsPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        // a 200 without calls is an error, not an empty page
        let calls = envelope.calls.filter(|calls| calls.get().starts_with('['));
        let calls = calls.ok_or_else(|| unexpected(WHAT, "has no `calls`", body))?;
        Ok(Self {
            calls: read_json(WHAT, calls.get())?,
            cursor: next_cursor(envelope.records),
            body_bytes: body.len(),
            is_nothing: false,
        })
    }
}

/// Where the next page begins: absent, null and empty all mean that there is none, and so does a missing block.
pub(super) fn next_cursor(records: Option<&RawValue>) -> Option<String> {
    let records: Value = serde_json::from_str(records?.get()).ok()?;
    records.get("cursor")?.as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_where_no_cursor_is() {
        let more =
            r#"{"records":{"totalRecords":263,"currentPageSize":100,"cursor":"eyJ"},"calls":[{"a":1}, 7]}"#;
        let page = CallsPage::read(more).expect("a page");
        assert_eq!((page.cursor.as_deref(), page.calls.len()), (Some("eyJ"), 2));
        assert_eq!(page.calls[0].get(), r#"{"a":1}"#);
        for records in ["{}", r#"{"cursor":null}"#, r#"{"cursor":""}"#, "null", "[]", "7", r#"{"cursor":7}"#]
        {
            let last = CallsPage::read(&format!(r#"{{"records":{records},"calls":[]}}"#)).expect("a page");
            assert_eq!(last.cursor, None, "{records}");
        }
        assert_eq!(CallsPage::read(r#"{"calls":[]}"#).expect("a page").cursor, None);
    }

    #[test]
    fn another_body_is_an_error_and_not_an_empty_page() {
        for body in ["<html>", "{}", r#"{"calls":null}"#, r#"{"calls":{}}"#, "[]", "", r#"{"calls":[{]}"#] {
            assert!(CallsPage::read(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_page_is_asked_for_by_the_same_request_with_its_cursor() {
        let first = CallsRequest { calls: Calls::Ids(&["1", "2"]), cursor: None };
        let mut expected = first.body();
        assert_eq!(expected["filter"], json!({ "callIds": ["1", "2"] }));
        expected["cursor"] = json!("eyJ");
        assert_eq!(CallsRequest { cursor: Some("eyJ"), ..first }.body(), expected);
    }
}
