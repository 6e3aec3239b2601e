//! Google's Secret Manager: one secret per connection, one version per credential.
//!
//! A version is read by its number, never as the latest: what is latest lags behind. Numbers only grow, so whatever is below the version
//! that a row names has no use any more.

mod crc32c;
mod endpoints;
mod home;
mod http;
mod memory;
mod refusal;
mod service_account;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use runtime::{Backoff, Clock, Env};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Owner, SecretError};
use crc32c::crc32c;
use endpoints::Endpoints;
pub(crate) use home::Home;
use http::Answer;
use memory::Memory;
use refusal::{Operation, Refusal};
use token::{Identity, Tokens};

/// Attempts at a request that somebody waits for.
const ATTEMPTS_MAX: u32 = 4;

/// The first wait is a second at least, with all jitter.
const WAITS: Backoff =
    Backoff { first: Duration::from_millis(1400), max: Duration::from_secs(8), multiplier: 2.0 };

/// Rounds of adding a version and looking whether it was added.
const ADD_ROUNDS: usize = 3;

/// Secret Manager, and what this process remembers of it.
#[derive(Debug)]
pub(crate) struct SecretManager {
    client: Client,
    endpoints: Endpoints,
    tokens: Tokens,
    memory: Memory,
}

/// A request.
struct Ask<'a> {
    operation: Operation,
    method: Method,
    /// After the version of the API.
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    body: Option<Value>,
}

#[derive(Deserialize)]
struct Added {
    name: String,
}

#[derive(Deserialize)]
struct Accessed {
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    data: String,
    data_crc32c: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    #[serde(default)]
    versions: Vec<Added>,
    #[serde(default)]
    next_page_token: String,
}

impl SecretManager {
    /// Reads the settings; nothing is asked yet.
    pub(crate) fn from_env(env: &Env, clock: Clock) -> Result<Self, SecretError> {
        let allow_http = env.flag("SWITCHBOARD_SECRETS_ALLOW_HTTP", false)?;
        let endpoints = Endpoints::from_env(env, allow_http)?;
        let identity = match env.text("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => Identity::KeyFile(PathBuf::from(file)),
            None => Identity::Machine(
                env.text("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned()),
            ),
        };
        let tokens = Tokens::new(identity, allow_http, clock);
        Ok(Self { client: http::client()?, endpoints, tokens, memory: Memory::default() })
    }

    /// Finds out whether this process may speak at all.
    pub(crate) async fn check(&self) -> Result<(), SecretError> {
        self.tokens.current(&self.client).await.map(drop)
    }

    /// Adds a version with the secret, and the connection's secret before its first; returns both.
    pub(crate) async fn put(
        &self,
        home: &Home,
        owner: Owner<'_>,
        value: &SecretString,
    ) -> Result<(String, i64), SecretError> {
        let secret = home.secret(owner);
        let added = match self.add(&secret, value).await {
            Err(Refusal::Missing(_)) => {
                self.create(home, owner).await.map_err(|refusal| refusal.about(&secret))?;
                self.add(&secret, value).await
            }
            added => added,
        };
        let version = added.map_err(|refusal| refusal.about(&secret))?;
        Ok((secret, version))
    }

    async fn create(&self, home: &Home, owner: Owner<'_>) -> Result<(), Refusal> {
        let mut body = json!({
            "labels": { "app": "switchboard" },
            "annotations": { "tenant": owner.tenant, "connection": owner.connection_id },
        });
        // what is kept in one region is copied nowhere
        if !home.is_regional() {
            body["replication"] = json!({ "automatic": {} });
        }
        let ask = Ask {
            operation: Operation::Create,
            method: Method::POST,
            path: &home.collection(),
            query: &[("secretId", &home.name(owner))],
            body: Some(body),
        };
        match self.ask::<Value>(&ask, ATTEMPTS_MAX).await {
            Ok(_) | Err(Refusal::Exists) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Adds a version. One whose answer was lost is looked for before it is added again; should both come to be, the one that no row names
    /// is destroyed with the older ones.
    async fn add(&self, secret: &str, value: &SecretString) -> Result<i64, Refusal> {
        let mut lost = None;
        for _ in 0..ADD_ROUNDS {
            if lost.is_some()
                && let Some(version) = self.find(secret, value).await?
            {
                return Ok(version);
            }
            match self.add_once(secret, value).await {
                Err(refusal @ Refusal::Unknown(_)) => lost = Some(refusal),
                added => return added,
            }
        }
        Err(lost.expect("a round that did not return has lost its answer"))
    }

    async fn add_once(&self, secret: &str, value: &SecretString) -> Result<i64, Refusal> {
        let bytes = value.expose_secret().as_bytes();
        let payload = json!({ "data": STANDARD.encode(bytes), "dataCrc32c": crc32c(bytes).to_string() });
        let ask = Ask {
            operation: Operation::Add,
            method: Method::POST,
            path: &format!("{secret}:addVersion"),
            query: &[],
            body: Some(json!({ "payload": payload })),
        };
        let added: Added = self.ask(&ask, ATTEMPTS_MAX).await?;
        number_of(&added.name)
    }

    /// The newest version, if it holds this secret.
    async fn find(&self, secret: &str, value: &SecretString) -> Result<Option<i64>, Refusal> {
        let Some(newest) = self.versions(secret, ATTEMPTS_MAX).await?.into_iter().max() else {
            return Ok(None);
        };
        let found = self.access(secret, newest).await?;
        Ok((found.expose_secret() == value.expose_secret()).then_some(newest))
    }

    /// Reads a version, or remembers it for some minutes.
    pub(crate) async fn read(&self, secret: &str, version: i64) -> Result<SecretString, SecretError> {
        if let Some(value) = self.memory.recall(secret, version) {
            return Ok(value);
        }
        let read = self.access(secret, version).await;
        let value = read.map_err(|refusal| refusal.about(&format!("{secret}/versions/{version}")))?;
        self.memory.keep(secret, version, &value);
        Ok(value)
    }

    /// Reads a version past what is remembered of it; says whether that was right.
    pub(crate) async fn was_right(&self, secret: &str, version: i64) -> Result<bool, SecretError> {
        let remembered = self.memory.forget(secret, version);
        let value = self.read(secret, version).await?;
        Ok(remembered.is_none_or(|remembered| remembered.expose_secret() == value.expose_secret()))
    }

    async fn access(&self, secret: &str, version: i64) -> Result<SecretString, Refusal> {
        let ask = Ask {
            operation: Operation::Access,
            method: Method::GET,
            path: &format!("{secret}/versions/{version}:access"),
            query: &[],
            body: None,
        };
        for attempt in 0..ATTEMPTS_MAX {
            if let Some(value) = verified(self.ask::<Accessed>(&ask, ATTEMPTS_MAX).await?.payload) {
                return Ok(value);
            }
            tokio::time::sleep(WAITS.delay(attempt)).await;
        }
        Err(Refusal::Unknown("what arrives does not have the checksum it is sent with".to_owned()))
    }

    /// Destroys the versions below one that is in use, as far as possible now; what is left goes with the next.
    pub(crate) async fn destroy_below(&self, secret: &str, version: i64) -> Result<(), SecretError> {
        let destroyed = async {
            for old in self.versions(secret, 1).await?.into_iter().filter(|old| *old < version) {
                self.destroy(secret, old, 1).await?;
            }
            Ok(())
        };
        destroyed.await.map_err(|refusal: Refusal| refusal.about(secret))
    }

    /// Destroys every version, the one that is known first.
    pub(crate) async fn destroy_all(&self, secret: &str, known: i64) -> Result<(), SecretError> {
        let destroyed = async {
            self.destroy(secret, known, ATTEMPTS_MAX).await?;
            // the list lags behind
            for version in self.versions(secret, ATTEMPTS_MAX).await?.into_iter().filter(|one| *one != known)
            {
                self.destroy(secret, version, ATTEMPTS_MAX).await?;
            }
            Ok(())
        };
        match destroyed.await {
            Ok(()) | Err(Refusal::Missing(_)) => Ok(()),
            Err(refusal) => Err(refusal.about(secret)),
        }
    }

    async fn destroy(&self, secret: &str, version: i64, attempts: u32) -> Result<(), Refusal> {
        self.memory.forget(secret, version);
        let ask = Ask {
            operation: Operation::Destroy,
            method: Method::POST,
            path: &format!("{secret}/versions/{version}:destroy"),
            query: &[],
            body: Some(json!({})),
        };
        match self.ask::<Value>(&ask, attempts).await {
            // it is destroyed already
            Ok(_) | Err(Refusal::State(_)) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// The numbers of the enabled versions.
    async fn versions(&self, secret: &str, attempts: u32) -> Result<Vec<i64>, Refusal> {
        let (mut numbers, mut token) = (Vec::new(), String::new());
        loop {
            let ask = Ask {
                operation: Operation::List,
                method: Method::GET,
                path: &format!("{secret}/versions"),
                query: &[("pageSize", "100"), ("filter", "state:ENABLED"), ("pageToken", &token)],
                body: None,
            };
            let page: Versions = self.ask(&ask, attempts).await?;
            for version in &page.versions {
                numbers.push(number_of(&version.name)?);
            }
            if page.next_page_token.is_empty() || page.next_page_token == token {
                return Ok(numbers);
            }
            token = page.next_page_token;
        }
    }

    /// Asks, and again after a wait where that is of use.
    async fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>, attempts: u32) -> Result<T, Refusal> {
        let mut attempt = 0;
        loop {
            let refusal = match self.ask_with_token(ask).await {
                Ok(answer) => {
                    return serde_json::from_slice(&answer.body)
                        .map_err(|_| Refusal::Unknown("the answer is not Secret Manager's".to_owned()));
                }
                Err(refusal) => refusal,
            };
            attempt += 1;
            if attempt >= attempts || !refusal.allows_another(ask.operation) {
                return Err(refusal);
            }
            tokio::time::sleep(WAITS.delay(attempt - 1)).await;
        }
    }

    /// Asks with a token; with a fresh one if it is refused.
    async fn ask_with_token(&self, ask: &Ask<'_>) -> Result<Answer, Refusal> {
        match self.ask_once(ask).await {
            Err(Refusal::Unauthenticated(_)) => self.ask_once(ask).await,
            answered => answered,
        }
    }

    async fn ask_once(&self, ask: &Ask<'_>) -> Result<Answer, Refusal> {
        let token = self.tokens.current(&self.client).await.map_err(|error| match error {
            SecretError::Unavailable(words) => Refusal::NotNow(words),
            error => Refusal::Unauthenticated(error.to_string()),
        })?;
        let url = format!("{}/v1/{}", self.endpoints.of(ask.path), ask.path);
        let request = self.client.request(ask.method.clone(), url).query(ask.query);
        let request = request.bearer_auth(token.expose_secret());
        let request = match &ask.body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = http::send(request).await.map_err(Refusal::Unknown)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let refusal = Refusal::of(ask.operation, answer.status, &answer.body);
        if matches!(refusal, Refusal::Unauthenticated(_)) {
            self.tokens.forget(&token).await;
        }
        Err(refusal)
    }
}

/// The number at the end of a version's name. The rest has the project's number where we say its id.
fn number_of(name: &str) -> Result<i64, Refusal> {
    let number = name.rsplit_once("/versions/").and_then(|(_, number)| number.parse().ok());
    number.ok_or_else(|| Refusal::Unknown(format!("{name} is no name of a version")))
}

/// The secret of a payload; `None` if it was damaged on the way.
fn verified(payload: Payload) -> Option<SecretString> {
    let encoded = Zeroizing::new(payload.data);
    let bytes = Zeroizing::new(STANDARD.decode(encoded.as_bytes()).ok()?);
    let stated = match payload.data_crc32c? {
        Value::String(text) => text.parse().ok()?,
        number => number.as_i64()?,
    };
    if stated != i64::from(crc32c(&bytes)) {
        return None;
    }
    std::str::from_utf8(&bytes).ok().map(SecretString::from)
}

#[cfg(test)]
mod examples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_counts_only_with_its_checksum_as_a_number_or_as_text() {
        let payload = |data: &str, crc: Value| {
            let json = json!({ "data": data, "dataCrc32c": crc });
            verified(serde_json::from_value(json).expect("a payload"))
                .map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(payload("aGVsbG8=", json!("2591144780")).as_deref(), Some("hello"));
        assert_eq!(payload("aGVsbG8=", json!(2_591_144_780_u32)).as_deref(), Some("hello"));
        for (data, crc) in [
            ("aGVsbG8=", json!("2591144781")),
            ("aGVsbG9h", json!("2591144780")),
            ("aGVsbG8=", Value::Null),
            ("aGVsbG8=", json!("-1703822516")),
            ("not base64", json!("2591144780")),
        ] {
            assert_eq!(payload(data, crc.clone()), None, "{data} {crc}");
        }
    }
}
