//! Whatever JSON a vendor sends: nothing panics, no row is lost, and the order of keys means nothing.

use mapping::attention::{ListedRow, conversation};
use mapping::{canonical_hash, content_hash};
use proptest::prelude::*;
use serde_json::value::RawValue;

/// Names that the mapping reads, so that generated values meet the code that reads them.
const NAMES: &[&str] = &[
    "attributes",
    "attendees",
    "code",
    "confirmedExtractedIntelligence",
    "data",
    "email",
    "endTimestamp",
    "externalAccounts",
    "extractedIntelligence",
    "final",
    "finishedAt",
    "id",
    "isEmpty",
    "key",
    "linkedCrmRecords",
    "liveStreamStartedAt",
    "mediaDuration",
    "name",
    "participants",
    "private",
    "segments",
    "sentence",
    "speaker",
    "startTimestamp",
    "text",
    "title",
    "transcript",
    "transcriptStatus",
    "user",
    "uuid",
    "v2",
    "value",
    "words",
    "zoomMeetingJoinUrl",
];

/// JSON as it is written, with keys that may be repeated and be in any order.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn text(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Array(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| format!("{name:?}: {}", field.text()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn raw(&self) -> Box<RawValue> {
        RawValue::from_string(self.text()).unwrap()
    }

    /// Each name once.
    fn without_repeats(self) -> Self {
        match self {
            Self::Object(mut fields) => {
                fields.sort_by(|(left, _), (right, _)| left.cmp(right));
                fields.dedup_by(|(left, _), (right, _)| left == right);
                Self::Object(
                    fields.into_iter().map(|(name, field)| (name, field.without_repeats())).collect(),
                )
            }
            Self::Array(items) => Self::Array(items.into_iter().map(Self::without_repeats).collect()),
            scalar @ Self::Scalar(_) => scalar,
        }
    }

    /// The same with the keys of every object the other way round.
    fn reversed(&self) -> Self {
        match self {
            Self::Object(fields) => {
                let turned = fields.iter().rev().map(|(name, field)| (name.clone(), field.reversed()));
                Self::Object(turned.collect())
            }
            Self::Array(items) => Self::Array(items.iter().map(Self::reversed).collect()),
            scalar @ Self::Scalar(_) => scalar.clone(),
        }
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    let odd = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0.0",
        "1.5",
        "-7",
        "1e400",
        "-1e308",
        "1e308",
        "9223372036854775808999",
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "\"\\udc00x\\ud83d\\ude00\"",
        "\"completed\"",
        "\"FAILED\"",
        "\"2025-03-04T15:00:02+02:00\"",
        "\"9999-12-31T23:59:59-23:59\"",
        "\"Ana: hello\\nwell\"",
        "\"ana@x.com\"",
        "\"companies\"",
    ]);
    prop_oneof![
        3 => odd.prop_map(|text| Json::Scalar(text.to_owned())),
        1 => any::<String>().prop_map(|text| Json::Scalar(serde_json::to_string(&text).unwrap())),
        1 => any::<f64>().prop_filter("JSON has no infinity", |number| number.is_finite())
            .prop_map(|number| Json::Scalar(serde_json::to_string(&number).unwrap())),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let name = || prop::sample::select(NAMES).prop_map(str::to_owned);
    scalar().prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            3 => prop::collection::vec((name(), inner), 0..8).prop_map(Json::Object),
        ]
    })
}

/// A resource, so that what is generated lands in its fields.
fn resource() -> impl Strategy<Value = Json> {
    let field = |name: &str, value: Json| (name.to_owned(), value);
    let name = prop::sample::select(NAMES).prop_map(str::to_owned);
    (json(), prop::collection::vec((name, json()), 0..12)).prop_map(move |(id, fields)| {
        Json::Object(vec![field("id", id), field("attributes", Json::Object(fields))])
    })
}

fn has_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(has_nul),
        serde_json::Value::Object(fields) => {
            fields.iter().any(|(name, field)| name.contains('\0') || has_nul(field))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn no_json_makes_the_mapping_panic_and_none_brings_a_nul(
        listed in prop::option::of(prop_oneof![json(), resource()]),
        detail in prop::option::of(prop_oneof![json(), resource()]),
    ) {
        let (listed, detail) = (listed.map(|json| json.raw()), detail.map(|json| json.raw()));
        if let Ok(mapped) = conversation(listed.as_deref(), detail.as_deref()) {
            prop_assert!(!has_nul(&serde_json::to_value(&mapped).unwrap()));
            prop_assert_eq!(mapped.transcript.status == model::TranscriptStatus::Ready, !mapped.transcript.segments.is_empty());
            prop_assert!(mapped.duration_s.is_none_or(|seconds| seconds > 0.0));
            let again = conversation(listed.as_deref(), detail.as_deref()).unwrap();
            prop_assert_eq!(content_hash(&again), content_hash(&mapped));
        }
    }

    #[test]
    fn every_row_has_a_key_that_only_its_content_decides(row in prop_oneof![json(), resource()]) {
        let read = ListedRow::read(&row.raw());
        prop_assert!(!read.vendor_key.as_str().is_empty());
        prop_assert_eq!(ListedRow::read(&row.raw()), read.clone());
        if !read.has_id {
            prop_assert!(read.vendor_key.as_str().starts_with("sha256:"));
        }
    }

    #[test]
    fn the_order_of_keys_means_nothing(row in prop_oneof![json(), resource()]) {
        let row = row.without_repeats();
        prop_assert_eq!(canonical_hash(&row.reversed().raw()), canonical_hash(&row.raw()));
        prop_assert_eq!(ListedRow::read(&row.reversed().raw()), ListedRow::read(&row.raw()));
    }

    #[test]
    fn the_key_of_a_row_is_the_key_of_its_conversation(row in resource()) {
        let raw = row.raw();
        let read = ListedRow::read(&raw);
        match conversation(Some(&raw), None) {
            Ok(mapped) => prop_assert_eq!(mapped.external_id, read.vendor_key),
            Err(_) => prop_assert!(!read.has_id),
        }
    }
}

#[test]
fn nesting_without_end_is_an_error_or_left_out_but_never_a_crash() {
    for (open, close) in [("[", "]"), ("{\"v2\":", "}"), ("{\"final\":", "}"), ("{\"data\":", "}")] {
        let deep = format!("{}null{}", open.repeat(20_000), close.repeat(20_000));
        for field in ["transcript", "labels", "participants", "extractedIntelligence", "title"] {
            let document = format!("{{\"id\":\"x\",\"attributes\":{{\"{field}\":{deep}}}}}");
            let raw = RawValue::from_string(document).unwrap();
            assert!(ListedRow::read(&raw).has_id);
            conversation(Some(&raw), Some(&raw)).unwrap();
        }
        let raw = RawValue::from_string(deep).unwrap();
        assert!(!ListedRow::read(&raw).has_id);
        conversation(None, Some(&raw)).unwrap_err();
    }
}
