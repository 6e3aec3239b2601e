//! Whatever a CRM sends: no panic, one key per record, no NUL character, and a hash that only moves with the content.

use mapping::{hubspot, record_key, salesforce};
use model::Stream;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const NAMES: &[&str] = &[
    "name",
    "domain",
    "hs_additional_domains",
    "website",
    "hubspot_owner_id",
    "hs_parent_company_id",
    "createdate",
    "hs_merged_object_ids",
    "email",
    "hs_additional_emails",
    "firstname",
    "lastname",
    "phone",
    "associatedcompanyid",
    "dealname",
    "amount",
    "hs_is_closed",
    "hs_lastmodifieddate",
];

fn text() -> impl Strategy<Value = String> {
    let usual = select(vec![
        "",
        "acme.com",
        "a@acme.com;B@Acme.com",
        "11;12",
        "http://Acme.com/x",
        "2026-02-25T16:14:38.670Z",
        "a\0b",
        "\u{fffd}ü",
        "true",
    ]);
    prop_oneof![3 => usual.prop_map(str::to_owned), 1 => ".{0,40}"]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!(["x", { "a": 1 }])),
    ]
}

fn properties() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((select(NAMES), value()), 0..12)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

const FIELDS: &[&str] = &[
    "IsDeleted",
    "MasterRecordId",
    "CreatedDate",
    "OwnerId",
    "Name",
    "Website",
    "ParentId",
    "Domains__c",
    "IsPersonAccount",
    "AccountId",
    "Email",
    "FirstName",
    "LastName",
    "Phone",
    "StageName",
    "Amount",
    "attributes",
];

fn rows() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((select(FIELDS), value()), 0..12)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn related() -> impl Strategy<Value = Value> {
    let end = (value(), value(), 0..400_u32).prop_map(|(to, category, id)| {
        json!({ "toObjectId": to, "associationTypes": [{ "category": category, "typeId": id }] })
    });
    prop_oneof![5 => prop::collection::vec(end, 0..4).prop_map(Value::from), 1 => value()]
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}

fn relations() -> impl Strategy<Value = Vec<Value>> {
    let relation = (value(), prop_oneof![any::<bool>().prop_map(Value::from), value()], value()).prop_map(
        |(account, active, id)| json!({ "Id": id, "AccountId": account, "IsActive": active, "IsDirect": false }),
    );
    prop::collection::vec(prop_oneof![5 => relation, 1 => value()], 0..4)
}

proptest! {
    #[test]
    fn anything_is_mapped_or_refused_and_never_holds_a_nul(
        id in value(), fields in properties(), related in related(), archived in any::<bool>(),
        stream in select(vec![Stream::Accounts, Stream::Contacts, Stream::Deals]),
    ) {
        let row = raw(&json!({ "id": id, "properties": fields, "archived": archived }));
        let related = raw(&related);
        let listed = hubspot::listed(stream, &row, Some(&related));
        prop_assert!(!listed.key.as_str().contains('\0') && listed.key.as_str().len() <= 400);
        if let Ok(record) = hubspot::record(stream, &row, Some(&related)) {
            prop_assert_eq!(record_key(stream, &record.external_id), listed.key);
            prop_assert!(!serde_json::to_string(&record).unwrap().contains("\\u0000"));
            prop_assert!(!record.merged_ids.contains(&record.external_id));
        }
    }

    #[test]
    fn a_hash_moves_with_the_content_and_not_with_a_touch(
        fields in properties(), touched in text(), name in select(NAMES), other in text(),
    ) {
        let hash = |fields: &Map<String, Value>| {
            let row = raw(&json!({ "id": "1", "properties": fields, "updatedAt": "x" }));
            hubspot::listed(Stream::Accounts, &row, None).hash
        };
        let before = hash(&fields);
        let mut moved = fields.clone();
        moved.insert("hs_lastmodifieddate".to_owned(), touched.into());
        prop_assert_eq!(hash(&moved), before);
        let changed_value = Value::from(other);
        if name != "hs_lastmodifieddate" && fields.get(name) != Some(&changed_value) {
            let mut changed = fields;
            changed.insert(name.to_owned(), changed_value);
            prop_assert_ne!(hash(&changed), before);
        }
    }

    #[test]
    fn a_contact_of_salesforce_changes_with_its_relations_and_not_with_their_order_or_a_touch(
        fields in rows(), relations in relations(), touched in text(),
    ) {
        let row = raw(&fields.into());
        let listed = |relations: &[Value]| {
            salesforce::listed(Stream::Contacts, &row, Some(&raw(&relations.into()))).hash
        };
        let before = listed(&relations);
        let mut moved: Vec<Value> = relations.iter().rev().cloned().collect();
        for relation in moved.iter_mut().filter_map(Value::as_object_mut) {
            relation.insert("SystemModstamp".to_owned(), touched.clone().into());
            relation.insert("attributes".to_owned(), json!({ "url": touched }));
        }
        prop_assert_eq!(listed(&moved), before);
        moved.push(json!({ "Id": "another", "AccountId": "001", "IsActive": true }));
        prop_assert_ne!(listed(&moved), before);
        prop_assert_eq!(listed(&[]), salesforce::listed(Stream::Contacts, &row, None).hash);
    }

    #[test]
    fn any_row_of_salesforce_is_mapped_or_refused_and_both_forms_of_an_id_are_one_key(
        id in prop_oneof![3 => "[0-9A-Za-z]{15}", 1 => ".{0,30}"], fields in rows(),
        stream in select(vec![Stream::Accounts, Stream::Contacts, Stream::Deals, Stream::Leads, Stream::Users]),
    ) {
        let row = |id: &str| {
            let mut row = fields.clone();
            row.insert("Id".to_owned(), id.into());
            raw(&row.into())
        };
        let listed = salesforce::listed(stream, &row(&id), None);
        if let Ok(record) = salesforce::record(stream, &row(&id), None) {
            prop_assert_eq!(record_key(stream, &record.external_id), listed.key);
            prop_assert!(!serde_json::to_string(&record).unwrap_or_default().contains("\\u0000"));
            let long = salesforce::record(stream, &row(&record.external_id), None);
            prop_assert_eq!(long.map(|record| record.external_id), Ok(record.external_id));
        }
    }
}
