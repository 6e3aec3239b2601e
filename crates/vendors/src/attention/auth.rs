//! The key, and the two forms of the header it travels in.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{Failure, VendorError};

/// The two forms of the `Authorization` header that Attention documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderForm {
    /// `Bearer KEY`
    Bearer,
    /// `KEY`
    Bare,
}

impl HeaderForm {
    /// The other form.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Bearer => Self::Bare,
            Self::Bare => Self::Bearer,
        }
    }

    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Bare => "bare",
        }
    }
}

/// A key in one form of the header.
#[derive(Clone)]
pub struct AttentionAuth {
    /// The workspace's key.
    pub key: SecretString,
    /// How it is sent.
    pub form: HeaderForm,
}

impl fmt::Debug for AttentionAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttentionAuth").field("form", &self.form).finish_non_exhaustive()
    }
}

impl AttentionAuth {
    pub(super) fn header(&self) -> Result<HeaderValue, VendorError> {
        // keys are pasted, and come with line ends
        let key = self.key.expose_secret().trim();
        if key.is_empty() {
            return Err(VendorError::without_answer(Failure::Credential, "the key is empty"));
        }
        let text = Zeroizing::new(match self.form {
            HeaderForm::Bearer => format!("Bearer {key}"),
            HeaderForm::Bare => key.to_owned(),
        });
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            VendorError::without_answer(
                Failure::Credential,
                "the key has characters that no header can carry",
            )
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Takes the key out of an error.
    pub(super) fn redact(&self, error: VendorError) -> VendorError {
        error.without(self.key.expose_secret().trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(key: &str, form: HeaderForm) -> AttentionAuth {
        AttentionAuth { key: SecretString::from(key), form }
    }

    #[test]
    fn the_header_has_the_key_in_its_form_and_neither_is_ever_shown() {
        for (form, expected) in [(HeaderForm::Bearer, "Bearer sk-1"), (HeaderForm::Bare, "sk-1")] {
            let auth = auth(" sk-1\n", form);
            let header = auth.header().expect("a header");
            assert_eq!(header.to_str().expect("text"), expected);
            assert!(!format!("{auth:?} {header:?}").contains("sk-1"));
            assert_eq!(form.other().other(), form);
        }
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_a_bad_credential_and_stays_unnamed() {
        for key in ["", " \n", "sk-\u{1}hidden", "sk-\nhidden"] {
            let error = auth(key, HeaderForm::Bearer).header().expect_err("no header");
            assert_eq!(error.failure, Failure::Credential);
            assert!(!error.to_string().contains("hidden"));
        }
    }
}
