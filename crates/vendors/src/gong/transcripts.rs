//! Transcripts of calls by their ids.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::calls::next_cursor;
use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of transcripts";

/// Ids in one request: a page's worth. Gong names no maximum; integrators send up to as many.
pub const TRANSCRIPT_IDS_MAX: usize = 100;

/// One call's transcript.
#[derive(Debug)]
pub struct CallTranscript {
    /// The call's id.
    pub call_id: String,
    /// The entry, byte for byte.
    pub raw: Box<RawValue>,
}

/// A page of transcripts.
#[derive(Debug, Default)]
pub struct TranscriptsPage {
    /// Those that there are.
    pub transcripts: Vec<CallTranscript>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
}

pub(super) fn body(ids: &[&str], cursor: Option<&str>) -> Value {
    let mut body = json!({ "filter": { "callIds": ids } });
    if let Some(cursor) = cursor {
        body["cursor"] = json!(cursor);
    }
    body
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "callTranscripts")]
    transcripts: Option<&'a RawValue>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "callId")]
    call_id: Option<&'a RawValue>,
}

impl TranscriptsPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let entries = envelope.transcripts.filter(|entries| entries.get().starts_with('['));
        let entries = entries.ok_or_else(|| unexpected(WHAT, "has no `callTranscripts`", body))?;
        let entries: Vec<Box<RawValue>> = read_json(WHAT, entries.get())?;
        let named =
            entries.into_iter().filter_map(|raw| Some(CallTranscript { call_id: call_id(&raw)?, raw }));
        Ok(Self { transcripts: named.collect(), cursor: next_cursor(envelope.records) })
    }
}

/// The id as text, digit by digit where it comes as a number.
fn call_id(raw: &RawValue) -> Option<String> {
    let entry: Entry<'_> = serde_json::from_str(raw.get()).ok()?;
    let text = entry.call_id?.get();
    match text.bytes().next()? {
        b'"' => serde_json::from_str(text).ok(),
        b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_named_by_their_call_and_left_as_they_are() {
        let body = r#"{"callTranscripts":[
            {"callId":"7782342274025937895", "transcript":[]}, {"callId":99999999999999999999,"transcript":null},
            {"transcript":[]}, 7]}"#;
        let page = TranscriptsPage::read(body).expect("a page");
        let ids: Vec<&str> = page.transcripts.iter().map(|one| one.call_id.as_str()).collect();
        assert_eq!(ids, ["7782342274025937895", "99999999999999999999"]);
        assert_eq!(page.transcripts[0].raw.get(), r#"{"callId":"7782342274025937895", "transcript":[]}"#);
    }

    #[test]
    fn another_body_is_an_error_and_not_the_want_of_transcripts() {
        for body in ["<html>", "{}", r#"{"callTranscripts":null}"#, r#"{"callTranscripts":{}}"#, "[]", ""] {
            assert!(TranscriptsPage::read(body).is_err(), "{body:?}");
        }
    }
}
