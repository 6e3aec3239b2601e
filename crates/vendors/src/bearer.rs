//! A token in an `Authorization` header.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{Failure, VendorError};

/// A token that is sent as `Bearer TOKEN`.
#[derive(Clone)]
pub struct Bearer(pub SecretString);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

impl Bearer {
    pub(crate) fn header(&self) -> Result<HeaderValue, VendorError> {
        let unfit = |why: &str| VendorError::without_answer(Failure::Credential, why);
        // tokens are pasted, and come with line ends
        let token = self.0.expose_secret().trim();
        if token.is_empty() {
            return Err(unfit("the token is empty"));
        }
        let text = Zeroizing::new(format!("Bearer {token}"));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| unfit("the token has characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Its length in bytes, as it is sent.
    pub(crate) fn len(&self) -> usize {
        self.0.expose_secret().trim().len()
    }

    /// Takes the token out of an error.
    pub(crate) fn redact(&self, error: VendorError) -> VendorError {
        error.without(self.0.expose_secret().trim())
    }
}
