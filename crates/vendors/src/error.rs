//! What a vendor's answer means, decided once, here.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use zeroize::Zeroizing;

use crate::words::{error_words, one_line};

/// Characters of a vendor's own words that are kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// The kinds of failure, as far as anybody acts on them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// 401: the credential is refused.
    Credential,
    /// 403: the credential lacks a permission.
    Forbidden,
    /// The credential is good, but was not granted the scope that the message names.
    MissingScope,
    /// 404 and 410: the vendor does not know the record.
    NotFound,
    /// 400 and the other 4xx: the request is at fault.
    BadRequest,
    /// The cursor of a list is too old: the list is to be begun again.
    CursorExpired,
    /// 429: too fast.
    RateLimited,
    /// 5xx, 408, 425, network, an answer cut short.
    Transient,
    /// The answer took longer than the vendor gives it, or than anybody waits here: what asks for less may be answered.
    TooLong,
    /// A redirect, which is never followed.
    Redirect,
    /// 200 with a body of another shape.
    UnexpectedShape,
    /// A body over the limit.
    TooLarge,
}

impl Failure {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Credential,
        Self::Forbidden,
        Self::MissingScope,
        Self::NotFound,
        Self::BadRequest,
        Self::CursorExpired,
        Self::RateLimited,
        Self::Transient,
        Self::TooLong,
        Self::Redirect,
        Self::UnexpectedShape,
        Self::TooLarge,
    ];

    /// Short name of the cause, for metrics and dead letters.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Credential => "vendor-credential",
            Self::Forbidden => "vendor-forbidden",
            Self::MissingScope => "vendor-missing-scope",
            Self::NotFound => "vendor-not-found",
            Self::BadRequest => "vendor-bad-request",
            Self::CursorExpired => "vendor-cursor-expired",
            Self::RateLimited => "vendor-rate-limited",
            Self::Transient => "vendor-transient",
            Self::TooLong => "vendor-too-long",
            Self::Redirect => "vendor-redirect",
            Self::UnexpectedShape => "vendor-unexpected-shape",
            Self::TooLarge => "vendor-too-large",
        }
    }
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

/// Cut between words.
fn cut(text: String) -> String {
    let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS_MAX) else { return text };
    let kept = text[..end].rsplit_once(' ').map_or(&text[..end], |(words, _)| words);
    format!("{kept} …")
}

/// A secret as a server may repeat it: as it was sent, escaped in JSON, in an address or a form, in base64.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let in_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![secret.to_owned(), secret.replace('/', r"\/"), in_form];
    // the longer, with its padding, before the shorter
    forms.extend([STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|base64| base64.encode(secret)));
    forms.into_iter().map(Zeroizing::new).collect()
}

impl VendorError {
    /// A failure without an answer.
    pub(crate) fn without_answer(failure: Failure, message: impl Into<String>) -> Self {
        Self { failure, status: None, message: message.into(), retry_after: None }
    }

    /// A record that is missing from an answer to its id.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::without_answer(Failure::NotFound, message)
    }

    /// A failure by an answer's status and body.
    pub(crate) fn of_answer(status: StatusCode, body: &str, retry_after: Option<Duration>) -> Self {
        let failure = match status.as_u16() {
            401 => Failure::Credential,
            403 => Failure::Forbidden,
            404 | 410 => Failure::NotFound,
            429 => Failure::RateLimited,
            300..=399 => Failure::Redirect,
            // the server gave up waiting, or wants to be asked again: nothing is wrong with the request
            408 | 425 => Failure::Transient,
            400..=499 => Failure::BadRequest,
            _ => Failure::Transient,
        };
        Self { failure, status: Some(status.as_u16()), message: error_words(body), retry_after }
    }

    /// A success whose body is not what was asked for.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self {
            failure: Failure::UnexpectedShape,
            status: Some(200),
            message: message.into(),
            retry_after: None,
        }
    }

    /// A success whose body ends in the middle, although the connection did not break off.
    pub(crate) fn truncated(what: &str) -> Self {
        Self { failure: Failure::Transient, ..Self::unexpected(format!("{what} ends in the middle")) }
    }

    /// Makes the message fit to be kept: the secret is taken out should the vendor have echoed it, and only then is
    /// the message cut, because half a secret would not be recognised.
    pub(crate) fn without(self, secret: &str) -> Self {
        self.without_all(&[secret])
    }

    /// The same for several, of which one may hold another: the longer comes first.
    pub(crate) fn without_all(mut self, secrets: &[&str]) -> Self {
        for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
            for form in forms(secret) {
                self.message = self.message.replace(form.as_str(), "[secret]");
            }
        }
        self.message = cut(one_line(&self.message));
        self
    }

    /// Whether the same request may work later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.failure,
            Failure::Transient | Failure::TooLong | Failure::RateLimited | Failure::UnexpectedShape
        )
    }

    /// Whether nobody answered, or a server told only of its own trouble: the vendor may be away, whatever was asked for.
    pub fn may_be_away(&self) -> bool {
        match self.failure {
            Failure::Transient => true,
            Failure::TooLong => self.status.is_none(),
            _ => false,
        }
    }

    /// How long the vendor asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Short name of the cause, for metrics and dead letters.
    pub fn error_class(&self) -> &'static str {
        self.failure.class()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> VendorError {
        VendorError::of_answer(StatusCode::from_u16(status).expect("a status"), body, None)
    }

    #[test]
    fn every_status_has_its_meaning() {
        let table = [
            (401, Failure::Credential),
            (403, Failure::Forbidden),
            (404, Failure::NotFound),
            (410, Failure::NotFound),
            (400, Failure::BadRequest),
            (409, Failure::BadRequest),
            (422, Failure::BadRequest),
            (429, Failure::RateLimited),
            (302, Failure::Redirect),
            (304, Failure::Redirect),
            (408, Failure::Transient),
            (500, Failure::Transient),
            (503, Failure::Transient),
            (599, Failure::Transient),
        ];
        for (status, failure) in table {
            assert_eq!(of(status, "").failure, failure, "{status}");
        }
    }

    #[test]
    fn an_echoed_key_is_taken_out_even_where_the_message_is_cut() {
        let error = of(401, "key sk-12345 is wrong").without("sk-12345");
        assert_eq!(error.to_string(), "HTTP 401: key [secret] is wrong");
        let error = of(401, r#"{"echo":"sk\/12345"}"#).without("sk/12345");
        assert_eq!(error.message, r#"{"echo":"[secret]"}"#);
        let said = "sk/12?45 sk%2F12%3F45 c2svMTI/NDU= c2svMTI_NDU;";
        assert_eq!(of(401, said).without("sk/12?45").message, "[secret] [secret] [secret] [secret];");
        let key = "k".repeat(40) + "-the-secret-end";
        let error = of(401, &format!("{}{key}", "x ".repeat(240))).without(&key);
        assert!(!error.message.contains("kkkk"), "{}", error.message);
        assert!(
            of(500, &"x".repeat(5000)).without("sk-12345").message.chars().count() <= MESSAGE_CHARS_MAX + 2
        );
        assert!(of(500, &"word ".repeat(500)).without("sk-12345").message.ends_with(" word …"));
    }
}
