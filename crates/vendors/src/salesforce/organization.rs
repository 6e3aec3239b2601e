//! Which organization a token belongs to.

use serde_json::Value;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the organization's details";

/// Every user of the API may ask so; whoami would take another scope.
pub(super) const QUERY: &str = "SELECT Id, Name FROM Organization";

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id: what ids and budgets hang on.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
}

impl Organization {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let json: Value = read_json(WHAT, body)?;
        let row = json.pointer("/records/0").unwrap_or(&Value::Null);
        let id = row["Id"].as_str().filter(|id| id.starts_with("00D"));
        let id = id.ok_or_else(|| unexpected(WHAT, "have no `Id`", body))?.to_owned();
        Ok(Self { id, name: row["Name"].as_str().map(str::to_owned) })
    }
}
