//! A workspace's user.

use model::CrmRecord;
use serde_json::value::RawValue;

use crate::MappingError;
use crate::crm::{User, stored_id};
use crate::json::{Id, Inside, OfText, Text, mended, tolerant};

tolerant!(
    /// An entry; some replies wrap its fields in `attributes`.
    struct Entry<'a> {
        attributes "attributes": Inside<Fields<'a>>,
        uuid "uuid": Id<'a>,
        id "id": Id<'a>,
        email "email": Text<'a>,
        first_name "firstName": Text<'a>,
        last_name "lastName": Text<'a>,
    }
);

tolerant!(
    /// The same fields, wrapped.
    struct Fields<'a> {
        uuid "uuid": Id<'a>,
        email "email": Text<'a>,
        first_name "firstName": Text<'a>,
        last_name "lastName": Text<'a>,
    }
);

impl OfText<'_> for Entry<'_> {}
impl OfText<'_> for Fields<'_> {}

/// Maps a user.
pub fn user(row: &RawValue) -> Result<CrmRecord, MappingError> {
    let (readable, _) = mended(row);
    let entry: Entry<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let inner = entry.attributes.0.unwrap_or_default();
    let id = inner.uuid.get().or(entry.uuid.get()).or(entry.id.get()).ok_or(MappingError::NoId)?;
    let user = User {
        given_name: inner.first_name.get().or(entry.first_name.get()),
        family_name: inner.last_name.get().or(entry.last_name.get()),
        ..User::default()
    };
    Ok(user.record(stored_id(id), inner.email.get().or(entry.email.get())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::tests::told;

    #[test]
    fn users_are_read_bare_or_wrapped_with_whatever_they_lack() {
        for (row, expected) in [
            (
                r#"{"uuid":"u1","email":"Ana@x.example","firstName":"Ana","lastName":"Ruiz"}"#,
                "u1 Ana Ruiz Ana@x.example ana@x.example",
            ),
            (
                r#"{"id":"u2","attributes":{"email":"b@x.example","firstName":"","lastName":"Bo"}}"#,
                "u2 Bo b@x.example b@x.example",
            ),
            (r#"{"uuid":"u3","email":null}"#, "u3"),
            (r#"{"email":"c@x.example"}"#, "the document has no id"),
            ("7", "the document has no id"),
        ] {
            assert_eq!(told(user, row), expected, "{row}");
        }
    }
}
