//! The endpoints that are simulated.

use serde::{Deserialize, Serialize};

/// What of the vendor's API is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /v2/conversations/list`
    List,
    /// `GET /v2/conversations`
    Conversations,
    /// `GET /v2/conversations/{id}`
    Detail,
    /// `GET /v2/conversations/by-external-id/{id}`
    ByExternalId,
    /// `GET /v2/users`
    Users,
    /// `GET /v2/organizations/users`
    OrganizationUsers,
    /// Anything else below `/v2`.
    Unknown,
}

impl Endpoint {
    /// The endpoint a path belongs to, and the id in the path.
    pub(crate) fn of(path: &str) -> (Self, Option<&str>) {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["", "v2", "conversations"] => (Self::Conversations, None),
            ["", "v2", "conversations", "list"] => (Self::List, None),
            ["", "v2", "conversations", "by-external-id", id] => (Self::ByExternalId, Some(id)),
            ["", "v2", "conversations", id] if !id.is_empty() => (Self::Detail, Some(id)),
            ["", "v2", "users"] => (Self::Users, None),
            ["", "v2", "organizations", "users"] => (Self::OrganizationUsers, None),
            _ => (Self::Unknown, None),
        }
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::List | Self::Conversations)
    }
}
