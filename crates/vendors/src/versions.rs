//! The versions of APIs that name theirs in every path.

use runtime::{Env, EnvError};

/// Which versions are spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersions {
    /// `SWITCHBOARD_HUBSPOT_API_VERSION`: a date as in HubSpot's paths, default 2026-09; or v3, which ends in September 2027.
    pub hubspot: String,
    /// `SWITCHBOARD_SALESFORCE_API_VERSION`: a number as in Salesforce's paths, default 66.0 (of spring 2026).
    pub salesforce: String,
}

impl Default for ApiVersions {
    fn default() -> Self {
        Self { hubspot: "2026-09".to_owned(), salesforce: "66.0".to_owned() }
    }
}

impl ApiVersions {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let hubspot: String = env.parse("SWITCHBOARD_HUBSPOT_API_VERSION", Self::default().hubspot)?;
        let is_date = hubspot.len() == 7 && hubspot.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if !is_date && hubspot != "v3" {
            return Err(EnvError::invalid(
                "SWITCHBOARD_HUBSPOT_API_VERSION",
                "a version like 2026-09, or v3",
            ));
        }
        let salesforce: String =
            env.parse("SWITCHBOARD_SALESFORCE_API_VERSION", Self::default().salesforce)?;
        let number = salesforce.strip_suffix(".0").unwrap_or_default();
        // versions up to 30 are retired
        if !number.parse::<u8>().is_ok_and(|number| number > 30) || number.starts_with('+') {
            return Err(EnvError::invalid("SWITCHBOARD_SALESFORCE_API_VERSION", "a version like 66.0"));
        }
        Ok(Self { hubspot, salesforce })
    }
}
