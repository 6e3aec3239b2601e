//! A company's user.

use model::CrmRecord;
use serde_json::value::RawValue;

use crate::MappingError;
use crate::crm::{User, stored_id};
use crate::json::{Id, OfText, Text, mended, tolerant};

tolerant!(
    /// The fields of a user.
    struct Fields<'a> {
        id "id": Id<'a>,
        email "emailAddress": Text<'a>,
        aliases "emailAliases": Option<&'a RawValue>,
        trusted "trustedEmailAddress": Text<'a>,
        first_name "firstName": Text<'a>,
        last_name "lastName": Text<'a>,
    }
);

impl OfText<'_> for Fields<'_> {}

/// Maps a user with every address: calls name people by any of them.
pub fn user(row: &RawValue) -> Result<CrmRecord, MappingError> {
    let (readable, _) = mended(row);
    let fields: Fields<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let id = fields.id.get().ok_or(MappingError::NoId)?;
    let aliases: Vec<Text<'_>> =
        fields.aliases.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    let emails = fields.email.get().into_iter().chain(aliases.iter().filter_map(Text::get));
    let user =
        User { given_name: fields.first_name.get(), family_name: fields.last_name.get(), ..User::default() };
    Ok(user.record(stored_id(id), emails.chain(fields.trusted.get())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::tests::told;

    #[test]
    fn users_are_read_with_every_address_and_whatever_they_lack() {
        for (row, expected) in [
            (
                r#"{"id":"234599484848423","emailAddress":"Ana@x.example","emailAliases":["a@x.example",null,"ana@x.example"],
                    "trustedEmailAddress":null,"firstName":"Ana","lastName":"Ruiz","active":false}"#,
                "234599484848423 Ana Ruiz Ana@x.example ana@x.example a@x.example",
            ),
            (r#"{"id":7,"emailAddress":"","emailAliases":{}}"#, "7"),
            ("null", "the document has no id"),
        ] {
            assert_eq!(told(user, row), expected, "{row}");
        }
    }
}
