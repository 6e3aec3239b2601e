//! The access key and its secret, or an access token, as the header wants them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::bearer::Bearer;
use crate::{Failure, VendorError};

/// What a company is asked with.
#[derive(Clone)]
pub struct GongAuth(Kind);

#[derive(Clone)]
enum Kind {
    /// An access key with its secret, as one text: `KEY:SECRET`.
    Key(SecretString),
    /// An access token of an app.
    Token(Bearer),
}

impl fmt::Debug for GongAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GongAuth").finish_non_exhaustive()
    }
}

impl GongAuth {
    /// Joins a key and its secret; `None` if either is not one word of plain characters, or the key holds a colon.
    pub fn of_access_key(key: &str, secret: &str) -> Option<Self> {
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = is_word(key) && is_word(secret) && !key.contains(':');
        fits.then(|| Self::of_secret(SecretString::from(format!("{key}:{secret}"))))
    }

    /// Takes what [`Self::as_secret`] gave.
    pub fn of_secret(secret: SecretString) -> Self {
        Self(Kind::Key(secret))
    }

    /// Takes an access token.
    pub fn of_access_token(token: SecretString) -> Self {
        Self(Kind::Token(Bearer(token)))
    }

    /// The text: an access key with its secret, or the access token.
    pub fn as_secret(&self) -> &SecretString {
        match &self.0 {
            Kind::Key(secret) | Kind::Token(Bearer(secret)) => secret,
        }
    }

    pub(super) fn header(&self) -> Result<HeaderValue, VendorError> {
        let secret = match &self.0 {
            Kind::Key(secret) => secret,
            Kind::Token(token) => return token.header(),
        };
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(secret.expose_secret())));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            VendorError::without_answer(Failure::Credential, "the access key cannot be sent in a header")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Takes key, secret and both together, as they travel, out of an error.
    pub(super) fn redact(&self, error: VendorError) -> VendorError {
        let whole = match &self.0 {
            Kind::Key(secret) => secret.expose_secret(),
            Kind::Token(token) => return token.redact(error),
        };
        let (key, secret) = whole.split_once(':').unwrap_or((whole, whole));
        error.without_all(&[whole, secret, key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_basic_and_nothing_of_it_is_ever_shown() {
        let auth = GongAuth::of_access_key("KEY1", "s3cret").expect("an access key");
        let header = auth.header().expect("a header");
        assert_eq!(header.to_str().expect("text"), "Basic S0VZMTpzM2NyZXQ=");
        assert!(!format!("{auth:?} {header:?}").contains("s3cret"));
    }

    #[test]
    fn an_access_token_travels_as_a_bearer_and_is_taken_out_as_well() {
        let auth = GongAuth::of_access_token(SecretString::from("ey-token"));
        assert_eq!(auth.header().expect("a header").to_str().expect("text"), "Bearer ey-token");
        let error = auth.redact(VendorError::without_answer(Failure::Credential, "not with ey-token"));
        assert_eq!(error.message, "not with [secret]");
        assert!(!format!("{auth:?}").contains("ey-token"));
    }

    #[test]
    fn an_echoed_key_or_secret_is_taken_out_in_every_form() {
        let auth = GongAuth::of_access_key("KEY1", "s3cret").expect("an access key");
        let said = "KEY1 with s3cret as KEY1:s3cret or S0VZMTpzM2NyZXQ=";
        let error = auth.redact(VendorError::without_answer(Failure::Credential, said));
        assert_eq!(error.message, "[secret] with [secret] as [secret] or [secret]");
    }

    #[test]
    fn what_is_no_access_key_is_refused() {
        for (key, secret) in [("", "x"), ("x", ""), ("a b", "x"), ("a:b", "x"), ("a", "x\ny"), ("ä", "x")] {
            assert!(GongAuth::of_access_key(key, secret).is_none(), "{key:?} {secret:?}");
        }
    }
}
