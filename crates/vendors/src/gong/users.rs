//! The company's users.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::next_cursor;
use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of users";

/// A page of users.
#[derive(Debug, Default)]
pub struct UsersPage {
    /// The users as they came.
    pub users: Vec<Box<RawValue>>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
    /// Gong said that there is nothing, which is no end after a page that said where it goes on.
    pub is_nothing: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    users: Option<Vec<Box<RawValue>>>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
}

impl UsersPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope<'_> = read_json(WHAT, body)?;
        let users = envelope.users.ok_or_else(|| unexpected(WHAT, "has no `users`", body))?;
        Ok(Self { users, cursor: next_cursor(envelope.records), is_nothing: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_left_as_they_are() {
        let page = UsersPage::read(r#"{"records":{"cursor":"next"},"users":[{"id": 7}, null]}"#);
        let page = page.expect("users");
        let users: Vec<&str> = page.users.iter().map(|user| user.get()).collect();
        assert_eq!((users, page.cursor.as_deref()), (vec![r#"{"id": 7}"#, "null"], Some("next")));
    }

    #[test]
    fn an_answer_without_users_is_an_error() {
        for body in ["{}", "[]", "<html>", "", r#"{"users":{}}"#] {
            assert!(UsersPage::read(body).is_err(), "{body:?}");
        }
    }
}
