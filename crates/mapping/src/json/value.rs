//! Any JSON as a value that Postgres can store; never fails.

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::{Entries, text};

/// Deeper than any vendor nests; what is below is kept as its text.
const DEPTH_MAX: usize = 32;

/// The value; a number beyond 64 bits or a double stays digit by digit, as text.
pub(crate) fn value(raw: &RawValue) -> Value {
    at_depth(raw, DEPTH_MAX)
}

fn at_depth(raw: &RawValue, depth: usize) -> Value {
    let read = match (raw.get().as_bytes().first(), depth) {
        (Some(b'{'), 1..) => object(raw, depth - 1),
        (Some(b'['), 1..) => array(raw, depth - 1),
        (Some(b'"'), _) => text(raw).map(|text| Value::String(text.into_owned())),
        (Some(b't'), _) => Some(Value::Bool(true)),
        (Some(b'f'), _) => Some(Value::Bool(false)),
        (Some(b'n'), _) => Some(Value::Null),
        (Some(b'-' | b'0'..=b'9'), _) => number(raw.get()).map(Value::Number),
        _ => None,
    };
    read.unwrap_or_else(|| Value::String(raw.get().to_owned()))
}

fn object(raw: &RawValue, depth: usize) -> Option<Value> {
    let entries: Entries<'_> = serde_json::from_str(raw.get()).ok()?;
    let fields = entries.0.into_iter().map(|(name, field)| (name.into_owned(), at_depth(field, depth)));
    Some(Value::Object(fields.collect::<Map<_, _>>()))
}

fn array(raw: &RawValue, depth: usize) -> Option<Value> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    Some(Value::Array(items.into_iter().map(|item| at_depth(item, depth)).collect()))
}

fn number(written: &str) -> Option<Number> {
    let fraction = written.contains(['.', 'e', 'E']);
    if fraction {
        return Number::from_f64(written.parse().ok()?);
    }
    written.parse::<i64>().map(Number::from).or_else(|_| written.parse::<u64>().map(Number::from)).ok()
}

/// Whether a value says nothing: null, blank, or only such things inside.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &str) -> Value {
        value(&RawValue::from_string(json.to_owned()).expect("JSON"))
    }

    #[test]
    fn usual_json_is_read_as_serde_json_reads_it() {
        let usual = r#" {"a":[1,-2,0.5,true,false,null,"x\n"],"b":{"c":18446744073709551615}} "#;
        assert_eq!(read(usual), serde_json::from_str::<Value>(usual).expect("JSON"));
    }

    #[test]
    fn what_a_value_cannot_hold_is_kept_as_text() {
        assert_eq!(read("[9223372036854775808999, 1e400]"), json!(["9223372036854775808999", "1e400"]));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let inside = read(&deep).pointer(&"/0".repeat(DEPTH_MAX)).cloned();
        assert_eq!(inside, Some(json!(&deep[DEPTH_MAX..deep.len() - DEPTH_MAX])));
    }

    #[test]
    fn nothing_is_nothing_however_it_is_wrapped() {
        assert!(is_nothing(&json!({"a": ["", null, {}], "b": " "})));
        assert!(!is_nothing(&json!({"a": [false]})));
    }
}
