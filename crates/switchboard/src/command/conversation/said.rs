//! What the vendor says of a conversation beside who was there and what was said, in words.

use serde_json::Value;
use store::timeline::{ConversationDetail, ExportedInsight};

use crate::output::short;

/// Longer findings are cut: `--json` has them whole.
const FINDING_MAX: usize = 200;

/// What kind of conversation it is: every plain fact that the vendor gives, by its name.
pub(super) fn facts(detail: &ConversationDetail) -> Vec<String> {
    let facts = detail.attributes.as_object().into_iter().flatten();
    let facts = facts.filter(|(name, _)| !name.starts_with('_'));
    facts.filter_map(|(name, value)| Some(format!("{} {}", name.replace('_', " "), scalar(value)?))).collect()
}

/// One line for each finding of the vendor's analysis.
pub(super) fn findings(insights: &[ExportedInsight]) -> Vec<String> {
    let found = insights.iter().map(|one| {
        let title = one.title.as_deref().unwrap_or(&one.key);
        format!("{title}: {}", short(&told(&one.value), FINDING_MAX))
    });
    found.collect()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A value as a sentence: texts as they are, of things their text or name and what else is plain about them.
fn told(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let named = ["text", "name", "title", "section", "speaker", "snippet", "comment"];
            let name = named.iter().find_map(|name| fields.get(*name).and_then(scalar));
            let rest = fields.iter().filter(|(field, _)| !named.contains(&field.as_str()));
            let rest: Vec<String> =
                rest.filter_map(|(field, value)| Some(format!("{field} {}", scalar(value)?))).collect();
            match (name, rest.is_empty()) {
                (Some(name), true) => name,
                (Some(name), false) => format!("{name} ({})", rest.join(", ")),
                (None, _) => rest.join(", "),
            }
        }
        other => scalar(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_of_any_shape_read_like_sentences() {
        for (value, text) in [
            (json!("Pricing discussion."), "Pricing discussion."),
            (json!(["Wants 40 seats", "Asks for a quote"]), "Wants 40 seats; Asks for a quote"),
            (json!([{ "text": "Send quote", "startTimes": [1650.2] }]), "Send quote"),
            (
                json!([{ "speaker": "Ana", "talk_ratio": 0.9, "talk_time_s": 812.4 }]),
                "Ana (talk_ratio 0.9, talk_time_s 812.4)",
            ),
            (json!({ "companyCount": 5, "nonCompanyCount": 3 }), "companyCount 5, nonCompanyCount 3"),
            (json!(12.5), "12.5"),
            (json!(null), ""),
        ] {
            assert_eq!(told(&value), text, "{value}");
        }
    }
}
