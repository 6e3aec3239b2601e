//! JSON as nobody would write it, for every vendor's properties.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use serde_json::value::RawValue;

/// Scalars as they are written, also such that no program would write.
pub(crate) fn scalar() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "1e400",
        "-1e-400",
        "9223372036854775808999",
        r#""""#,
        r#"" ""#,
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud83d""#,
        r#""\udc00x""#,
        r#""\ud83d\ude00""#,
        r#""ana@x.example""#,
        r#""Ana: hi\nBen: ho""#,
        r#""completed""#,
        r#""FAILED""#,
        r#""2025-03-04T15:00:02Z""#,
        r#""1898.4""#,
        r#""true""#,
    ]);
    let text = any::<String>().prop_map(|text| Value::from(text).to_string());
    let number = any::<f64>().prop_filter_map("finite", |number| {
        serde_json::Number::from_f64(number).map(|number| number.to_string())
    });
    prop_oneof![4 => odd.prop_map(str::to_owned), 1 => text, 1 => number, 1 => any::<i64>().prop_map(|n| n.to_string())]
}

/// Any JSON text, its names mostly those that mean something, some of them repeated.
pub(crate) fn json(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    scalar().prop_recursive(6, 96, 8, move |inner| {
        let name = prop_oneof![6 => select(names).prop_map(str::to_owned), 1 => any::<String>()];
        let fields = prop::collection::vec((name, inner.clone()), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            fields.prop_map(|fields| object(&fields)),
        ]
    })
}

pub(crate) fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", fields.join(","))
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, field)| name.contains('\0') || has_nul(field)),
        _ => false,
    }
}
