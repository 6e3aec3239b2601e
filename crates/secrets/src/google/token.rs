//! Access tokens: from the metadata server, or for a service account's key file.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Client;
use runtime::Clock;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::{Answer, send};
use super::service_account::ServiceAccount;
use crate::SecretError;

/// A token is asked for anew so long before it expires.
const SLACK: Duration = Duration::from_mins(4);

/// Who vouches for this process.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// The machine it runs on, by the metadata server at this host.
    Machine(String),
    /// A service account, by its key file.
    KeyFile(PathBuf),
}

/// The tokens of this process.
#[derive(Debug)]
pub(super) struct Tokens {
    identity: Identity,
    allow_http: bool,
    clock: Clock,
    /// Held while one is asked for, so that only one caller does.
    current: Mutex<Option<Token>>,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    pub(super) until: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    pub(super) fn new(identity: Identity, allow_http: bool, clock: Clock) -> Self {
        Self { identity, allow_http, clock, current: Mutex::new(None) }
    }

    /// A token that is good for a while.
    pub(super) async fn current(&self, client: &Client) -> Result<SecretString, SecretError> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(token.secret.clone());
        }
        let token = self.ask(client).await?;
        *current = Some(token.clone());
        Ok(token.secret)
    }

    /// Forgets a token that was refused, unless somebody was faster.
    pub(super) async fn forget(&self, refused: &SecretString) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|token| token.secret.expose_secret() == refused.expose_secret()) {
            *current = None;
        }
    }

    async fn ask(&self, client: &Client) -> Result<Token, SecretError> {
        let asked_at = Instant::now();
        let answer = match &self.identity {
            Identity::Machine(host) => ask_machine(client, host).await?,
            // read every time: a mounted file may be replaced
            Identity::KeyFile(file) => {
                ServiceAccount::read(file, self.allow_http)?.ask(client, self.clock.now()).await?
            }
        };
        read(&answer, asked_at)
    }
}

async fn ask_machine(client: &Client, host: &str) -> Result<Answer, SecretError> {
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let request = client.get(url).header("metadata-flavor", "Google");
    let answer = send(request).await.map_err(|what| {
        SecretError::Unavailable(format!(
            "the metadata server {host} gave no token ({what}); outside of Google Cloud name a service account's key file \
             in GOOGLE_APPLICATION_CREDENTIALS"
        ))
    })?;
    if !answer.is_of_metadata_server {
        return Err(SecretError::Unauthenticated(format!("{host} does not answer like a metadata server")));
    }
    Ok(answer)
}

pub(super) fn read(answer: &Answer, asked_at: Instant) -> Result<Token, SecretError> {
    match answer.status {
        200 => {}
        status @ 300..=399 => {
            let why = format!("status {status}: a redirect, which no request for a token follows");
            return Err(SecretError::Unauthenticated(why));
        }
        429 | 500.. => {
            return Err(SecretError::Unavailable(format!("no token: status {}", answer.status)));
        }
        status => {
            let words: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let word = |name: &str| words[name].as_str().unwrap_or_default().to_owned();
            let words = format!("status {status} {} {}", word("error"), word("error_description"));
            return Err(SecretError::Unauthenticated(words.trim_end().to_owned()));
        }
    }
    let TokenAnswer { access_token, expires_in } = serde_json::from_slice(&answer.body).map_err(|_| {
        SecretError::Unauthenticated("the answer to a request for a token has none".to_owned())
    })?;
    // the metadata server hands out what it has, down to its last minutes
    let life = Duration::from_secs(expires_in);
    let until = asked_at + life - SLACK.min(life / 2);
    Ok(Token { secret: SecretString::from(access_token), until })
}
