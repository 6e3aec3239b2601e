//! NUL characters, which JSON can hold and Postgres cannot.

use serde_json::{Map, Value};

/// Takes NUL characters out and counts them.
#[derive(Debug, Default)]
pub(crate) struct NulSweeper {
    pub(crate) removed: u32,
}

impl NulSweeper {
    pub(crate) fn text(&mut self, text: &str) -> String {
        let nuls = memchr::memchr_iter(0, text.as_bytes()).count();
        if nuls == 0 {
            return text.to_owned();
        }
        self.removed = self.removed.saturating_add(u32::try_from(nuls).unwrap_or(u32::MAX));
        text.replace('\0', "")
    }

    /// The text without its edges of white space, if anything is left of it.
    pub(crate) fn trimmed(&mut self, text: Option<&str>) -> Option<String> {
        let swept = self.text(text?.trim());
        let trimmed = swept.trim();
        if trimmed.len() == swept.len() {
            return Some(swept).filter(|text| !text.is_empty());
        }
        Some(trimmed.to_owned()).filter(|text| !text.is_empty())
    }

    pub(crate) fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(fields) => Value::Object(self.fields(fields)),
            other => other,
        }
    }

    /// Names that become one another's stay apart.
    fn fields(&mut self, fields: Map<String, Value>) -> Map<String, Value> {
        let mut swept = Map::with_capacity(fields.len());
        for (name, field) in fields {
            let mut name = self.text(&name);
            while swept.contains_key(&name) {
                name.push('_');
            }
            swept.insert(name, self.value(field));
        }
        swept
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nul_characters_are_taken_out_of_values_and_names_and_counted() {
        let mut nul = NulSweeper::default();
        let swept = nul.value(json!({ "a": "x\u{0}y", "a\u{0}": ["\u{0}\u{0}"], "b": 1 }));
        assert_eq!(swept, json!({ "a": "xy", "a_": [""], "b": 1 }));
        assert_eq!(nul.removed, 4);
    }

    #[test]
    fn a_text_of_nothing_but_nul_characters_and_spaces_is_none() {
        assert_eq!(NulSweeper::default().trimmed(Some(" \u{0} ")), None);
        assert_eq!(NulSweeper::default().trimmed(Some(" \u{0} x ")).as_deref(), Some("x"));
    }
}
