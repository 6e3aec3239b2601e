//! What is sealed: a key as the vendor gave it, or tokens and the grant that renews them.
//!
//! A key is sealed as it is. Anything else is JSON after a mark that no key begins with; it is sealed in a layout of its own, so that a
//! program from before there were grants cannot open it, and never sends it anywhere as if it were a key.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::SecretError;

/// What everything but a plain key begins with; no header can carry it.
pub(crate) const MARK: char = '\u{1}';

/// A token is renewed so long before its end, or a fifth of its life if that is shorter.
const RENEWED_BEFORE_END: SignedDuration = SignedDuration::from_mins(5);

/// What a connection asks its vendor with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A key or token as the vendor gave it; Gong's with its secret, `KEY:SECRET`.
    Static(SecretString),
    /// Tokens that a grant renews.
    Granted(Granted),
}

/// An access token, and how the next one is got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Granted {
    /// How the next one is got.
    pub grant: Grant,
    /// Where.
    pub token_url: String,
    /// What requests are sent with.
    #[serde(with = "exposed")]
    pub access_token: SecretString,
    /// When it was got, by the clock of whoever got it.
    pub obtained_at: Timestamp,
    /// When it ends, by the same clock; absent where the vendor does not say.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Where requests go, where the vendor says so with every token.
    #[serde(default)]
    pub base_url: Option<String>,
}

/// How an access token is got.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Grant {
    /// By a refresh token, which the vendor may take once.
    RefreshToken {
        /// The app's id.
        client_id: String,
        /// The app's secret.
        #[serde(with = "exposed")]
        client_secret: SecretString,
        /// The token.
        #[serde(with = "exposed")]
        refresh_token: SecretString,
    },
    /// By the app's own secret.
    ClientCredentials {
        /// The app's id.
        client_id: String,
        /// The app's secret.
        #[serde(with = "exposed")]
        client_secret: SecretString,
    },
    /// By an assertion that is signed each time.
    JwtBearer {
        /// The app's id.
        client_id: String,
        /// For whom it asks.
        username: String,
        /// The host that shall believe it.
        audience: String,
        /// What signs it, in PEM.
        #[serde(with = "exposed")]
        private_key: SecretString,
    },
}

impl Credential {
    /// Reads what was sealed.
    pub fn parse(secret: SecretString) -> Result<Self, SecretError> {
        match secret.expose_secret().strip_prefix(MARK) {
            None => Ok(Self::Static(secret)),
            // nothing of it may become part of an error
            Some(json) => serde_json::from_str(json).map(Self::Granted).map_err(|_| SecretError::OtherKind),
        }
    }

    /// The text to be sealed.
    pub fn to_secret(&self) -> SecretString {
        match self {
            Self::Static(secret) => secret.clone(),
            Self::Granted(granted) => {
                let json = serde_json::to_string(granted).map(Zeroizing::new).expect("texts and times");
                SecretString::from(format!("{MARK}{}", json.as_str()))
            }
        }
    }

    /// The key, or the access token.
    pub fn token(&self) -> &SecretString {
        match self {
            Self::Static(secret) => secret,
            Self::Granted(granted) => &granted.access_token,
        }
    }

    /// Tokens that a grant renews, if it is that.
    pub fn granted(&self) -> Option<&Granted> {
        match self {
            Self::Static(_) => None,
            Self::Granted(granted) => Some(granted),
        }
    }
}

impl Granted {
    /// Whether the access token is so near its end, as far as is known, that it is to be renewed before it is used.
    pub fn is_near_end(&self, now: Timestamp) -> bool {
        let Some(end) = self.expires_at else { return false };
        let life = end.duration_since(self.obtained_at);
        let before = RENEWED_BEFORE_END.min(life / 5);
        end.duration_since(now) <= before
    }

    /// Whether it has ended, as far as is known.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Secrets as texts of JSON: what holds them is sealed at once.
mod exposed {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn granted(grant: Grant) -> Granted {
        Granted {
            grant,
            token_url: "https://app.gong.io/oauth2/generate-customer-token".to_owned(),
            access_token: SecretString::from("at-hunter2"),
            obtained_at: at("2026-11-21T15:00:00Z"),
            expires_at: Some(at("2026-11-21T15:30:00Z")),
            base_url: None,
        }
    }

    fn grants() -> [Grant; 3] {
        let (client_id, client_secret) = (|| "app-1".to_owned(), || SecretString::from("cs-hunter2"));
        [
            Grant::RefreshToken {
                client_id: client_id(),
                client_secret: client_secret(),
                refresh_token: SecretString::from("rt-hunter2"),
            },
            Grant::ClientCredentials { client_id: client_id(), client_secret: client_secret() },
            Grant::JwtBearer {
                client_id: client_id(),
                username: "ana@acme.example".to_owned(),
                audience: "https://login.salesforce.com".to_owned(),
                private_key: SecretString::from("pem-hunter2"),
            },
        ]
    }

    #[test]
    fn whatever_is_kept_comes_back_and_is_never_shown() {
        for grant in grants() {
            let credential = Credential::Granted(granted(grant));
            let back = Credential::parse(credential.to_secret()).expect("a credential");
            assert_eq!(back.to_secret().expose_secret(), credential.to_secret().expose_secret());
            assert_eq!(back.token().expose_secret(), "at-hunter2");
            let shown = format!("{back:?} {:?}", back.to_secret());
            assert!(shown.contains("app-1") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_key_that_was_sealed_before_there_were_grants_is_a_key() {
        for key in ["sk-1", "KEY:SECRET", "{\"type\":\"refresh_token\"}", ""] {
            let credential = Credential::parse(SecretString::from(key)).expect("a key");
            assert!(credential.granted().is_none());
            assert_eq!(credential.token().expose_secret(), key);
            assert_eq!(credential.to_secret().expose_secret(), key);
        }
    }

    #[test]
    fn what_another_program_sealed_is_refused_without_a_word_of_it() {
        for later in ["\u{1}{\"grant\":{\"type\":\"device\",\"x\":\"hunter2\"}}", "\u{1}hunter2", "\u{1}"] {
            let error =
                Credential::parse(SecretString::from(later)).expect_err("of another kind").to_string();
            assert!(error.contains("newer program") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_token_is_renewed_five_minutes_before_its_end_or_a_fifth_of_its_life() {
        let [grant, ..] = grants();
        let half_an_hour = granted(grant.clone());
        assert!(!half_an_hour.is_near_end(at("2026-11-21T15:24:59Z")));
        assert!(half_an_hour.is_near_end(at("2026-11-21T15:25:00Z")));
        assert!(!half_an_hour.is_over(at("2026-11-21T15:29:59Z")));
        assert!(half_an_hour.is_over(at("2026-11-21T15:30:00Z")));
        let ten_seconds = Granted { expires_at: Some(at("2026-11-21T15:00:10Z")), ..granted(grant.clone()) };
        assert!(!ten_seconds.is_near_end(at("2026-11-21T15:00:07Z")));
        assert!(ten_seconds.is_near_end(at("2026-11-21T15:00:08Z")));
        let unknown = Granted { expires_at: None, ..granted(grant) };
        assert!(!unknown.is_near_end(Timestamp::MAX) && !unknown.is_over(Timestamp::MAX));
    }
}
