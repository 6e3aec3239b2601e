//! Logs of a process: to stderr, for people or for machines.

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{Env, EnvError};

/// What is logged unless `SWITCHBOARD_LOG` says otherwise: ours from info, the talkative libraries from warn, and nothing of
/// lapin: it calls closing in good order an error now and then, and its true errors are told by `queue`. Nor of the verifier of
/// certificates: whoever asked tells what was wrong with one.
pub const FILTER_DEFAULT: &str = "info,lapin=off,tokio_postgres=warn,refinery_core=warn,hyper=warn,h2=warn,rustls=warn,\
     rustls_platform_verifier=off,reqwest=warn";

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("human or json"),
        }
    }
}

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SWITCHBOARD_LOG_FORMAT`: `human` (default) or `json`.
    pub format: LogFormat,
    /// `SWITCHBOARD_LOG`: a filter as of `tracing-subscriber`, default [`FILTER_DEFAULT`].
    pub filter: String,
}

/// The same for a command, whose answer says what went wrong: nothing.
pub const FILTER_OF_COMMANDS: &str = "off";

impl Config {
    /// Reads and checks the settings; `default` is the filter unless they say otherwise.
    pub fn from_env(env: &Env, default: &str) -> Result<Self, EnvError> {
        let filter = env.text("SWITCHBOARD_LOG").unwrap_or_else(|| default.to_owned());
        EnvFilter::try_new(&filter)
            .map_err(|reason| EnvError::invalid("SWITCHBOARD_LOG", format!("a log filter ({reason})")))?;
        Ok(Self { format: env.parse("SWITCHBOARD_LOG_FORMAT", LogFormat::default())?, filter })
    }
}

/// Starts logging. A second call changes nothing, so that tests may each call it.
pub fn init(config: &Config) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new(FILTER_DEFAULT));
    let registry = tracing_subscriber::registry().with(filter);
    // colours are for people: a log file with escapes cannot be searched
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    let already_started = match config.format {
        LogFormat::Human => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    if already_started.is_err() {
        tracing::debug!("logging was started before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_format_or_filter_is_named() {
        let wrong_format =
            Config::from_env(&Env::from_pairs([("SWITCHBOARD_LOG_FORMAT", "xml")]), FILTER_DEFAULT)
                .unwrap_err();
        assert_eq!(
            wrong_format.to_string(),
            "SWITCHBOARD_LOG_FORMAT is not valid: expected LogFormat (human or json)"
        );
        let wrong_filter =
            Config::from_env(&Env::from_pairs([("SWITCHBOARD_LOG", "a=b=c")]), FILTER_DEFAULT).unwrap_err();
        assert!(wrong_filter.to_string().starts_with("SWITCHBOARD_LOG is not valid"));
    }

    #[test]
    fn starting_twice_is_harmless() {
        let config = Config::from_env(&Env::default(), FILTER_OF_COMMANDS).unwrap();
        init(&config);
        init(&Config { format: LogFormat::Json, ..config });
    }
}
