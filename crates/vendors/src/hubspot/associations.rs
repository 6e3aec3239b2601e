//! Which companies records are associated with.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of associations";

/// The answer to one batch.
#[derive(Debug, Default)]
pub struct Associations {
    /// By the id of the record, each byte for byte.
    pub of: HashMap<String, Vec<Box<RawValue>>>,
    /// Records that have more, and where theirs go on.
    pub more: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    results: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    from: Source,
    #[serde(borrow, default)]
    to: Vec<&'a RawValue>,
    paging: Option<Value>,
}

#[derive(Deserialize)]
struct Source {
    id: Value,
}

impl Associations {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let results = envelope.results.ok_or_else(|| unexpected(WHAT, "has no `results`", body))?;
        let mut read = Self::default();
        for result in results {
            let id = match result.from.id {
                Value::String(id) => id,
                other => other.to_string(),
            };
            let after = result.paging.as_ref().and_then(|paging| paging.pointer("/next/after")?.as_str());
            read.more.extend(after.map(|after| (id.clone(), after.to_owned())));
            read.of.entry(id).or_default().extend(result.to.into_iter().map(ToOwned::to_owned));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_as_text_and_as_numbers_and_records_without_any_are_absent() {
        let body = r#"{"status":"COMPLETE","results":[
            {"from":{"id":"1001"},"to":[{"toObjectId":406260751575,"associationTypes":[]}],"paging":{"next":{"after":"x"}}},
            {"from":{"id":1002},"to":[]}],"numErrors":1,"errors":[{"category":"OBJECT_NOT_FOUND"}]}"#;
        let read = Associations::read(body).expect("associations");
        assert_eq!(read.of["1001"][0].get(), r#"{"toObjectId":406260751575,"associationTypes":[]}"#);
        assert!(read.of["1002"].is_empty() && !read.of.contains_key("1003"));
        assert_eq!(read.more, [("1001".to_owned(), "x".to_owned())]);
        assert!(Associations::read("{}").is_err());
    }
}
