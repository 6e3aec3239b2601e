//! The versions of APIs that name theirs in every path.

use runtime::{Env, EnvError};

/// Which versions are spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersions {
    /// `SWITCHBOARD_HUBSPOT_API_VERSION`: a date as in HubSpot's paths, default 2026-09; or v3, which ends in September 2027.
    pub hubspot: String,
}

impl Default for ApiVersions {
    fn default() -> Self {
        Self { hubspot: "2026-09".to_owned() }
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
        Ok(Self { hubspot })
    }
}
