//! What Gong's analysis found, as insights that read like any vendor's.

use model::Insight;
use serde_json::{Value, json};

use super::interaction;
use super::people::Parties;
use super::transcript::Spoken;
use crate::json::is_nothing;
use crate::nul::NulSweeper;

/// Every insight, in a stable order; what is empty is none.
pub(super) fn insights(
    content: &Value,
    interaction: &Value,
    collaboration: &Value,
    spoken: &Spoken<'_>,
    parties: &Parties,
    nul: &mut NulSweeper,
) -> Vec<Insight> {
    let mut all = highlights(content);
    all.push(insight("key_points", "Key points", "content", texts(&content["keyPoints"])));
    all.push(insight("outline", "Outline", "content", content["outline"].clone()));
    all.extend(outcome(&content["callOutcome"]));
    all.push(insight("topics", "Topics", "content", content["topics"].clone()));
    all.push(insight("spoken_topics", "Topics as they came up", "content", spoken_topics(spoken)));
    all.extend(trackers(&content["trackers"]));
    all.push(insight("structure", "Structure", "content", content["structure"].clone()));
    let points = content["pointsOfInterest"]["actionItems"].clone();
    all.push(insight("action_items", "Action items", "content", points));
    all.extend(interaction::insights(interaction, parties));
    let comments = comments(&collaboration["publicComments"], parties);
    all.push(insight("public_comments", "Comments", "collaboration", comments));
    all.retain(|one| !is_nothing(&one.value));
    all.into_iter().map(|one| swept(one, nul)).collect()
}

pub(super) fn insight(key: &str, title: &str, category: &str, value: Value) -> Insight {
    Insight { key: key.to_owned(), title: Some(title.to_owned()), category: Some(category.to_owned()), value }
}

fn swept(one: Insight, nul: &mut NulSweeper) -> Insight {
    Insight {
        key: nul.text(&one.key),
        title: nul.trimmed(one.title.as_deref()),
        category: nul.trimmed(one.category.as_deref()),
        value: nul.value(one.value),
    }
}

/// One insight for each highlight: "Next steps" and "Action items" are found by their titles.
fn highlights(content: &Value) -> Vec<Insight> {
    let mut all = Vec::new();
    for (place, highlight) in items(&content["highlights"]).enumerate() {
        let title = scalar(&highlight["title"]);
        let key = format!("highlights.{}", title.as_deref().map_or_else(|| place.to_string(), slug));
        let value = if highlight.is_object() { highlight["items"].clone() } else { highlight.clone() };
        all.push(Insight { key, title, category: Some("highlights".to_owned()), value });
    }
    all
}

fn trackers(trackers: &Value) -> Vec<Insight> {
    let mut all = Vec::new();
    for (place, tracker) in items(trackers).enumerate() {
        let name = scalar(&tracker["name"]);
        let id = scalar(&tracker["id"]).or_else(|| name.clone()).unwrap_or_else(|| place.to_string());
        let value = match tracker {
            Value::Object(fields) => {
                let said = fields.iter().filter(|(field, _)| !["id", "name"].contains(&field.as_str()));
                Value::Object(said.map(|(field, value)| (field.clone(), value.clone())).collect())
            }
            other => other.clone(),
        };
        all.push(Insight {
            key: format!("tracker.{id}"),
            title: name,
            category: Some("trackers".to_owned()),
            value,
        });
    }
    all
}

fn outcome(outcome: &Value) -> Option<Insight> {
    let name = scalar(&outcome["name"])?;
    let category = scalar(&outcome["category"]).unwrap_or_else(|| "content".to_owned());
    Some(insight("call_outcome", "Call outcome", &category, Value::from(name)))
}

fn spoken_topics(spoken: &Spoken<'_>) -> Value {
    let topics = spoken.topics();
    let seconds = |start: Option<f64>| start.map(|start| start / 1000.0);
    let listed = topics.into_iter().map(|(name, start)| json!({ "name": name, "start_s": seconds(start) }));
    Value::from(listed.collect::<Vec<_>>())
}

/// Comments with the names of their writers, where they were there.
fn comments(comments: &Value, parties: &Parties) -> Value {
    let named = items(comments).map(|comment| {
        let mut comment = comment.clone();
        let name = scalar(&comment["commenterUserId"]).and_then(|id| parties.user(&id).map(Value::from));
        if let (Value::Object(fields), Some(name)) = (&mut comment, name) {
            fields.insert("commenter".to_owned(), name);
        }
        comment
    });
    Value::from(named.collect::<Vec<_>>())
}

/// The texts of a list of `{text}`; what is no such list stays as it is.
fn texts(list: &Value) -> Value {
    let Value::Array(items) = list else { return list.clone() };
    let text = |item: &Value| if item["text"].is_string() { item["text"].clone() } else { item.clone() };
    Value::from(items.iter().map(text).collect::<Vec<_>>())
}

/// The items of a list; anything else has none.
pub(super) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A title as a part of a key.
pub(super) fn slug(title: &str) -> String {
    let lower = title.trim().to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}
