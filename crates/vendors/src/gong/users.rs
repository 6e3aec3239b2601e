//! The company's users.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::calls::next_cursor;
use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of users";

/// A page of users.
#[derive(Debug, Default)]
pub struct UsersPage {
    /// The users.
    pub users: Vec<GongUser>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
}

/// A user of the company; Gong promises none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GongUser {
    /// Gong's id.
    pub id: Option<String>,
    /// Main address, then every alias.
    pub emails: Vec<String>,
    /// Full name.
    pub name: Option<String>,
    /// Still working there.
    pub active: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    users: Option<Vec<Value>>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
}

impl UsersPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let users = envelope.users.ok_or_else(|| unexpected(WHAT, "has no `users`", body))?;
        Ok(Self { users: users.iter().map(user).collect(), cursor: next_cursor(envelope.records) })
    }
}

fn user(entry: &Value) -> GongUser {
    let text = |field: &str| filled(&entry[field]);
    let aliases = entry["emailAliases"].as_array().into_iter().flatten().filter_map(filled);
    let emails = text("emailAddress").into_iter().chain(aliases).chain(text("trustedEmailAddress"));
    let names: Vec<&str> = [text("firstName"), text("lastName")].into_iter().flatten().collect();
    let id = match &entry["id"] {
        Value::Number(number) => Some(number.to_string()),
        other => filled(other).map(str::to_owned),
    };
    GongUser {
        id,
        emails: emails.map(str::to_owned).collect(),
        name: (!names.is_empty()).then(|| names.join(" ")),
        active: entry["active"].as_bool().unwrap_or(true),
    }
}

/// An empty text is the same as none.
fn filled(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_with_every_address_and_whatever_they_lack() {
        let body = r#"{"records":{"cursor":"next"},"users":[
            {"id":"234599484848423","emailAddress":"ana@x.example","emailAliases":["a@x.example",null],
             "trustedEmailAddress":null,"firstName":"Ana","lastName":"Ruiz","active":false},
            {"id":7,"emailAddress":""}, null]}"#;
        let page = UsersPage::read(body).expect("users");
        let ana = GongUser {
            id: Some("234599484848423".to_owned()),
            emails: vec!["ana@x.example".to_owned(), "a@x.example".to_owned()],
            name: Some("Ana Ruiz".to_owned()),
            active: false,
        };
        let bare = GongUser { id: Some("7".to_owned()), active: true, ..GongUser::default() };
        let nobody = GongUser { active: true, ..GongUser::default() };
        assert_eq!((page.users, page.cursor.as_deref()), (vec![ana, bare, nobody], Some("next")));
    }

    #[test]
    fn an_answer_without_users_is_an_error() {
        for body in ["{}", "[]", "<html>", "", r#"{"users":{}}"#] {
            assert!(UsersPage::read(body).is_err(), "{body:?}");
        }
    }
}
