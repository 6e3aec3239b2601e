//! Assertions: a signed statement of who asks, instead of a person's consent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// How long an assertion is good: what other clients send; five minutes are said to be the most.
const LIFE: Duration = Duration::from_mins(3);

/// A private key that cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the private key {0}: expected an RSA key of 2048 bits or more in PEM, without a passphrase")]
pub struct InvalidPrivateKey(&'static str);

/// What is stated.
#[derive(Debug, Clone, Copy)]
pub struct Assertion<'a> {
    /// The app's id.
    pub issuer: &'a str,
    /// The user for whom it asks.
    pub subject: &'a str,
    /// The host that shall believe it.
    pub audience: &'a str,
}

impl Assertion<'_> {
    /// Signs it with a private key in PEM, by RS256.
    pub fn signed(
        &self,
        private_key_pem: &SecretString,
        now: Timestamp,
    ) -> Result<SecretString, InvalidPrivateKey> {
        let key = read_key(private_key_pem)?;
        let claims = json!({
            "iss": self.issuer, "sub": self.subject, "aud": self.audience,
            "exp": now.as_second() + i64::try_from(LIFE.as_secs()).unwrap_or_default(),
        });
        let stated = format!(
            "{}.{}",
            encoded(br#"{"alg":"RS256","typ":"JWT"}"#),
            encoded(claims.to_string().as_bytes())
        );
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), stated.as_bytes(), &mut signature)
            .map_err(|_| InvalidPrivateKey("does not sign"))?;
        Ok(SecretString::from(format!("{stated}.{}", encoded(&signature))))
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_key(pem: &SecretString) -> Result<KeyPair, InvalidPrivateKey> {
    let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
        .map_err(|_| InvalidPrivateKey("cannot be read"))?;
    let key = match &der {
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(InvalidPrivateKey("is not of RSA")),
    };
    key.map_err(|_| InvalidPrivateKey("cannot be used"))
}
