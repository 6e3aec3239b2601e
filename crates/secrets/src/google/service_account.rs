//! A service account's key file, and what it is exchanged for.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Client;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::http::{Answer, parse_url, send};
use crate::SecretError;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The longest an assertion may be good for.
const LIFE_S: i64 = 3600;

/// Clocks differ: an assertion from the future is refused.
const CLOCK_SLACK_S: i64 = 10;

/// A service account that can sign.
pub(super) struct ServiceAccount {
    file: String,
    email: String,
    key_id: String,
    key: RsaKeyPair,
    token_url: String,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
    #[serde(default = "google_token_url")]
    token_uri: String,
}

fn google_token_url() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl ServiceAccount {
    /// Reads a key file.
    pub(super) fn read(file: &Path, allow_http: bool) -> Result<Self, SecretError> {
        let path = file.display().to_string();
        let unusable = |why: &str| SecretError::KeyFile { path: path.clone(), why: why.to_owned() };
        let text = std::fs::read(file).map_err(|error| unusable(&error.to_string()))?;
        let text = Zeroizing::new(text);
        // the error of a parser may quote what it read
        let read: KeyFile =
            serde_json::from_slice(&text).map_err(|_| unusable("it is no JSON of Google's"))?;
        if read.kind != "service_account" {
            return Err(unusable(&format!("its type is {:?}, expected service_account", read.kind)));
        }
        let pem = Zeroizing::new(read.private_key);
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| unusable("its private_key is no PKCS#8 key in PEM"))?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_| unusable("its private_key is no RSA key of 2048 bits or more"))?;
        let token_url = parse_url(&read.token_uri, allow_http)
            .map_err(|expected| unusable(&format!("its token_uri is not {expected}")))?;
        Ok(Self { file: path, email: read.client_email, key_id: read.private_key_id, key, token_url })
    }

    /// Asks for a token with a fresh assertion.
    pub(super) async fn ask(&self, client: &Client, now: Timestamp) -> Result<Answer, SecretError> {
        let form = [("grant_type", GRANT), ("assertion", &self.assertion(now)?)];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            client.post(&self.token_url).header("content-type", "application/x-www-form-urlencoded");
        send(request.body(body)).await.map_err(|what| SecretError::Unavailable(format!("no token: {what}")))
    }

    /// A signed JWT that says who asks for what.
    fn assertion(&self, now: Timestamp) -> Result<Zeroizing<String>, SecretError> {
        let issued_at = now.as_second() - CLOCK_SLACK_S;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_url, "iat": issued_at, "exp": issued_at + LIFE_S,
        });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(
            |_| SecretError::KeyFile { path: self.file.clone(), why: "its key cannot sign".to_owned() },
        )?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
