//! How long a vendor asks to wait.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longer waits are taken for a mistake.
const WAIT_MAX: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` and never with this machine's clock.
pub(crate) fn retry_after_from_headers(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(WAIT_MAX.as_secs_f64())));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let answered = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(until.duration_since(answered).unwrap_or_default().min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a header"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a header"));
        }
        retry_after_from_headers(&headers)
    }

    #[test]
    fn seconds_and_dates_are_read_and_garbage_is_none() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read("7", None), Some(Duration::from_secs(7)));
        assert_eq!(read("1.5", None), Some(Duration::from_millis(1500)));
        assert_eq!(read("9999999", None), Some(WAIT_MAX));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)), Some(Duration::from_secs(30)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:00 GMT", Some(date)),
            Some(Duration::ZERO),
            "a date that has passed"
        );
        for garbage in ["-1", "soon", "NaN", ""] {
            assert_eq!(read(garbage, Some(date)), None, "{garbage:?}");
        }
        assert_eq!(read(date, None), None, "a date without the answer's own tells nothing");
    }
}
