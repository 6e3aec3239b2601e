//! Who works in the workspace, and which organisation it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of users";

/// A workspace, as its users tell it.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The organisations that teams belong to: that of the most first, of equals the smallest. A user may sit in teams of another.
    pub organizations: Vec<String>,
    /// Its users as they came.
    pub users: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Vec<Box<RawValue>>>,
}

impl Workspace {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let envelope: Envelope = read_json(WHAT, body)?;
        let users = envelope.data.ok_or_else(|| unexpected(WHAT, "has no `data`", body))?;
        let entries: Vec<Value> =
            users.iter().filter_map(|user| serde_json::from_str(user.get()).ok()).collect();
        let entries: Vec<Entry<'_>> = entries.iter().map(Entry).collect();
        Ok(Self { organizations: by_frequency(&entries), users })
    }
}

/// One entry; some replies wrap its fields in `attributes`.
struct Entry<'a>(&'a Value);

impl<'a> Entry<'a> {
    fn get(&self, field: &str) -> Option<&'a Value> {
        self.0.get("attributes").and_then(|attributes| attributes.get(field)).or_else(|| self.0.get(field))
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
    fn users_are_left_as_they_are() {
        let workspace = Workspace::read(r#"{"data":[{"uuid": "u1"}, 7]}"#).expect("users");
        let users: Vec<&str> = workspace.users.iter().map(|user| user.get()).collect();
        assert_eq!(users, [r#"{"uuid": "u1"}"#, "7"]);
    }

    #[test]
    fn an_answer_without_users_is_an_error() {
        for body in ["{}", "[]", "<html>", "", r#"{"data":{}}"#] {
            assert!(Workspace::read(body).is_err(), "{body:?}");
        }
    }
}
