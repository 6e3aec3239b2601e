//! Where a secret is asked for: what is kept in one region only there.

use runtime::{Env, EnvError};

use super::home::location_of;
use super::http;

/// What stands for the region in the setting.
const LOCATION: &str = "{location}";

/// The hosts of Secret Manager.
#[derive(Debug)]
pub(super) struct Endpoints {
    global: String,
    /// With a place for the region.
    regional: String,
}

impl Endpoints {
    /// Reads the settings.
    pub(super) fn from_env(env: &Env, allow_http: bool) -> Result<Self, EnvError> {
        let setting = |name: &'static str, default: &str| -> Result<String, EnvError> {
            let text = env.text(name).unwrap_or_else(|| default.to_owned());
            http::parse_url(&text.replace(LOCATION, "region"), allow_http)
                .map_err(|expected| EnvError::invalid(name, expected))?;
            Ok(text.trim().trim_end_matches('/').to_owned())
        };
        let global = setting("SWITCHBOARD_SECRETS_URL", "https://secretmanager.googleapis.com")?;
        let name = "SWITCHBOARD_SECRETS_REGIONAL_URL";
        let regional = setting(name, "https://secretmanager.{location}.rep.googleapis.com")?;
        if !regional.contains(LOCATION) {
            return Err(EnvError::invalid(name, "a URL with {location} where the region stands"));
        }
        Ok(Self { global, regional })
    }

    /// Where to ask for what has this name.
    pub(super) fn of(&self, name: &str) -> String {
        match location_of(name) {
            Some(location) => self.regional.replace(LOCATION, location),
            None => self.global.clone(),
        }
    }
}
