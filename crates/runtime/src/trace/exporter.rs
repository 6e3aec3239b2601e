//! The exporter, with a log of whether it reaches anybody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter as Otlp, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Tells a collector, from a thread of its own; says once that it is away, and once that it is back.
#[derive(Debug)]
pub(super) struct Telling {
    otlp: Otlp,
    is_away: AtomicBool,
}

impl Telling {
    /// An exporter to the collector at this address.
    pub(super) fn to(endpoint: &str) -> Result<Self, ExporterBuildError> {
        let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let http = Otlp::builder().with_http().with_protocol(Protocol::HttpBinary);
        let otlp = http.with_endpoint(endpoint).build()?;
        Ok(Self { otlp, is_away: AtomicBool::new(false) })
    }
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let told = self.otlp.export(batch).await;
        let was_away = self.is_away.swap(told.is_err(), Ordering::Relaxed);
        match &told {
            Err(error) if !was_away => {
                tracing::warn!(%error, "traces cannot be told, and are dropped; work goes on without");
            }
            Ok(()) if was_away => tracing::info!("traces can be told again"),
            _ => {}
        }
        told
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
