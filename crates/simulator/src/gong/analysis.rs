//! What Gong's analysis found; there is none before there is a transcript.

use serde_json::{Map, Value, json};

use super::party::parties;
use super::query::Query;
use crate::world::{Plan, Workspace};

/// The content, as far as it is asked for; without any it is an empty object, null, or parts that are empty.
pub(crate) fn content(plan: &Plan, query: &Query) -> Value {
    if !plan.has_transcript() {
        return match plan.style % 3 {
            0 => Value::Null,
            1 => json!({}),
            _ => json!({ "brief": "", "outline": [], "highlights": null, "trackers": [] }),
        };
    }
    let revision = plan.revision;
    let items = |text: &str, at: f64| json!([{ "text": text, "startTimes": [at] }]);
    let parts = [
        ("brief", json!(summary(plan))),
        (
            "outline",
            json!([{ "section": "Introductions", "startTime": 1.5, "duration": 60.25, "items": [{ "text": "Who is who", "startTime": 2.0 }] }]),
        ),
        (
            "highlights",
            json!([{ "title": "Next steps", "items": items(&format!("Meet again ({revision})"), 165.2) }]),
        ),
        ("callOutcome", json!({ "id": "1", "category": "ANSWERED", "name": "Meeting booked" })),
        ("keyPoints", json!([{ "text": "Wants forty seats" }])),
        ("topics", json!([{ "name": "Pricing", "duration": plan.style % 600 }])),
        (
            "trackers",
            json!([{ "id": "71", "name": "Competitors", "count": plan.style % 4, "type": "KEYWORD", "occurrences": [], "phrases": [] }]),
        ),
        ("structure", json!([{ "name": "Small talk", "duration": 90 }])),
    ];
    let wanted = parts.into_iter().filter(|(name, _)| query.exposes(&format!("/content/{name}")));
    Value::Object(wanted.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// The summary, once there is a transcript.
pub(crate) fn summary(plan: &Plan) -> String {
    format!("Summary of call {}, revision {}: pricing and rollout.", plan.index, plan.revision)
}

/// Who talked how much.
pub(crate) fn interaction(workspace: &Workspace, plan: &Plan, query: &Query) -> Value {
    if !plan.has_transcript() {
        return json!({});
    }
    let mut map = Map::new();
    if query.exposes("/interaction/speakers") {
        let speakers = parties(workspace, plan).into_iter().filter(|party| party.speaks);
        let speakers = speakers.map(|party| {
            let user = party.user.map(crate::world::User::gong_id);
            json!({ "id": party.speaker_ids[0], "userId": user, "talkTime": plan.style % 1000 })
        });
        map.insert("speakers".into(), Value::from(speakers.collect::<Vec<_>>()));
    }
    if query.exposes("/interaction/personInteractionStats") {
        map.insert(
            "interactionStats".into(),
            json!([{ "name": "Talk Ratio", "value": 0.6 }, { "name": "Patience", "value": 0.8 }]),
        );
    }
    if query.exposes("/interaction/questions") {
        map.insert("questions".into(), json!({ "companyCount": plan.style % 9, "nonCompanyCount": 3 }));
    }
    Value::Object(map)
}
