//! Which copies a conversation's meeting has, and why, in words.

use model::ConversationId;
use serde::Deserialize;
use store::timeline::ConversationDetail;

/// What speaks for a copy, as it is stored.
#[derive(Debug, Deserialize)]
struct Evidence {
    with: ConversationId,
    rule: String,
    key: Option<String>,
    starts_apart_s: i64,
    people_shared: usize,
}

/// One line for the meeting, one for each other copy and each that a person has parted from it.
pub(super) fn lines(detail: &ConversationDetail) -> Vec<String> {
    let evidence = Vec::<Evidence>::deserialize(&detail.meeting_evidence).unwrap_or_default();
    let mut lines = vec![detail.conversation.meeting_id.to_string()];
    for copy in detail.sources.iter().filter(|copy| copy.conversation_id != detail.conversation_id) {
        let by = evidence.iter().find(|one| one.with == copy.conversation_id);
        let by = by.map_or_else(|| "by way of another copy".to_owned(), told);
        lines.push(format!("with {}, {by}", named(detail, copy.conversation_id)));
    }
    lines.extend(detail.parted_from.iter().map(|id| format!("a person has parted it from {id}")));
    lines
}

/// A copy, by its vendor's name of it.
pub(super) fn named(detail: &ConversationDetail, id: ConversationId) -> String {
    let copy = detail.sources.iter().find(|copy| copy.conversation_id == id);
    copy.map_or_else(|| id.to_string(), |copy| format!("{} {} ({id})", copy.vendor, copy.external_id))
}

fn told(evidence: &Evidence) -> String {
    let key = evidence.key.as_deref().unwrap_or_default();
    let what = match evidence.rule.as_str() {
        "join-link" => format!("in the same room ({key})"),
        "calendar" => format!("the same event ({key})"),
        _ => "the same people".to_owned(),
    };
    format!("{what}, {} s apart, {} people in both", evidence.starts_apart_s, evidence.people_shared)
}
