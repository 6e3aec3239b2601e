//! Whatever a vendor sends: no panic, one key per record, one hash per content, no NUL character.

mod strategies;

use mapping::attention::{conversation, listed_row};
use mapping::canonical_hash;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};
use strategies::{has_nul, json, object, raw, scalar};

/// Names that mean something somewhere in a document.
const NAMES: &[&str] = &[
    "id",
    "data",
    "uuid",
    "title",
    "createdAt",
    "finishedAt",
    "liveStreamStartedAt",
    "liveStreamEndedAt",
    "mediaDuration",
    "userUUID",
    "teamUUID",
    "user",
    "participants",
    "attendees",
    "archived",
    "private",
    "isInternal",
    "isEmpty",
    "transcript",
    "transcriptStatus",
    "importStatus",
    "zoomMeetingJoinUrl",
    "webexJoinUrl",
    "externalOpportunity",
    "dealUUID",
    "linkedCrmRecords",
    "externalAccounts",
    "externalContacts",
    "extractedIntelligence",
    "confirmedExtractedIntelligence",
    "scorecardResults",
    "labels",
    "importMetadata",
    "zoomMetadata",
    "email",
    "name",
    "organizer",
    "firstName",
    "code",
    "key",
    "value",
    "category",
    "final",
    "segments",
    "v1",
    "v2",
    "text",
    "sentence",
    "speaker",
    "words",
    "startTimestamp",
    "endTimestamp",
    "start",
    "end",
    "a\0",
    "ü",
];

/// A resource that can be read as far as its attributes, with any JSON in the fields.
fn resource() -> impl Strategy<Value = String> {
    let field = (select(NAMES).prop_map(str::to_owned), json(NAMES));
    (scalar(), prop::collection::vec(field, 0..24)).prop_map(|(id, fields)| {
        let fields = object(&fields);
        format!(r#"{{"type":"conversations","id":{id},"attributes":{fields}}}"#)
    })
}

/// JSON without repeated names, which a value can hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same content with names the other way round and white space in between.
fn written_otherwise(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(written_otherwise).collect();
            format!("[ {}\n]", items.join(" ,\t"))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .rev()
                .map(|(name, field)| format!("{} : {}", Value::from(name.as_str()), written_otherwise(field)))
                .collect();
            format!("{{\n{} }}", fields.join(" , "))
        }
        scalar => scalar.to_string(),
    }
}

fn scalars(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(scalars).sum(),
        Value::Object(fields) => fields.values().map(scalars).sum(),
        _ => 1,
    }
}

/// Changes the scalar that `left` counts down to.
fn change(value: &mut Value, left: &mut usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, left)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change(field, left)),
        scalar => {
            if *left == 0 {
                *scalar = match &*scalar {
                    Value::String(text) => Value::from(format!("{text}.")),
                    Value::Bool(flag) => Value::from(!flag),
                    Value::Null => Value::from(0),
                    other => Value::from(other.to_string()),
                };
            }
            *left = left.wrapping_sub(1);
        }
    }
}

proptest! {
    #[test]
    fn any_json_is_a_row_with_one_key(row in json(NAMES)) {
        let (read, again) = (listed_row(&raw(&row)), listed_row(&raw(&row)));
        prop_assert!(!read.vendor_key.as_str().is_empty());
        prop_assert_eq!(read, again);
    }

    #[test]
    fn any_json_is_a_conversation_or_an_error(listed in json(NAMES), detail in json(NAMES)) {
        let (listed, detail) = (raw(&listed), raw(&detail));
        let _ = conversation(Some(&listed), Some(&detail));
        let _ = conversation(Some(&listed), None);
    }

    #[test]
    fn a_resource_of_any_fields_with_an_id_is_mapped_without_nul_characters(
        listed in resource(),
        detail in resource(),
    ) {
        let (listed, detail) = (raw(&listed), raw(&detail));
        let row = listed_row(&listed);
        let mapped = conversation(Some(&listed), Some(&detail));
        if row.has_id {
            let mapped = mapped.as_ref().expect("it has id and attributes");
            prop_assert_eq!(&mapped.external_id, &row.vendor_key, "stored under the key it was listed by");
        }
        if let Ok(mapped) = mapped {
            prop_assert!(!has_nul(&serde_json::to_value(&mapped).unwrap()));
            prop_assert_eq!(
                mapped.transcript.segments.is_empty(),
                mapped.transcript.status != model::TranscriptStatus::Ready
            );
        }
    }

    #[test]
    fn order_of_names_and_white_space_do_not_change_the_hash(value in value()) {
        let hash = canonical_hash(&raw(&value.to_string()));
        prop_assert_eq!(hash, canonical_hash(&raw(&written_otherwise(&value))));
    }

    #[test]
    fn any_changed_scalar_changes_the_hash(value in value(), at in any::<prop::sample::Index>()) {
        prop_assume!(scalars(&value) > 0);
        let mut changed = value.clone();
        change(&mut changed, &mut at.index(scalars(&value)));
        prop_assert_ne!(canonical_hash(&raw(&value.to_string())), canonical_hash(&raw(&changed.to_string())));
    }
}
