//! Vendors' timestamps: RFC 3339 with any offset; without one they are UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Reads a timestamp; nonsense, and times no call can have, are none.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let read = text.parse::<Timestamp>().ok().or_else(|| {
        let local =
            text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    let year = read.to_zoned(TimeZone::UTC).year();
    (1970..2200).contains(&year).then_some(read)
}

/// Whether a text is the zero of a clock that starts in the year 1: how some programs write "not set".
pub(crate) fn is_unset(text: &str) -> bool {
    text.trim_start().starts_with("0001-01-01")
}

/// A moment within a recording, in whole milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the range before")]
pub(crate) fn milliseconds(time: f64) -> i32 {
    time.round().clamp(0.0, f64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_fractions_and_zoneless_times_are_read() {
        let utc = |text: &str| timestamp(text).map(|time| time.to_string());
        assert_eq!(utc("2025-03-04T15:00:02Z").as_deref(), Some("2025-03-04T15:00:02Z"));
        assert_eq!(utc("2025-03-04T17:00:02.250+02:00").as_deref(), Some("2025-03-04T15:00:02.25Z"));
        assert_eq!(utc("2025-03-04T15:00:02").as_deref(), Some("2025-03-04T15:00:02Z"));
        assert_eq!(utc(" 2025-03-04 15:00:02 ").as_deref(), Some("2025-03-04T15:00:02Z"));
        assert_eq!(utc("2025-03-04").as_deref(), Some("2025-03-04T00:00:00Z"));
        for nonsense in
            ["", "yesterday", "0001-01-01T00:00:00Z", "9998-01-01T00:00:00Z", "2025-13-01T00:00:00Z"]
        {
            assert_eq!(utc(nonsense), None, "{nonsense:?}");
        }
        assert!(is_unset("0001-01-01T00:00:00Z") && !is_unset("2001-01-01T00:00:00Z"));
    }
}
