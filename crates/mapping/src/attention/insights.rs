//! Insights, kept generically, and the summary derived from them.

use std::collections::BTreeMap;

use model::Insight;
use serde_json::Value;

use super::attributes::Attributes;
use crate::nul::NulSweeper;

/// Every insight in a stable order; what a person confirmed wins over what was extracted.
pub(super) fn insights(resources: &[&Attributes<'_>], nul: &mut NulSweeper) -> Vec<Insight> {
    let mut items: BTreeMap<String, Insight> = BTreeMap::new();
    // weaker first: the list row before the details, extracted before confirmed
    for attributes in resources.iter().rev() {
        for field in [&attributes.extracted, &attributes.confirmed] {
            let Some(Value::Object(fields)) = field.something() else { continue };
            for (name, item) in fields {
                if let Some(insight) = insight(&name, &item, nul) {
                    items.insert(name, insight);
                }
            }
        }
    }
    items.into_values().collect()
}

fn insight(name: &str, item: &Value, nul: &mut NulSweeper) -> Option<Insight> {
    let Value::Object(fields) = item else {
        let value = nul.value(item.clone());
        return (!value.is_null()).then(|| Insight {
            key: nul.text(name),
            title: None,
            category: None,
            value,
        });
    };
    let mut text = |field: &str| {
        let text = fields.get(field)?.as_str().filter(|text| !text.trim().is_empty())?;
        Some(nul.text(text))
    };
    let (key, title, category) = (text("key"), text("title"), text("category"));
    let value = nul.value(fields.get("value")?.clone());
    Some(Insight { key: key.unwrap_or_else(|| nul.text(name)), title, category, value })
}

/// The summary: an item that calls itself one ("Call Summary" first), else the longest text there is.
pub(super) fn summary(insights: &[Insight]) -> Option<String> {
    let texts = || insights.iter().filter_map(|item| Some((item, text_of(&item.value)?)));
    let called = |item: &Insight, wanted: &str| {
        let title = item.title.as_deref().unwrap_or_default().to_lowercase();
        title.contains(wanted) || item.key.to_lowercase().contains(wanted)
    };
    let named =
        |wanted: &str| texts().find(|(item, _)| called(item, wanted)).map(|(_, text)| text.to_owned());
    named("call summary").or_else(|| named("summary")).or_else(|| {
        let longest = texts().max_by_key(|(_, text)| text.len());
        longest.map(|(_, text)| text.to_owned())
    })
}

fn text_of(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}
