//! Which fields of an object may be read.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::Object;
use crate::shape::{read_json, unexpected};
use crate::{Failure, VendorError};

const WHAT: &str = "the description of an object";

/// What is asked of an object: all that is needed, of what else is wanted whatever there is, and of accounts the fields of its own that an
/// organization keeps domains in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    object: Object,
    fields: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    queryable: Option<bool>,
    #[serde(borrow)]
    fields: Option<Vec<Field<'a>>>,
}

#[derive(Deserialize)]
struct Field<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

impl Readable {
    /// What is needed of an object, for who knows that it may be read.
    pub fn needed(object: Object) -> Self {
        Self { object, fields: object.needed().iter().map(|field| (*field).to_owned()).collect() }
    }

    /// The object.
    pub fn object(&self) -> Object {
        self.object
    }

    /// The fields to ask for.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    pub(super) fn read(object: Object, domain_fields: &[String], body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let fields = envelope.fields.ok_or_else(|| unexpected(WHAT, "has no `fields`", body))?;
        let there: BTreeSet<&str> = fields.iter().filter_map(|field| field.name.as_deref()).collect();
        if envelope.queryable == Some(false) {
            return Err(missing(&[object.as_str()]));
        }
        let own: &[String] = if object == Object::Account { domain_fields } else { &[] };
        let needed = || object.needed().iter().copied().chain(own.iter().map(String::as_str));
        let lacking: Vec<String> = needed()
            .filter(|field| !there.contains(field))
            .map(|field| format!("{}.{field}", object.as_str()))
            .collect();
        if !lacking.is_empty() {
            return Err(missing(&lacking.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        let wanted = object.wanted().iter().copied().filter(|field| there.contains(field));
        Ok(Self { object, fields: needed().chain(wanted).map(str::to_owned).collect() })
    }
}

fn missing(what: &[&str]) -> VendorError {
    let words = format!("missing scope: the user may not read {}", what.join(", "));
    VendorError { status: Some(200), ..VendorError::without_answer(Failure::MissingScope, words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(fields: &[&str]) -> String {
        let fields: Vec<_> =
            fields.iter().map(|name| serde_json::json!({ "name": name, "type": "x" })).collect();
        serde_json::json!({ "name": "Account", "queryable": true, "fields": fields }).to_string()
    }

    #[test]
    fn what_is_wanted_is_asked_for_where_it_is_and_nothing_else() {
        let needed = Object::Account.needed();
        let described = described(&[needed, &["OwnerId", "Secret__c"]].concat());
        let readable = |own: &[String]| Readable::read(Object::Account, own, &described);
        assert_eq!(readable(&[]).expect("readable").fields(), [needed, &["OwnerId"]].concat());
        let own = ["Secret__c".to_owned()];
        let asked = readable(&own).expect("readable");
        assert_eq!(asked.fields(), [needed, &["Secret__c", "OwnerId"]].concat());
        let error = readable(&["Domains__c".to_owned()]).expect_err("a missing scope");
        assert!(error.message.ends_with("read Account.Domains__c"), "{error}");
    }

    #[test]
    fn what_is_needed_and_may_not_be_read_is_named() {
        let error = Readable::read(
            Object::Account,
            &[],
            &described(&["Id", "IsDeleted", "SystemModstamp", "MasterRecordId"]),
        );
        let error = error.expect_err("a missing scope");
        assert_eq!(error.failure, Failure::MissingScope);
        assert!(error.message.contains("Account.Name, Account.Website"), "{error}");
        let hidden = r#"{"name":"Lead","queryable":false,"fields":[]}"#;
        assert!(
            Readable::read(Object::Lead, &[], hidden)
                .expect_err("a missing scope")
                .message
                .ends_with("read Lead")
        );
    }

    #[test]
    fn another_body_is_no_description() {
        for body in ["", "{}", "[]", "<html>", r#"{"fields":{}}"#] {
            assert_ne!(
                Readable::read(Object::Lead, &[], body).expect_err("an error").failure,
                Failure::MissingScope
            );
        }
    }
}
