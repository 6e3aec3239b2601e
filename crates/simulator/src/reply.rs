//! Answers before they go on the wire.

use serde_json::{Value, json};

use crate::dice::{Dice, of_text};

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection breaks half way through the body.
    pub(crate) truncated: bool,
}

impl Reply {
    /// A good answer; the vendor names its JSON in two ways.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let content_type =
            if body.len().is_multiple_of(2) { "application/json" } else { "application/vnd.api+json" };
        Self { status: 200, content_type, headers: Vec::new(), body, truncated: false }
    }

    /// A refusal; the vendor has no schema for these, so they come in every form seen, by status and message.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        let mut dice = Dice::of(&[u64::from(status), of_text(message)]);
        let body = match dice.below(8) {
            0 => json!({ "detail": message }),
            1 => json!({ "message": message }),
            2 => json!({ "title": message, "status": status }),
            3 => json!({ "error": message }),
            4 => json!({ "error": { "code": status, "message": message } }),
            5 => json!({ "data": { "message": message } }),
            6 => return Self::plain(status, message),
            _ => Value::Null,
        };
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { status, ..Self::json(bytes) }
    }

    /// A refusal whose words are sure to be there.
    pub(crate) fn quoted(status: u16, words: &str) -> Self {
        Self { status, ..Self::json(json!({ "message": words }).to_string()) }
    }

    fn plain(status: u16, message: &str) -> Self {
        let content_type = "text/plain; charset=utf-8";
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: message.as_bytes().to_vec(),
            truncated: false,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
