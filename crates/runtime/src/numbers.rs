//! Makes numbers that are registered at once.

use prometheus::core::Collector;
use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// Makes the numbers of a registry. A name that is taken, or is none, is an error of whoever starts the process.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a>(pub &'a Registry);

impl Numbers<'_> {
    /// A count that grows.
    pub fn counter(self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.registered(IntCounter::new(name, help)?)
    }

    /// Counts that grow, by label.
    pub fn counters(self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// A number that goes up and down.
    pub fn gauge(self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.registered(IntGauge::new(name, help)?)
    }

    /// Numbers that go up and down, by label.
    pub fn gauges(self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.registered(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// Measures, by label.
    pub fn measures(self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        self.registered(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// How measures are spread over these bounds.
    pub fn spread(self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram, Error> {
        self.registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?)
    }

    /// How measures are spread over these bounds, by label.
    pub fn spreads(
        self,
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        self.registered(HistogramVec::new(options, labels)?)
    }

    fn registered<C: Collector + Clone + 'static>(self, number: C) -> Result<C, Error> {
        self.0.register(Box::new(number.clone()))?;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_registered_once_by_its_name() {
        let registry = Registry::new();
        Numbers(&registry).counter("done_total", "Help.").unwrap().inc();
        assert_eq!(registry.gather().len(), 1);
        assert!(Numbers(&registry).gauge("done_total", "Help.").is_err());
    }
}
