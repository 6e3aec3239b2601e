//! The organization's own people.

use serde::Deserialize;

use super::RecordPage;
use crate::VendorError;

/// Partners, customers with a log-in and machines are users too, of other types. Who has left is asked for all the same: their calls
/// are still the organization's.
pub(super) const QUERY: &str = "SELECT Id, Name, Email FROM User WHERE UserType = 'Standard'";

/// Somebody who works there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrganizationUser {
    /// The id.
    #[serde(rename = "Id")]
    pub id: Option<String>,
    /// The name.
    #[serde(rename = "Name")]
    pub name: Option<String>,
    /// The address.
    #[serde(rename = "Email")]
    pub email: Option<String>,
}

/// A page of users.
#[derive(Debug)]
pub struct UsersPage {
    /// The users; a row that is none is left out.
    pub users: Vec<OrganizationUser>,
    /// Where the next page is; none on the last.
    pub next: Option<String>,
}

impl UsersPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let page = RecordPage::read(body)?;
        let users = page.rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect();
        Ok(Self { users, next: page.next })
    }
}
