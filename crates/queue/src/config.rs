//! How to reach the broker.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use runtime::{Env, EnvError, tls};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

/// Settings of the way to the broker. The URL holds a password and is never shown.
#[derive(Clone)]
pub struct Config {
    /// `AMQP_URL`: `amqp://` or `amqps://user:password@host:port/vhost`; required.
    pub url: SecretString,
    /// How `amqps://` verifies the broker: `AMQP_CA_FILE` names certificates in PEM that are trusted beside the system's.
    pub tls: Option<Arc<ClientConfig>>,
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
        Self::at("AMQP_URL", env)
    }

    /// The same for who declares everything: `AMQP_MIGRATE_URL`, by default `AMQP_URL`.
    pub fn of_migrations(env: &Env) -> Result<Self, EnvError> {
        let own = env.text("AMQP_MIGRATE_URL").map(|_| "AMQP_MIGRATE_URL");
        Self::at(own.unwrap_or("AMQP_URL"), env)
    }

    fn at(url: &str, env: &Env) -> Result<Self, EnvError> {
        let config = Self {
            heartbeat: env.seconds("AMQP_HEARTBEAT_S", Duration::from_secs(30))?,
            timeout: env.seconds("AMQP_TIMEOUT_S", Duration::from_secs(30))?,
            ladder_scale: env.parse("AMQP_LADDER_SCALE", 1.0)?,
            ..Self::for_url(env.required_secret(url)?)
        };
        if !(config.ladder_scale > 0.0 && config.ladder_scale <= 1.0) {
            return Err(EnvError::invalid("AMQP_LADDER_SCALE", "a number above 0 and up to 1"));
        }
        let uri = config.uri();
        let uri = uri.map_err(|_| EnvError::invalid(url, "amqp[s]://user:password@host:port/vhost"))?;
        Ok(Self { tls: tls_of(&uri.scheme, env)?, ..config })
    }

    /// The defaults, for a broker of this URL.
    pub fn for_url(url: SecretString) -> Self {
        Self {
            url,
            tls: None,
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

/// An authority that is named is one that must be asked: without TLS it would be ignored.
fn tls_of(scheme: &AMQPScheme, env: &Env) -> Result<Option<Arc<ClientConfig>>, EnvError> {
    let invalid = |reason: String| EnvError::invalid("AMQP_CA_FILE", reason);
    let file = env.text("AMQP_CA_FILE");
    let roots = match (scheme, file) {
        (AMQPScheme::AMQP, None) => return Ok(None),
        (AMQPScheme::AMQP, Some(_)) => return Err(invalid("AMQP_URL to begin with amqps://".to_owned())),
        (AMQPScheme::AMQPS, None) => tls::authorities_of_system(),
        (AMQPScheme::AMQPS, Some(file)) => tls::authorities_of_file(Path::new(&file)).map(|mut roots| {
            roots.extend(tls::authorities_of_system().into_iter().flat_map(|system| system.roots));
            roots
        }),
    };
    let roots = roots.map_err(|error| invalid(format!("certificates of authorities ({error})")))?;
    Ok(Some(Arc::new(tls::verified(roots))))
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
