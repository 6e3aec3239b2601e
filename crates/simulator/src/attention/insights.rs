//! What the vendor's analysis found.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::world::{Plan, Workspace, other_id};

/// Adds insights and scorecards, the former in every spelling seen.
pub(crate) fn push(map: &mut Map<String, Value>, workspace: &Workspace, plan: &Plan) {
    let mut extracted = Map::new();
    if plan.has_transcript() {
        for (number, (key, title, value)) in items(plan).into_iter().enumerate() {
            let id = other_id(workspace.salt, key, number as u64);
            let item = json!({
                "id": id, "key": key, "value": value, "title": title, "category": "General",
                "refreshing": false, "options": null, "source": "ai",
            });
            extracted.insert(if plan.wrapped { key.to_owned() } else { id }, item);
        }
    }
    map.insert("extractedIntelligence".into(), Value::Object(extracted));
    map.insert("confirmedExtractedIntelligence".into(), json!({}));
    map.insert("scorecardResults".into(), if plan.has_transcript() { scorecards(plan) } else { json!([]) });
}

/// The summary, once there is a transcript.
pub(crate) fn summary(plan: &Plan) -> String {
    format!("Summary of conversation {}, revision {}: pricing and rollout.", plan.index, plan.revision)
}

/// What was found, by key; nothing before there is a transcript.
pub(crate) fn found(plan: &Plan) -> BTreeMap<String, Value> {
    let items = if plan.has_transcript() { items(plan) } else { Vec::new() };
    items.into_iter().map(|(key, _, value)| (key.to_owned(), value)).collect()
}

fn items(plan: &Plan) -> Vec<(&'static str, &'static str, Value)> {
    let revision = plan.revision;
    vec![
        ("call_summary", "Call Summary", json!(summary(plan))),
        ("next_steps", "Next Steps", json!(["Send the security pack", format!("Meet again ({revision})")])),
        ("budget", "Budget", json!({ "amount": plan.style % 90_000, "currency": "EUR" })),
        ("competitor", "Competitor", json!("")),
    ]
}

fn scorecards(plan: &Plan) -> Value {
    json!([{
        "uuid": other_id(plan.style, "scorecard", 0), "title": "Discovery", "items": [],
        "summary": { "averageScore": 3.5, "min": 0, "max": 5, "summaryText": "Good questions." },
    }])
}
