//! Connecting by OAuth: a person consents at the vendor, and the code that comes back becomes tokens.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::SecretString;
use secrets::Grant;
use serde::Deserialize;
use url::Url;
use vendors::oauth::{
    Authorization, AuthorizationRequest, ClientIn, Consent, NoCode, OAuthClient, Refusal, TokenEndpoint,
    TokenError,
};
use vendors::{BaseUrl, Failure, HttpOptions, VendorHttp};

use super::callback::{Callback, pasted};
use super::grant::Obtained;
use super::read_text;

#[derive(Debug, Args)]
pub(super) struct OAuthArgs {
    /// Connect by OAuth: the file with the app, as JSON with `client_id` and `client_secret`, and where they are not the usual ones
    /// `redirect_uri` and `scopes` (a list). The address at which a person consents is printed.
    #[arg(long)]
    oauth_client_file: Option<PathBuf>,
    /// Where a person consents, for a stand-in (default: the vendor's own).
    #[arg(long, requires = "oauth_client_file")]
    auth_url: Option<String>,
    /// Read from standard input what the browser's address line says in the end, or only the code, instead of waiting for the browser.
    #[arg(long, requires = "oauth_client_file")]
    paste_code: bool,
}

/// How a vendor does it.
pub(super) struct Provider<'a> {
    /// Its name, for people.
    pub(super) name: &'static str,
    /// Where a person consents, unless somebody says otherwise.
    pub(super) auth_url: &'a str,
    /// Where it wants to see the app's secret.
    pub(super) client_in: ClientIn,
    /// It takes a challenge.
    pub(super) pkce: bool,
    /// What is asked for, unless the app's file says otherwise.
    pub(super) scopes: Vec<String>,
}

/// An app, as its file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFile {
    client_id: String,
    client_secret: String,
    redirect_uri: Option<String>,
    scopes: Option<Vec<String>>,
}

impl OAuthArgs {
    /// Whether to connect by OAuth.
    pub(super) fn client_file(&self) -> Option<&Path> {
        self.oauth_client_file.as_deref()
    }

    /// Has a person consent, and exchanges the code. `token_url` says where, by the address of the consent.
    pub(super) async fn consent(
        &self,
        provider: Provider<'_>,
        allow_http: bool,
        token_url: impl FnOnce(&BaseUrl) -> BaseUrl,
    ) -> anyhow::Result<Obtained> {
        let file = self.client_file().context("--oauth-client-file is missing")?;
        let app = read_client(file)?;
        let auth_url = self.auth_url.as_deref().unwrap_or(provider.auth_url);
        let auth_url = BaseUrl::parse(auth_url, allow_http).context("--auth-url")?;
        let client = OAuthClient { id: app.client_id, secret: SecretString::from(app.client_secret) };
        let callback = Callback::prepare(app.redirect_uri.as_deref(), self.paste_code).await?;
        let redirect_uri = callback.redirect_uri().to_owned();
        let scopes = app.scopes.unwrap_or(provider.scopes);
        let authorization = Authorization::new(&AuthorizationRequest {
            auth_url: &auth_url,
            client_id: &client.id,
            redirect_uri: &redirect_uri,
            scopes: &scopes,
            pkce: provider.pkce,
        });
        let code = code(callback, &authorization).await?;
        let token_url = token_url(&auth_url);
        let http = VendorHttp::new(&HttpOptions::default())?;
        let endpoint = TokenEndpoint::new(http, token_url.clone(), provider.client_in);
        let verifier = authorization.verifier.as_ref();
        let consent = Consent { code: &code, redirect_uri: &redirect_uri, verifier };
        let tokens = match endpoint.authorization_code(&client, &consent).await {
            Ok(tokens) => tokens,
            Err(error) => bail!("{}; nothing was saved", explain(&error, provider.name, &token_url)),
        };
        let Some(refresh_token) = tokens.refresh_token.clone() else {
            bail!(
                "{} gave no refresh token, so the connection would end within the day: let the app have one; nothing was saved",
                token_url.host()
            );
        };
        let grant = Grant::RefreshToken { client_id: client.id, client_secret: client.secret, refresh_token };
        Ok(Obtained { tokens, grant, token_url })
    }
}

fn read_client(file: &Path) -> anyhow::Result<ClientFile> {
    let text = read_text(file)?;
    // an error of the parser quotes what it met, which may be the secret
    let app: Option<ClientFile> = serde_json::from_str(&text).ok();
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    app.filter(|app| is_word(&app.client_id) && is_word(&app.client_secret)).with_context(|| {
        format!(
            "{}: expected JSON with client_id and client_secret, and perhaps redirect_uri and scopes (a list of words)",
            file.display()
        )
    })
}

/// Shows the address, and takes what comes back, once.
async fn code(callback: Callback, authorization: &Authorization) -> anyhow::Result<SecretString> {
    eprintln!("open this address in a browser and let the app in:\n\n{}\n", authorization.url);
    let (answer, page) = match callback {
        Callback::Paste { redirect_uri } => {
            eprintln!(
                "then paste the address at which the browser ends, or the code alone, and press Enter:"
            );
            match pasted(&redirect_uri)? {
                Ok(address) => (address, None),
                // whoever has only the code has brought it by hand, from where the state had led
                Err(code) => return Ok(code),
            }
        }
        Callback::Listen(listener) => {
            let (address, page) = listener.answer().await?;
            (address, Some(page))
        }
    };
    let code = authorization.code(&answer);
    if let Some(page) = page {
        page.close(code.is_ok()).await;
    }
    match code {
        Ok(code) => Ok(code),
        Err(error @ NoCode::Refused(_)) => {
            bail!("{error}: whoever consents must be allowed to let apps in; nothing was saved")
        }
        Err(error) => bail!("{error}: run the command again and open the new address; nothing was saved"),
    }
}

fn explain(error: &TokenError, vendor: &str, token_url: &BaseUrl) -> String {
    let host = token_url.host();
    match error.refusal() {
        Some(Refusal::Grant) => format!(
            "{host} does not take the code ({error}): it was used before, or is older than ten minutes; run the command again"
        ),
        Some(Refusal::Client) => {
            format!("{host} does not know the app by this id and secret ({error}): check --oauth-client-file")
        }
        Some(Refusal::App) => format!(
            "the app was revoked or is not let in ({error}): see the app at {vendor}, then have the customer consent again"
        ),
        Some(Refusal::RedirectUri) => format!(
            "the app is registered with another redirect address ({error}): put that into --oauth-client-file as redirect_uri"
        ),
        Some(Refusal::Scope) => format!(
            "the app may not ask for these scopes ({error}): register them, or name others in --oauth-client-file"
        ),
        Some(Refusal::Request) => format!("{host} refuses the request for a token ({error})"),
        None => not_asked(error, host),
    }
}

/// Why nobody has been asked for a token.
pub(super) fn not_asked(error: &TokenError, host: &str) -> String {
    match error.error().failure {
        Failure::Redirect | Failure::NotFound => {
            format!("{host} is not where the vendor gives tokens ({error}): check --base-url and --auth-url")
        }
        _ => format!("{host} cannot be asked for a token right now ({error})"),
    }
}

/// The address a pasted text is, if it is one.
pub(super) fn address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}
