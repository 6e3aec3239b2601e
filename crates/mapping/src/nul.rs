//! NUL characters, which JSON can hold and Postgres cannot.

use serde_json::Value;

/// Takes NUL characters out and counts them.
#[derive(Debug, Default)]
pub(crate) struct NulSweeper {
    pub(crate) removed: u32,
}

impl NulSweeper {
    pub(crate) fn text(&mut self, text: &str) -> String {
        let nuls = text.bytes().filter(|byte| *byte == 0).count();
        if nuls == 0 {
            return text.to_owned();
        }
        self.removed = self.removed.saturating_add(u32::try_from(nuls).unwrap_or(u32::MAX));
        text.replace('\0', "")
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    pub(crate) fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(fields) => Value::Object(
                fields.into_iter().map(|(name, field)| (self.text(&name), self.value(field))).collect(),
            ),
            // a number that jsonb or a reader may choke on does not come out of serde_json: it is finite and short
            other => other,
        }
    }
}
