//! How to reach the broker.

use std::fmt;
use std::time::Duration;

use lapin::uri::AMQPUri;
use runtime::{Env, EnvError};
use secrecy::{ExposeSecret, SecretString};

/// Settings of the way to the broker. The URL holds a password and is never shown.
#[derive(Clone)]
pub struct Config {
    /// `AMQP_URL`: `amqp://` or `amqps://user:password@host:port/vhost`; required.
    pub url: SecretString,
    /// `AMQP_CA_FILE`: certificates in PEM that are trusted beside the system's. Held here as text.
    pub ca_pem: Option<String>,
    /// `AMQP_HEARTBEAT_S`: a silent connection counts as lost after twice this; default 30 s.
    pub heartbeat: Duration,
    /// `AMQP_TIMEOUT_S`: the longest wait for any answer of the broker; default 30 s.
    pub timeout: Duration,
    /// `AMQP_LADDER_SCALE`: multiplies the delays of the retry ladder, for tests and the demo; default 1. Only `declare`
    /// uses it, because a delay is an argument of its queue: a queue declared with another scale must be deleted first.
    pub ladder_scale: f64,
}

impl Config {
    /// Reads and checks the settings.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let ca_pem = env.text("AMQP_CA_FILE").map(|path| {
            std::fs::read_to_string(&path)
                .map_err(|error| EnvError::invalid("AMQP_CA_FILE", format!("a readable PEM file ({error})")))
        });
        let config = Self {
            ca_pem: ca_pem.transpose()?,
            heartbeat: env.seconds("AMQP_HEARTBEAT_S", Duration::from_secs(30))?,
            timeout: env.seconds("AMQP_TIMEOUT_S", Duration::from_secs(30))?,
            ladder_scale: env.parse("AMQP_LADDER_SCALE", 1.0)?,
            ..Self::for_url(env.required_secret("AMQP_URL")?)
        };
        if !(config.ladder_scale > 0.0 && config.ladder_scale <= 1.0) {
            return Err(EnvError::invalid("AMQP_LADDER_SCALE", "a number above 0 and up to 1"));
        }
        match config.uri() {
            Ok(_) => Ok(config),
            Err(_) => Err(EnvError::invalid("AMQP_URL", "amqp[s]://user:password@host:port/vhost")),
        }
    }

    /// The defaults, for a broker of this URL.
    pub fn for_url(url: SecretString) -> Self {
        Self {
            url,
            ca_pem: None,
            heartbeat: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            ladder_scale: 1.0,
        }
    }

    pub(crate) fn uri(&self) -> Result<AMQPUri, crate::QueueError> {
        // The parser's own words may repeat the URL, password included.
        let mut uri: AMQPUri = (self.url.expose_secret().parse())
            .map_err(|_: String| crate::QueueError::invalid("the broker's URL cannot be read"))?;
        let heartbeat_s = u16::try_from(self.heartbeat.as_secs()).unwrap_or(u16::MAX);
        uri.query.heartbeat.get_or_insert(heartbeat_s.max(1));
        Ok(uri)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place =
            self.uri().ok().map(|uri| format!("{}:{}/{}", uri.authority.host, uri.authority.port, uri.vhost));
        f.debug_struct("Config")
            .field("broker", &place)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_shown_neither_by_the_settings_nor_by_their_errors() {
        let good =
            Config::from_env(&Env::from_pairs([("AMQP_URL", "amqp://me:hunter2@broker:5672/%2f")])).unwrap();
        assert_eq!(good.uri().unwrap().authority.userinfo.password, "hunter2");
        let bad =
            Config::from_env(&Env::from_pairs([("AMQP_URL", "http://me:hunter2@broker:x/%2f")])).unwrap_err();
        let shown = format!("{good:?} {bad} {bad:?}");
        assert!(shown.contains("broker:5672") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn an_unreadable_setting_is_named() {
        let with = |name: &str, value: &str| {
            let url = ("AMQP_URL".to_owned(), "amqp://localhost".to_owned());
            Config::from_env(&Env::from_pairs([url, (name.to_owned(), value.to_owned())]))
                .unwrap_err()
                .to_string()
        };
        assert!(with("AMQP_CA_FILE", "/nowhere/ca.pem").starts_with("AMQP_CA_FILE is not valid"));
        for bad in ["0", "-1", "NaN", "2", "x"] {
            assert!(with("AMQP_LADDER_SCALE", bad).starts_with("AMQP_LADDER_SCALE is not valid"), "{bad}");
        }
    }
}
