//! Traces: which work belongs together, across processes, told to a collector by OTLP. Off, every function here costs one look at a flag.

mod exporter;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{Env, EnvError};

/// A batch names so many other traces at most; the SDK keeps 128.
const LINKS_MAX: usize = 100;

/// What is still to be told when a process ends is told within this, or not at all.
const END_LIMIT: Duration = Duration::from_secs(3);

static ON: AtomicBool = AtomicBool::new(false);

/// Where traces go, and what this process calls itself there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: a collector that takes OTLP over HTTP, such as `http://collector:4318`; nothing is traced without.
    pub endpoint: String,
    /// `OTEL_SERVICE_NAME`: default `switchboard-` and the role.
    pub service: String,
}

impl Config {
    /// Reads the settings; `None` where nobody collects. The library reads the other `OTEL_` variables by itself.
    pub fn from_env(env: &Env, role: &str) -> Result<Option<Self>, EnvError> {
        let Some(endpoint) = env.text("OTEL_EXPORTER_OTLP_ENDPOINT") else { return Ok(None) };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            let expected = "the http:// or https:// address of a collector";
            return Err(EnvError::invalid("OTEL_EXPORTER_OTLP_ENDPOINT", expected));
        }
        let service = env.text("OTEL_SERVICE_NAME").unwrap_or_else(|| format!("switchboard-{role}"));
        Ok(Some(Self { endpoint, service }))
    }
}

/// Traces that are collected; what was not told yet is told at the end.
#[derive(Debug, Clone)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to tell a collector. One that is away is no error: spans are dropped, and the log says so once.
    pub(crate) fn start(config: &Config) -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        let exporter = exporter::Telling::to(&config.endpoint)?;
        let resource = Resource::builder().with_service_name(config.service.clone()).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        ON.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("switchboard")
    }

    /// Tells what was not told yet.
    pub async fn end(&self) {
        let provider = self.0.clone();
        // waits, and would hold up whatever else this thread has to do
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(END_LIMIT)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::debug!("the last traces could not be told");
        }
    }
}

/// Whether anybody collects traces.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The W3C trace context of what this code works on, for whoever goes on with it; `None` where nothing is traced.
pub fn current() -> Option<String> {
    if is_on() { of(&Span::current()) } else { None }
}

/// The W3C trace context of a span; `None` where nothing is traced.
pub fn of(span: &Span) -> Option<String> {
    if !is_on() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let known = span.span_context();
    known.is_valid().then(|| {
        format!("00-{:032x}-{:016x}-{:02x}", known.trace_id(), known.span_id(), known.trace_flags().to_u8())
    })
}

/// Makes a span that has just begun go on with the first of these trace contexts, and links it with the others; writes the trace's id
/// into its field `trace.id`, for the log. What is no trace context is passed over: anybody may have written it.
pub fn follow<'a>(span: &Span, contexts: impl IntoIterator<Item = &'a str>) {
    if !is_on() {
        return;
    }
    let mut seen = HashSet::new();
    let mut known = contexts.into_iter().filter(|one| seen.insert(*one)).filter_map(parse);
    if let Some(first) = known.next()
        && let Err(error) = span.set_parent(Context::new().with_remote_span_context(first))
    {
        tracing::debug!(%error, "could not go on with a trace");
    }
    for other in known.take(LINKS_MAX) {
        span.add_link(other);
    }
    let context = span.context();
    let trace_id = context.span().span_context().trace_id();
    if trace_id != TraceId::INVALID {
        span.record("trace.id", tracing::field::display(trace_id));
    }
}

/// Reads a trace context as W3C defines it, of this version or a later one.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !is_hex(version, 2) || version == "ff" || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2)
    {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_context_is_passed_over() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parse(good).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(parse("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-later").is_some());
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8031äc-b7ad6b7169203331-01",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_traced_unless_somebody_collects() {
        assert_eq!(Config::from_env(&Env::default(), "fetcher"), Ok(None));
        let env = Env::from_pairs([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")]);
        let config = Config::from_env(&env, "fetcher").unwrap().unwrap();
        assert_eq!(config.service, "switchboard-fetcher");
        let env = Env::from_pairs([("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]);
        let error = Config::from_env(&env, "fetcher").unwrap_err().to_string();
        assert!(error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT is not valid"), "{error}");
        assert_eq!(current(), None);
    }
}
