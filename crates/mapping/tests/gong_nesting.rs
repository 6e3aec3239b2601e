//! Nesting without end: stored documents are scanned without recursion, so only the mapping can run out of stack.

use mapping::gong::{conversation, listed_row};
use serde_json::value::RawValue;

#[test]
fn nesting_without_end_costs_its_field_or_the_document_but_never_the_process() {
    for (open, close) in
        [("[", "]"), ("{\"metaData\":", "}"), ("{\"transcript\":", "}"), ("{\"items\":", "}")]
    {
        let deep = format!("{}null{}", open.repeat(5_000), close.repeat(5_000));
        for field in ["parties", "context", "content", "interaction", "collaboration"] {
            let call = format!("{{\"metaData\":{{\"id\":\"x\",\"title\":{deep}}},\"{field}\":{deep}}}");
            let entry = RawValue::from_string(format!("{{\"callId\":\"x\",\"transcript\":{deep}}}")).unwrap();
            let raw = RawValue::from_string(call).unwrap();
            assert!(listed_row(&raw).has_id);
            conversation(Some(&raw), Some(&entry)).unwrap();
        }
        let raw = RawValue::from_string(deep).unwrap();
        assert!(!listed_row(&raw).has_id);
        conversation(Some(&raw), None).unwrap_err();
    }
}
