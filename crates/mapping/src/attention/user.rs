//! A workspace's user.

use model::CrmRecord;
use serde_json::value::RawValue;

use super::attributes;
use crate::MappingError;
use crate::crm::{User, stored_id};
use crate::json::{Id, Inside, OfText, mended, tolerant};

tolerant!(
    /// An entry that wraps its fields in `attributes`, as some replies do.
    struct Wrapped<'a> {
        id "id": Id<'a>,
        attributes "attributes": Inside<attributes::User<'a>>,
    }
);

impl OfText<'_> for Wrapped<'_> {}

/// Maps a user.
pub fn user(row: &RawValue) -> Result<CrmRecord, MappingError> {
    let (readable, _) = mended(row);
    let wrapped: Wrapped<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let bare: attributes::User<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let inner = wrapped.attributes.0.unwrap_or_default();
    let id = inner.uuid.get().or(bare.uuid.get()).or(wrapped.id.get()).ok_or(MappingError::NoId)?;
    let user = User {
        given_name: inner.first_name.get().or(bare.first_name.get()),
        family_name: inner.last_name.get().or(bare.last_name.get()),
        ..User::default()
    };
    Ok(user.record(stored_id(id), inner.email.get().or(bare.email.get())))
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
