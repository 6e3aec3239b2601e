//! Who works in the workspace, and which organisation it is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of users";

/// A workspace, as its users tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workspace {
    /// The organisations that teams belong to: that of the most first, of equals the smallest. A user may sit in teams of another.
    pub organizations: Vec<String>,
    /// Its users.
    pub users: Vec<WorkspaceUser>,
}

/// A user of a workspace; the vendor promises none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkspaceUser {
    /// The vendor's id.
    pub uuid: Option<String>,
    /// Address as given.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
}

impl Workspace {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let json: Value = read_json(WHAT, body)?;
        let entries = json.get("data").and_then(Value::as_array);
        let entries = entries.ok_or_else(|| unexpected(WHAT, "has no `data`", body))?;
        let entries: Vec<Entry<'_>> = entries.iter().map(Entry).collect();
        Ok(Self { organizations: by_frequency(&entries), users: entries.iter().map(Entry::user).collect() })
    }
}

/// One entry; some replies wrap its fields in `attributes`.
struct Entry<'a>(&'a Value);

impl<'a> Entry<'a> {
    fn get(&self, field: &str) -> Option<&'a Value> {
        self.0.get("attributes").and_then(|attributes| attributes.get(field)).or_else(|| self.0.get(field))
    }

    fn text(&self, field: &str) -> Option<&'a str> {
        self.get(field).and_then(filled)
    }

    fn user(&self) -> WorkspaceUser {
        let names: Vec<&str> = ["firstName", "lastName"].iter().filter_map(|name| self.text(name)).collect();
        WorkspaceUser {
            uuid: self.text("uuid").or_else(|| self.text("id")).map(str::to_owned),
            email: self.text("email").map(str::to_owned),
            name: (!names.is_empty()).then(|| names.join(" ")),
        }
    }

    fn organizations(&self) -> impl Iterator<Item = &'a str> {
        let teams = self.get("teams").and_then(Value::as_array).into_iter().flatten();
        teams.filter_map(|team| filled(team.get("organizationUUID")?))
    }
}

/// An empty text is the same as none.
fn filled(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn by_frequency(entries: &[Entry<'_>]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for id in entries.iter().flat_map(Entry::organizations) {
        *counts.entry(id).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // a stable sort: equals stay in the order of the map, and the answer does not depend on the order of users
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(id, _)| id.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_come_by_how_many_teams_they_have_and_equals_by_their_ids() {
        let table: [(&str, &[&str]); 4] = [
            (
                r#"[{"teams":[{"organizationUUID":"b"},{"organizationUUID":"z"}]},{"teams":[{"organizationUUID":"b"}]}]"#,
                &["b", "z"],
            ),
            (r#"[{"teams":[{"organizationUUID":"b"},{"organizationUUID":"a"}]}]"#, &["a", "b"]),
            (r#"[{"teams":[{"organizationUUID":""},{"organizationUUID":7},{}]},{"teams":null},{}]"#, &[]),
            ("[]", &[]),
        ];
        for (data, expected) in table {
            let workspace = Workspace::read(&format!(r#"{{"data":{data}}}"#)).expect("users");
            assert_eq!(workspace.organizations, expected, "{data}");
        }
    }

    #[test]
    fn users_are_read_bare_or_wrapped_with_whatever_they_lack() {
        let body = r#"{"data":[
            {"uuid":"u1","email":"a@x.example","firstName":"Ana","lastName":"Ruiz"},
            {"id":"u2","attributes":{"email":"b@x.example","firstName":"","lastName":"Bo"}},
            {"email":null}, 7]}"#;
        let user = |uuid: &str, email: &str, name: &str| {
            let given = |text: &str| filled(&Value::from(text)).map(str::to_owned);
            WorkspaceUser { uuid: given(uuid), email: given(email), name: given(name) }
        };
        let expected = [
            user("u1", "a@x.example", "Ana Ruiz"),
            user("u2", "b@x.example", "Bo"),
            user("", "", ""),
            user("", "", ""),
        ];
        assert_eq!(Workspace::read(body).expect("users").users, expected);
    }

    #[test]
    fn an_answer_without_users_is_an_error() {
        for body in ["{}", "[]", "<html>", "", r#"{"data":{}}"#] {
            assert!(Workspace::read(body).is_err(), "{body:?}");
        }
    }
}
