//! One conversation.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the conversation";

/// What is asked for beside the conversation itself.
pub(super) const PARAMETERS: [(&str, &str); 4] = [
    ("detailedTranscript", "true"),
    ("filter[include_internal_participants]", "true"),
    ("filter[include_zoom_metadata]", "true"),
    ("filter[include_import_metadata]", "true"),
];

/// Some replies wrap the resource in `data`, others are the resource.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

/// Checks that a body is a conversation, and leaves it as it is.
pub(super) fn read(body: String) -> Result<Box<RawValue>, VendorError> {
    let envelope: Envelope<'_> = read_json(WHAT, &body)?;
    let inner = match (envelope.attributes, envelope.data) {
        (Some(_), _) => envelope,
        (None, Some(data)) if is_object(data) => read_json(WHAT, data.get())?,
        _ => return Err(unexpected(WHAT, "has neither `data` nor `attributes`", &body)),
    };
    if !inner.attributes.is_some_and(is_object) {
        return Err(unexpected(WHAT, "has no `attributes`", &body));
    }
    RawValue::from_string(body).map_err(|_| VendorError::unexpected("the conversation is no JSON"))
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn a_conversation_is_taken_bare_or_wrapped_and_left_as_it_is() {
        for body in [
            r#"{"id":"1", "attributes":{"title":"\ud800", "n":12345678901234567890123}}"#,
            r#"{"data":{"attributes":{}},"included":[]}"#,
            r#"{"data":null,"attributes":{}}"#,
        ] {
            assert_eq!(read(body.to_owned()).expect("a conversation").get(), body);
        }
    }

    #[test]
    fn anything_else_is_another_shape() {
        for body in [
            "{}",
            "[]",
            "null",
            "\"x\"",
            r#"{"data":[]}"#,
            r#"{"data":"x"}"#,
            r#"{"data":{"message":"no"}}"#,
            r#"{"attributes":"x"}"#,
            r#"{"attributes":[]}"#,
        ] {
            assert_eq!(read(body.to_owned()).expect_err(body).failure, Failure::UnexpectedShape, "{body}");
        }
        let words = read(r#"{"message":"warming up"}"#.to_owned()).expect_err("no conversation").message;
        assert_eq!(words, "the conversation has neither `data` nor `attributes`: warming up");
    }
}
