//! A number of what is in hand.

use prometheus::IntGauge;

/// So much is in hand until this is dropped, however the work ends.
#[derive(Debug)]
pub struct InFlight {
    gauge: IntGauge,
    much: i64,
}

impl InFlight {
    /// Counts it in.
    pub fn of(gauge: IntGauge, much: usize) -> Self {
        let much = i64::try_from(much).unwrap_or(i64::MAX);
        gauge.add(much);
        Self { gauge, much }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.sub(self.much);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_no_longer_in_hand() {
        let gauge = IntGauge::new("in_flight", "Help.").unwrap();
        let (first, second) = (InFlight::of(gauge.clone(), 1), InFlight::of(gauge.clone(), 50));
        assert_eq!(gauge.get(), 51);
        drop(second);
        assert_eq!(gauge.get(), 1);
        drop(first);
        assert_eq!(gauge.get(), 0);
    }
}
