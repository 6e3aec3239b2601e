//! Which portal a token belongs to.

use serde_json::Value;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the account's details";

/// A portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// Its id: what ids and budgets hang on.
    pub id: String,
    /// The zone whose midnight gives back the day's requests.
    pub time_zone: Option<String>,
}

impl Portal {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let json: Value = read_json(WHAT, body)?;
        let id = match json.get("portalId") {
            Some(Value::Number(id)) => id.to_string(),
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            _ => return Err(unexpected(WHAT, "has no `portalId`", body)),
        };
        let time_zone = json.get("timeZone").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { id, time_zone })
    }
}
