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
    /// Gong's `POST /v2/calls/extensive`
    GongCalls,
    /// Gong's `POST /v2/calls/transcript`
    GongTranscripts,
    /// Gong's `GET /v2/users`
    GongUsers,
    /// Gong's `GET /v2/workspaces`
    GongWorkspaces,
    /// Gong's `POST /oauth2/generate-customer-token`
    GongToken,
    /// Anything else of Gong's.
    GongUnknown,
    /// HubSpot's `GET /account-info/v3/details`
    #[serde(rename = "hubspot_account")]
    HubSpotAccount,
    /// HubSpot's `GET /crm/objects/V/{type}`
    #[serde(rename = "hubspot_list")]
    HubSpotList,
    /// HubSpot's `POST /crm/objects/V/{type}/search`
    #[serde(rename = "hubspot_search")]
    HubSpotSearch,
    /// HubSpot's `POST /crm/objects/V/{type}/batch/read`
    #[serde(rename = "hubspot_read")]
    HubSpotRead,
    /// HubSpot's `POST /crm/associations/V/{from}/{to}/batch/read`
    #[serde(rename = "hubspot_associations")]
    HubSpotAssociations,
    /// HubSpot's `POST /oauth/V/token`
    #[serde(rename = "hubspot_token")]
    HubSpotToken,
    /// HubSpot's `GET /crm/owners/V`
    #[serde(rename = "hubspot_owners")]
    HubSpotOwners,
    /// Anything else of HubSpot's.
    #[serde(rename = "hubspot_unknown")]
    HubSpotUnknown,
    /// Google's `POST /v1/projects/{p}/secrets`
    SecretCreate,
    /// Google's `POST /v1/projects/{p}/secrets/{s}:addVersion`
    SecretAdd,
    /// Google's `GET /v1/projects/{p}/secrets/{s}/versions/{v}:access`
    SecretAccess,
    /// Google's `GET /v1/projects/{p}/secrets/{s}/versions`
    SecretList,
    /// Google's `POST /v1/projects/{p}/secrets/{s}/versions/{v}:destroy`
    SecretDestroy,
    /// Google's tokens, of the metadata server and for a service account's assertion.
    GoogleToken,
    /// Anything else of Google's.
    GoogleUnknown,
    /// Salesforce's `GET /services/data/V/query` and `queryAll`
    SalesforceQuery,
    /// Salesforce's `GET /services/data/V/query/{locator}`
    SalesforceNext,
    /// Salesforce's `GET /services/data/V/sobjects/{type}/describe`
    SalesforceDescribe,
    /// Salesforce's `GET /services/data/V/sobjects/{type}/deleted`
    SalesforceDeleted,
    /// Salesforce's `POST /services/oauth2/token`
    SalesforceToken,
    /// Anything else of Salesforce's.
    SalesforceUnknown,
}

impl Endpoint {
    /// The endpoint of Gong's that a path belongs to.
    pub(crate) fn of_gong(path: &str) -> Self {
        match path {
            "/v2/calls/extensive" => Self::GongCalls,
            "/v2/calls/transcript" => Self::GongTranscripts,
            "/v2/users" => Self::GongUsers,
            "/v2/workspaces" => Self::GongWorkspaces,
            _ => Self::GongUnknown,
        }
    }

    /// The endpoint of Attention's that a path belongs to, and the id in the path.
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
        matches!(self, Self::List | Self::Conversations | Self::GongCalls | Self::GongTranscripts)
    }

    pub(crate) fn is_of_gong(self) -> bool {
        matches!(
            self,
            Self::GongCalls
                | Self::GongTranscripts
                | Self::GongUsers
                | Self::GongWorkspaces
                | Self::GongToken
                | Self::GongUnknown
        )
    }

    /// The field of a list's body that holds its rows.
    pub(crate) fn rows_field(self) -> &'static str {
        match self {
            Self::GongCalls => "calls",
            Self::GongTranscripts => "callTranscripts",
            _ => "data",
        }
    }

    /// Where a row has its id.
    pub(crate) fn id_pointer(self) -> &'static str {
        match self {
            Self::GongCalls => "/metaData/id",
            Self::GongTranscripts => "/callId",
            _ => "/id",
        }
    }
}
