//! Insights, kept generically.

use std::collections::BTreeMap;

use model::Insight;
use serde_json::{Map, Value};

use super::sources::Sources;
use crate::json::is_nothing;
use crate::nul::NulSweeper;

/// Every insight in a stable order; what a person confirmed wins over what was extracted.
pub(super) fn insights(sources: Sources<'_, '_>, nul: &mut NulSweeper) -> Vec<Insight> {
    let mut items: BTreeMap<String, Insight> = BTreeMap::new();
    // weaker first: the list row before the details, extracted before confirmed
    let extracted = sources.iter().rev().map(|one| one.extracted.get());
    let confirmed = sources.iter().rev().map(|one| one.confirmed.get());
    for (name, item) in extracted.chain(confirmed).flatten().flat_map(named_items) {
        let Some(insight) = insight(&name, item, nul) else { continue };
        let known = items.remove(&name);
        items.insert(name, merged(known, insight));
    }
    items.into_values().collect()
}

/// The items by name. In a list they are named by their id or place.
fn named_items(all: Value) -> Vec<(String, Value)> {
    match all {
        Value::Object(fields) => fields.into_iter().collect(),
        Value::Array(items) => {
            let named = items.into_iter().enumerate().map(|(index, item)| {
                let name = item.as_object().and_then(|fields| scalar(fields, "id"));
                (name.unwrap_or_else(|| format!("{index:04}")), item)
            });
            named.collect()
        }
        other => vec![("value".to_owned(), other)],
    }
}

fn insight(name: &str, item: Value, nul: &mut NulSweeper) -> Option<Insight> {
    let Value::Object(mut fields) = item else {
        let value = nul.value(item);
        return (!is_nothing(&value)).then(|| Insight {
            key: nul.text(name),
            title: None,
            category: None,
            value,
        });
    };
    let mut text = |field| nul.trimmed(scalar(&fields, field).as_deref());
    let (key, title, category) = (text("key"), text("title"), text("category"));
    let value = nul.value(fields.remove("value").unwrap_or_default());
    Some(Insight { key: key.unwrap_or_else(|| nul.text(name)), title, category, value })
}

fn scalar(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The stronger item, completed by the weaker one.
fn merged(weaker: Option<Insight>, stronger: Insight) -> Insight {
    let Some(weaker) = weaker else { return stronger };
    Insight {
        key: stronger.key,
        title: stronger.title.or(weaker.title),
        category: stronger.category.or(weaker.category),
        value: if is_nothing(&stronger.value) { weaker.value } else { stronger.value },
    }
}
