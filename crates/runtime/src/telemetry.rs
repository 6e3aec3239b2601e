//! Logs of a process: to stderr, for people or for machines.

use std::io::{self, IsTerminal as _};
use std::str::FromStr;

use tokio::signal::unix::{SignalKind, signal};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::trace::{self, Traces};
use crate::{Env, EnvError, Shutdown};

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

/// What is logged beside what the settings say after SIGUSR1: all that is ours. Libraries stay as they are: what they tell may hold
/// secrets.
const TALKATIVE: &str = "desk=debug,fetcher=debug,normalizer=debug,queue=debug,runtime=debug,scheduler=debug,\
                         secrets=debug,steward=debug,store=debug,switchboard=debug,vendors=debug";

/// Whose spans are traced, down to single requests, whatever the log shows.
const TRACED: [&str; 11] = [
    "desk",
    "fetcher",
    "normalizer",
    "queue",
    "runtime",
    "scheduler",
    "secrets",
    "steward",
    "store",
    "switchboard",
    "vendors",
];

/// What was started: a log whose filter can be changed, and perhaps traces.
#[derive(Debug, Clone)]
pub struct Telemetry {
    filter: Handle<EnvFilter, Registry>,
    configured: String,
    traces: Option<Traces>,
}

impl Telemetry {
    /// Listens for SIGUSR1, which logs everything that is ours from debug, and SIGUSR2, which logs what the settings say again, until
    /// the shutdown begins. Signals, not an address: who may send them may do anything to the process already.
    pub fn listen(&self, shutdown: Shutdown) -> io::Result<()> {
        let mut more = signal(SignalKind::user_defined1())?;
        let mut as_configured = signal(SignalKind::user_defined2())?;
        let telemetry = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = shutdown.begun() => return,
                    _ = more.recv() => telemetry.log(&format!("{},{TALKATIVE}", telemetry.configured)),
                    _ = as_configured.recv() => telemetry.log(&telemetry.configured),
                }
            }
        });
        Ok(())
    }

    fn log(&self, filter: &str) {
        match self.filter.reload(filter_of(filter)) {
            Ok(()) => tracing::info!(filter, "the log shows something else from now on"),
            Err(error) => tracing::warn!(%error, "the log stays as it is"),
        }
    }

    /// Tells the collector what it was not told yet; bounded in time.
    pub async fn end(&self) {
        if let Some(traces) = &self.traces {
            traces.end().await;
        }
    }
}

/// Starts logging, and tracing where somebody collects. A second call changes nothing, so that tests may each call it.
pub fn init(config: &Config, traces: Option<&trace::Config>) -> Telemetry {
    let (filter, handle) = reload::Layer::new(filter_of(&config.filter));
    let started = traces.map(Traces::start).transpose();
    let traces = started.as_ref().ok().cloned().flatten();
    let already_started = match &traces {
        // one filter for everything: what the log does not show costs nothing
        None => tracing_subscriber::registry().with(filter).with(log(config.format)).try_init(),
        Some(traces) => {
            let of_ours = Targets::new().with_targets(TRACED.map(|target| (target, LevelFilter::DEBUG)));
            let otel = tracing_opentelemetry::layer()
                .with_tracer(traces.tracer())
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_context_activation(false)
                .with_filter(of_ours);
            let log = log(config.format).with_filter(filter);
            tracing_subscriber::registry().with(log).with(otel).try_init()
        }
    };
    if already_started.is_err() {
        tracing::debug!("logging was started before");
    }
    if let Err(error) = started {
        tracing::error!(%error, "traces cannot be told; work goes on without");
    }
    Telemetry { filter: handle, configured: config.filter.clone(), traces }
}

fn filter_of(text: &str) -> EnvFilter {
    EnvFilter::try_new(text).unwrap_or_else(|_| EnvFilter::new(FILTER_DEFAULT))
}

fn log<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // colours are for people: a log file with escapes cannot be searched
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Human => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
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
        init(&config, None);
        init(&Config { format: LogFormat::Json, ..config }, None);
    }
}
