//! A gauge with labels that is counted as a whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus::GaugeVec;
use runtime::Numbers;

/// One number for each set of labels. What was counted before and is gone is set to what stands for nothing, or it would keep its
/// last value for ever.
#[derive(Debug)]
pub(crate) struct Table {
    gauge: GaugeVec,
    nothing: f64,
    counted: Mutex<BTreeMap<Vec<String>, f64>>,
}

impl Table {
    /// A table of counts, registered: what is gone is zero.
    pub(crate) fn counts(
        make: Numbers<'_>,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Self, prometheus::Error> {
        Self::new(make, name, help, labels, 0.0)
    }

    /// A table of measures, registered: what is gone has none, and zero would be a good one.
    pub(crate) fn measures(
        make: Numbers<'_>,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Self, prometheus::Error> {
        Self::new(make, name, help, labels, f64::NAN)
    }

    fn new(
        make: Numbers<'_>,
        name: &str,
        help: &str,
        labels: &[&str],
        nothing: f64,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self { gauge: make.measures(name, help, labels)?, nothing, counted: Mutex::default() })
    }

    /// Sets what is counted, the values of the labels in their order.
    pub(crate) fn set<'a>(&self, numbers: impl IntoIterator<Item = (Vec<&'a str>, f64)>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for number in counted.values_mut() {
            *number = self.nothing;
        }
        for (labels, number) in numbers {
            counted.insert(labels.into_iter().map(str::to_owned).collect(), number);
        }
        for (labels, number) in &*counted {
            self.gauge.with_label_values(labels).set(*number);
        }
    }
}

/// A row of a table that has one label.
pub(crate) fn one_label((name, count): (&str, i64)) -> (Vec<&str>, f64) {
    (vec![name], count as f64)
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    fn text(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn what_is_gone_is_zero_where_it_is_counted_and_nothing_where_it_is_measured() {
        let registry = Registry::new();
        let counts = Table::counts(Numbers(&registry), "counts", "Help.", &["vendor"]).unwrap();
        let measures = Table::measures(Numbers(&registry), "measures", "Help.", &["vendor"]).unwrap();
        for table in [&counts, &measures] {
            table.set([(vec!["a"], 1.0), (vec!["b"], 2.0)]);
            table.set([(vec!["b"], 3.0)]);
        }
        let text = text(&registry);
        for line in [
            r#"counts{vendor="a"} 0"#,
            r#"counts{vendor="b"} 3"#,
            r#"measures{vendor="a"} NaN"#,
            r#"measures{vendor="b"} 3"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
