//! Tokens, and how the next ones are got: without a person by the app's own secret, or by an assertion that its key signs.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use runtime::Clock;
use secrecy::SecretString;
use secrets::{Credential, Grant, Granted};
use serde::Deserialize;
use vendors::oauth::{ClientIn, Refusal, TokenEndpoint, TokenError, Tokens};
use vendors::{BaseUrl, HttpOptions, VendorHttp};

use super::oauth::not_asked;
use super::read_text;

/// How tokens are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// By the app's id and secret, as the user it runs as.
    ClientCredentials,
    /// By an assertion for a user, signed with the app's private key.
    JwtBearer,
    /// By a person's consent in a browser.
    AuthorizationCode,
}

/// An app, as its file has it.
#[derive(Deserialize)]
struct AppFile {
    client_id: String,
    client_secret: Option<String>,
    username: Option<String>,
    private_key_file: Option<PathBuf>,
    audience: Option<String>,
}

/// Tokens, and how the next ones are got.
pub(super) struct Obtained {
    pub(super) tokens: Tokens,
    pub(super) grant: Grant,
    pub(super) token_url: BaseUrl,
}

/// Gets the first token as all later ones will be got. Without a word about it in the file, `audience` is who shall believe an assertion.
pub(super) async fn obtain(
    way: Way,
    file: &Path,
    token_url: BaseUrl,
    audience: &str,
) -> anyhow::Result<Obtained> {
    let grant = read_grant(way, file, audience)?;
    let endpoint = TokenEndpoint::new(VendorHttp::new(&HttpOptions::default())?, token_url, ClientIn::Form);
    let asked = fetcher::ask_for_tokens(&endpoint, &grant, Clock::system().now()).await?;
    let token_url = endpoint.url().clone();
    match asked {
        Ok(tokens) => Ok(Obtained { tokens, grant, token_url }),
        Err(error) => bail!("{}; nothing was saved", explain(&error, way, &token_url)),
    }
}

impl Obtained {
    /// What is kept.
    pub(super) fn credential(&self, base_url: Option<&BaseUrl>) -> Credential {
        let obtained_at = Clock::system().now();
        Credential::Granted(Granted {
            grant: self.grant.clone(),
            token_url: self.token_url.as_str().to_owned(),
            access_token: self.tokens.access_token.clone(),
            obtained_at,
            expires_at: self.tokens.expires_in.and_then(|life| obtained_at.checked_add(life).ok()),
            base_url: base_url.map(|url| url.as_str().to_owned()),
        })
    }
}

fn read_grant(way: Way, file: &Path, audience: &str) -> anyhow::Result<Grant> {
    let text = read_text(file)?;
    // an error of the parser quotes what it met, which may be the secret
    let app: Option<AppFile> = serde_json::from_str(&text).ok();
    let is_word = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let unfit = || anyhow!("{}: expected JSON with {}", file.display(), expected(way));
    let app = app.filter(|app| is_word(&app.client_id)).ok_or_else(unfit)?;
    let client_id = app.client_id;
    if way != Way::JwtBearer {
        let client_secret = app.client_secret.filter(is_word).map(SecretString::from).ok_or_else(unfit)?;
        return Ok(Grant::ClientCredentials { client_id, client_secret });
    }
    let username = app.username.filter(is_word).ok_or_else(unfit)?;
    // beside the app's file, unless it says otherwise
    let key = file.parent().unwrap_or(Path::new("")).join(app.private_key_file.ok_or_else(unfit)?);
    let pem = read_text(&key)?;
    let audience = app.audience.unwrap_or_else(|| audience.to_owned());
    Ok(Grant::JwtBearer { client_id, username, audience, private_key: SecretString::from(pem) })
}

const fn expected(way: Way) -> &'static str {
    match way {
        Way::JwtBearer => "client_id, username and private_key_file (PEM), and perhaps audience",
        _ => "client_id and client_secret",
    }
}

fn explain(error: &TokenError, way: Way, token_url: &BaseUrl) -> String {
    let host = token_url.host();
    match (error.refusal(), way) {
        (Some(Refusal::Grant), Way::JwtBearer) => format!(
            "{host} does not believe the assertion ({error}): the user must be approved for the app, the certificate of the key be the \
             app's, and username and audience right"
        ),
        (Some(Refusal::Client), _) => {
            format!("{host} does not know the app by this id and secret ({error}): check --oauth-client-file")
        }
        (Some(_), _) => format!(
            "{host} gives the app no token ({error}): see that this way is switched on for it, and whom it runs as"
        ),
        (None, _) => not_asked(error, host),
    }
}
