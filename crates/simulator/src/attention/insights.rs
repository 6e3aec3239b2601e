//! What the vendor's analysis found.

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

fn items(plan: &Plan) -> Vec<(&'static str, &'static str, Value)> {
    let revision = plan.revision;
    let summary =
        format!("Summary of conversation {}, revision {revision}: pricing and rollout.", plan.index);
    vec![
        ("call_summary", "Call Summary", json!(summary)),
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
