//! How long a vendor asks to wait.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longer waits are taken for a mistake.
const WAIT_MAX: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` and never with this machine's clock.
/// A wait of nothing is no wait: a vendor that refuses and says "now" would be asked again at once, for ever.
pub(crate) fn retry_after_from_headers(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(text).or_else(|| until(text, headers))?;
    (!wait.is_zero()).then(|| wait.min(WAIT_MAX))
}

fn seconds(text: &str) -> Option<Duration> {
    // digits only: "inf", "1e9" and the like are numbers too, but nobody means them
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    Some(Duration::from_secs_f64(seconds.min(WAIT_MAX.as_secs_f64())))
}

fn until(text: &str, headers: &HeaderMap) -> Option<Duration> {
    let until = httpdate::parse_http_date(text).ok()?;
    let answered = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    until.duration_since(answered).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_GIVEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn read(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a header"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a header"));
        }
        retry_after_from_headers(&headers)
    }

    #[test]
    fn seconds_are_read_and_clamped() {
        assert_eq!(read("7", None), Some(Duration::from_secs(7)));
        assert_eq!(read("1.5", None), Some(Duration::from_millis(1500)));
        for long in ["9999999", "99999999999999999999999999", &"9".repeat(400)] {
            assert_eq!(read(long, None), Some(WAIT_MAX));
        }
    }

    #[test]
    fn a_date_is_compared_with_the_answers_own() {
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", Some(DATE_GIVEN)), Some(Duration::from_secs(30)));
        assert_eq!(read("Sat, 06 Nov 2094 08:50:07 GMT", Some(DATE_GIVEN)), Some(WAIT_MAX));
        assert_eq!(read(DATE_GIVEN, None), None, "alone it tells nothing");
        assert_eq!(read(DATE_GIVEN, Some("yesterday")), None);
    }

    #[test]
    fn garbage_the_past_and_nothing_are_no_wait() {
        let past = "Sun, 06 Nov 1994 08:49:00 GMT";
        for useless in ["-1", "soon", "NaN", "inf", "1e3", ".", "", "0", "0.0", DATE_GIVEN, past] {
            assert_eq!(read(useless, Some(DATE_GIVEN)), None, "{useless:?}");
        }
    }
}
