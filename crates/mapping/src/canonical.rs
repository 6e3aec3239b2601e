//! A hash of JSON that does not depend on the order of keys or on white space.

use model::ContentHash;
use serde_json::value::RawValue;

use crate::json::Entries;

/// Deeper than any vendor nests; below, bytes are taken as they are.
const DEPTH_MAX: usize = 64;

/// Hashes a JSON value by its content; numbers and strings count as they are written.
pub fn canonical_hash(raw: &RawValue) -> ContentHash {
    ContentHash::of(&canonical_bytes(raw))
}

/// What is hashed.
pub(crate) fn canonical_bytes(raw: &RawValue) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.get().len());
    write(raw.get(), DEPTH_MAX, &mut bytes);
    bytes
}

fn write(text: &str, depth: usize, bytes: &mut Vec<u8>) {
    let written = match (text.as_bytes().first(), depth) {
        (Some(b'{'), 1..) => write_object(text, depth - 1, bytes),
        (Some(b'['), 1..) => write_array(text, depth - 1, bytes),
        _ => None,
    };
    if written.is_none() {
        bytes.extend_from_slice(text.as_bytes());
    }
}

fn write_object(text: &str, depth: usize, bytes: &mut Vec<u8>) -> Option<()> {
    let Entries(mut fields) = serde_json::from_str(text).ok()?;
    // stable: what a repeated name says last stays last
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    bytes.push(b'{');
    for (name, field) in fields {
        // a length in front, so that no name can look like another's end
        bytes.extend_from_slice(format!("{}:{name}:", name.len()).as_bytes());
        write(field.get(), depth, bytes);
        bytes.push(b',');
    }
    bytes.push(b'}');
    Some(())
}

fn write_array(text: &str, depth: usize, bytes: &mut Vec<u8>) -> Option<()> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    bytes.push(b'[');
    for item in items {
        write(item.get(), depth, bytes);
        bytes.push(b',');
    }
    bytes.push(b']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> ContentHash {
        canonical_hash(&RawValue::from_string(text.to_owned()).expect("JSON"))
    }

    #[test]
    fn order_and_white_space_do_not_count_and_every_value_does() {
        assert_eq!(
            hash(r#"{"a":1,"b":{"c":[1, 2],"d":null}}"#),
            hash(r#"{ "b":{"d":null,"c":[1,2]}, "a":1 }"#)
        );
        let different = [
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"b":1}"#,
            r#"{"a":1,"b":null}"#,
            r#"{"a":9223372036854775808999}"#,
            r#"{"a":9223372036854775808998}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":2,"a":1}"#,
        ];
        for (index, left) in different.iter().enumerate() {
            for right in &different[index + 1..] {
                assert_ne!(hash(left), hash(right), "{left} and {right}");
            }
        }
    }

    #[test]
    fn nesting_without_end_is_hashed_all_the_same() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_ne!(hash(&deep), hash("[]"));
    }
}
