//! An owner: one of the portal's people, or a queue of theirs.

use model::CrmRecord;
use serde_json::value::RawValue;

use crate::MappingError;
use crate::crm::{User, stored_id};
use crate::json::{Id, OfText, Text, mended, tolerant};

tolerant!(
    /// The fields of an owner. Records name it by `id`, not by its `userId`.
    struct Fields<'a> {
        id "id": Id<'a>,
        email "email": Text<'a>,
        first_name "firstName": Text<'a>,
        last_name "lastName": Text<'a>,
    }
);

impl OfText<'_> for Fields<'_> {}

pub(super) fn owner(row: &RawValue) -> Result<CrmRecord, MappingError> {
    let (readable, _) = mended(row);
    let fields: Fields<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let id = fields.id.get().ok_or(MappingError::NoId)?;
    let user =
        User { given_name: fields.first_name.get(), family_name: fields.last_name.get(), ..User::default() };
    Ok(user.record(stored_id(id), fields.email.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::tests::told;

    #[test]
    fn owners_are_read_with_whatever_they_lack() {
        for (row, expected) in [
            (
                r#"{"id":"88842095","email":" rep@ourco.com","type":"PERSON","firstName":"R","lastName":"Ep","userId":1}"#,
                "88842095 R Ep rep@ourco.com rep@ourco.com",
            ),
            (r#"{"id":7,"type":"QUEUE","firstName":"","email":null}"#, "7"),
            (r#""nobody""#, "the document has no id"),
        ] {
            assert_eq!(told(owner, row), expected, "{row}");
        }
    }
}
