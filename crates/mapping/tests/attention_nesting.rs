//! Nesting without end: stored documents are scanned without recursion, so only the mapping can run out of stack.

use mapping::attention::{conversation, listed_row};
use serde_json::value::RawValue;

#[test]
fn nesting_without_end_costs_its_field_or_the_document_but_never_the_process() {
    for (open, close) in [("[", "]"), ("{\"v2\":", "}"), ("{\"final\":", "}"), ("{\"data\":", "}")] {
        let deep = format!("{}null{}", open.repeat(5_000), close.repeat(5_000));
        for field in ["transcript", "labels", "participants", "extractedIntelligence", "title"] {
            let document = format!("{{\"id\":\"x\",\"attributes\":{{\"{field}\":{deep}}}}}");
            let raw = RawValue::from_string(document).unwrap();
            assert!(listed_row(&raw).has_id);
            conversation(Some(&raw), Some(&raw)).unwrap();
        }
        let raw = RawValue::from_string(deep).unwrap();
        assert!(!listed_row(&raw).has_id);
        conversation(None, Some(&raw)).unwrap_err();
    }
}
