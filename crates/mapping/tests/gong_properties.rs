//! Whatever Gong sends: no panic, one key per record, no NUL character, and the transcript says what it is.

mod strategies;

use mapping::gong::{conversation, listed_row};
use model::TranscriptStatus;
use proptest::prelude::*;
use proptest::sample::select;
use strategies::{has_nul, json, object, raw, scalar};

/// Names that mean something somewhere in a call or its transcript.
const NAMES: &[&str] = &[
    "metaData",
    "id",
    "url",
    "title",
    "scheduled",
    "started",
    "duration",
    "primaryUserId",
    "direction",
    "system",
    "scope",
    "media",
    "language",
    "workspaceId",
    "clientUniqueId",
    "customData",
    "purpose",
    "meetingUrl",
    "isPrivate",
    "calendarEventId",
    "parties",
    "emailAddress",
    "name",
    "userId",
    "speakerId",
    "context",
    "affiliation",
    "phoneNumber",
    "methods",
    "objects",
    "objectType",
    "objectId",
    "fields",
    "timing",
    "value",
    "content",
    "structure",
    "topics",
    "trackers",
    "brief",
    "outline",
    "highlights",
    "items",
    "text",
    "callOutcome",
    "category",
    "keyPoints",
    "pointsOfInterest",
    "actionItems",
    "interaction",
    "speakers",
    "talkTime",
    "interactionStats",
    "questions",
    "collaboration",
    "publicComments",
    "commenterUserId",
    "callId",
    "transcript",
    "topic",
    "sentences",
    "start",
    "end",
    "a\0",
    "ü",
];

/// A call that can be read as far as its parts, with any JSON in them.
fn call() -> impl Strategy<Value = String> {
    let field = || (select(NAMES).prop_map(str::to_owned), json(NAMES));
    let fields = |most| prop::collection::vec(field(), 0..most);
    (scalar(), fields(16), fields(12)).prop_map(|(id, meta, mut parts)| {
        let meta = object(&meta);
        let meta = if meta == "{}" { String::new() } else { format!(",{}", &meta[1..meta.len() - 1]) };
        parts.retain(|(name, _)| name != "metaData" && name != "id");
        let parts = object(&parts);
        let parts = if parts == "{}" { String::new() } else { format!(",{}", &parts[1..parts.len() - 1]) };
        format!(r#"{{"metaData":{{"id":{id}{meta}}}{parts}}}"#)
    })
}

fn entry() -> impl Strategy<Value = String> {
    json(NAMES).prop_map(|transcript| format!(r#"{{"callId":"1","transcript":{transcript}}}"#))
}

proptest! {
    #[test]
    fn any_json_is_a_row_with_one_key(row in json(NAMES)) {
        let (read, again) = (listed_row(&raw(&row)), listed_row(&raw(&row)));
        prop_assert!(!read.vendor_key.as_str().is_empty());
        prop_assert_eq!(read, again);
    }

    #[test]
    fn any_json_is_a_conversation_or_an_error(listed in json(NAMES), detail in json(NAMES)) {
        let (listed, detail) = (raw(&listed), raw(&detail));
        let _ = conversation(Some(&listed), Some(&detail));
        let _ = conversation(Some(&listed), None);
        let _ = conversation(None, Some(&detail));
    }

    #[test]
    fn a_call_of_any_fields_with_an_id_is_mapped_without_nul_characters(listed in call(), detail in entry()) {
        let (listed, detail) = (raw(&listed), raw(&detail));
        let row = listed_row(&listed);
        let mapped = conversation(Some(&listed), Some(&detail));
        prop_assert_eq!(row.has_id, mapped.is_ok());
        if let Ok(mapped) = mapped {
            prop_assert_eq!(&mapped.external_id, &row.vendor_key, "stored under the key it was listed by");
            prop_assert_eq!(mapped.private, row.is_skipped(false), "row and document agree on what is private");
            prop_assert!(!has_nul(&serde_json::to_value(&mapped).unwrap()));
            prop_assert_eq!(
                mapped.transcript.segments.is_empty(),
                mapped.transcript.status != TranscriptStatus::Ready
            );
        }
    }
}
