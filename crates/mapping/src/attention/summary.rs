//! The summary, which the vendor has no field for.

use std::borrow::Cow;

use model::Insight;
use serde_json::Value;

/// The summary: an item that calls itself one ("Call Summary" first), else the longest text there is.
pub(super) fn summary(insights: &[Insight]) -> Option<String> {
    let texts: Vec<_> = insights.iter().filter_map(|item| Some((item, text_of(&item.value)?))).collect();
    let named = |wanted: &str| texts.iter().find(|(item, _)| is_called(item, wanted));
    let longest = || texts.iter().max_by_key(|(_, text)| text.len());
    let (_, text) = named("call summary").or_else(|| named("summary")).or_else(longest)?;
    Some(text.clone().into_owned())
}

fn is_called(item: &Insight, wanted: &str) -> bool {
    let is_in = |name: &str| name.to_lowercase().replace(['_', '-'], " ").contains(wanted);
    item.title.as_deref().is_some_and(is_in) || is_in(&item.key)
}

/// A text, or a list of texts as lines.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Array(items) => {
            let lines: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Cow::Owned(lines?.join("\n").trim().to_owned())
        }
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
