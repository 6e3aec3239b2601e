//! Who works in the workspace, and which organisation it is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::VendorError;

/// A workspace, as its users tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workspace {
    /// The organisation most teams belong to; a user may sit in teams of another.
    pub organization: Option<String>,
    /// Addresses of its users.
    pub emails: Vec<String>,
}

impl Workspace {
    pub(super) fn read(body: &[u8]) -> Result<Self, VendorError> {
        let json: Value = serde_json::from_slice(body)
            .map_err(|error| VendorError::unexpected(format!("the users are not JSON: {error}")))?;
        let users = json.get("data").and_then(Value::as_array);
        let users = users.ok_or_else(|| VendorError::unexpected("the users have no `data`"))?;
        // entries wrapped in `attributes` were seen too
        let users: Vec<&Value> = users.iter().map(|user| user.get("attributes").unwrap_or(user)).collect();
        let emails = users.iter().filter_map(|user| user.get("email")?.as_str()).map(str::to_owned).collect();
        Ok(Self { organization: most_frequent_organization(&users), emails })
    }
}

fn most_frequent_organization(users: &[&Value]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for user in users {
        let teams = user.get("teams").and_then(Value::as_array).into_iter().flatten();
        for id in teams.filter_map(|team| team.get("organizationUUID")?.as_str()).filter(|id| !id.is_empty())
        {
            *counts.entry(id).or_default() += 1;
        }
    }
    // of equally frequent ones the smallest, so that the answer does not depend on the order of users
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organization_is_the_most_frequent_one() {
        let body = br#"{"data":[
            {"email":"a@x.example","teams":[{"organizationUUID":"org-b"},{"organizationUUID":"org-z"}]},
            {"attributes":{"email":"b@x.example","teams":[{"organizationUUID":"org-b"},{}]}},
            {"email":null}]}"#;
        let workspace = Workspace::read(body).expect("users");
        assert_eq!(workspace.organization.as_deref(), Some("org-b"));
        assert_eq!(workspace.emails, ["a@x.example", "b@x.example"]);
        let tie = br#"{"data":[{"teams":[{"organizationUUID":"org-b"},{"organizationUUID":"org-a"}]}]}"#;
        assert_eq!(Workspace::read(tie).expect("users").organization.as_deref(), Some("org-a"));
        assert_eq!(Workspace::read(br#"{"data":[]}"#).expect("no users").organization, None);
        assert!(Workspace::read(b"{}").is_err());
    }
}
