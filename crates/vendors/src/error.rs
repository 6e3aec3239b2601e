//! What a vendor's answer means, decided once, here.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

/// Characters of a vendor's own words that are kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// The kinds of failure, as far as anybody acts on them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// 401: the credential is refused.
    Credential,
    /// 403: the credential lacks a permission.
    Forbidden,
    /// 404: the vendor does not know the record.
    NotFound,
    /// 400 and the other 4xx: the request is at fault.
    BadRequest,
    /// 429: too fast.
    RateLimited,
    /// 5xx, network, timeout, an answer cut short.
    Transient,
    /// A redirect, which is never followed.
    Redirect,
    /// 200 with a body of another shape.
    UnexpectedShape,
    /// A body over the limit.
    TooLarge,
}

/// A request that failed, without any secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct VendorError {
    /// What kind of failure it is.
    pub failure: Failure,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The vendor's words, or what happened on the way.
    pub message: String,
    /// How long the vendor asks to wait.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) if !self.message.is_empty() => write!(f, "HTTP {status}: {}", self.message),
            Some(status) => write!(f, "HTTP {status}"),
            None => f.write_str(&self.message),
        }
    }
}

impl VendorError {
    /// A failure without an answer.
    pub(crate) fn without_answer(failure: Failure, message: impl Into<String>) -> Self {
        Self { failure, status: None, message: clean(&message.into()), retry_after: None }
    }

    /// A failure by an answer's status and body.
    pub(crate) fn of_answer(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        let failure = match status.as_u16() {
            401 => Failure::Credential,
            403 => Failure::Forbidden,
            404 => Failure::NotFound,
            429 => Failure::RateLimited,
            300..=399 => Failure::Redirect,
            400..=499 => Failure::BadRequest,
            _ => Failure::Transient,
        };
        Self { failure, status: Some(status.as_u16()), message: words(body), retry_after }
    }

    /// A 200 whose body is not what was asked for.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self {
            failure: Failure::UnexpectedShape,
            status: Some(200),
            message: clean(&message.into()),
            retry_after: None,
        }
    }

    /// Takes a secret out, should the vendor have echoed it.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        if secret.len() >= 4 {
            self.message = self.message.replace(secret, "[secret]");
        }
        self
    }

    /// Whether the same request may work later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self.failure, Failure::Transient | Failure::RateLimited | Failure::UnexpectedShape)
    }

    /// How long the vendor asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Short name of the cause, for metrics and dead letters.
    pub fn error_class(&self) -> &'static str {
        match self.failure {
            Failure::Credential => "vendor-credential",
            Failure::Forbidden => "vendor-forbidden",
            Failure::NotFound => "vendor-not-found",
            Failure::BadRequest => "vendor-bad-request",
            Failure::RateLimited => "vendor-rate-limited",
            Failure::Transient => "vendor-transient",
            Failure::Redirect => "vendor-redirect",
            Failure::UnexpectedShape => "vendor-unexpected-shape",
            Failure::TooLarge => "vendor-too-large",
        }
    }
}

/// The vendor's own words: the usual fields of an error body in order, else the text.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return clean(&text) };
    let places =
        ["/detail", "/message", "/title", "/error", "/error/message", "/error/detail", "/data/message"];
    let found = places.iter().find_map(|place| json.pointer(place)?.as_str());
    clean(found.unwrap_or(&text))
}

/// One line without control characters, cut to a sane length.
fn clean(text: &str) -> String {
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    line.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> VendorError {
        VendorError::of_answer(StatusCode::from_u16(status).expect("a status"), body.as_bytes(), None)
    }

    #[test]
    fn every_status_has_its_meaning() {
        let table = [
            (401, Failure::Credential),
            (403, Failure::Forbidden),
            (404, Failure::NotFound),
            (400, Failure::BadRequest),
            (409, Failure::BadRequest),
            (422, Failure::BadRequest),
            (429, Failure::RateLimited),
            (302, Failure::Redirect),
            (500, Failure::Transient),
            (503, Failure::Transient),
        ];
        for (status, failure) in table {
            assert_eq!(of(status, "").failure, failure, "{status}");
        }
    }

    #[test]
    fn the_vendors_words_are_found_wherever_they_are() {
        let bodies = [
            r#"{"detail":"why","title":"no"}"#,
            r#"{"message":"why"}"#,
            r#"{"title":"why"}"#,
            r#"{"error":"why"}"#,
            r#"{"error":{"message":"why"}}"#,
            r#"{"data":{"message":"why"}}"#,
            "why",
            " why\u{0}\n",
        ];
        for body in bodies {
            assert_eq!(of(400, body).message, "why", "{body}");
        }
        assert!(of(500, &"x".repeat(5000)).message.len() <= 500);
    }

    #[test]
    fn an_echoed_key_is_taken_out() {
        assert_eq!(
            of(401, "key sk-12345 is wrong").without("sk-12345").to_string(),
            "HTTP 401: key [secret] is wrong"
        );
    }
}
