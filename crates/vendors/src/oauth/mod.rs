//! Tokens: one function per grant, one request each, whatever the vendor.

mod answer;
mod assertion;
mod authorize;
mod error;
mod pkce;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument as _;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

pub use assertion::{Assertion, InvalidPrivateKey};
pub use authorize::{Authorization, AuthorizationRequest, NoCode};
pub use error::{Refusal, TokenError};
pub(crate) use pkce::Pkce;
pub use tokens::Tokens;

use crate::{BaseUrl, Failure, VendorError, VendorHttp};

/// An app as the vendor knows it.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// Its id, which is no secret.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// Where a vendor wants to see the app's id and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientIn {
    /// In an `Authorization` header.
    Header,
    /// In the form.
    Form,
}

/// What a person's consent left behind, to be exchanged for tokens once.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// The code.
    pub code: &'a SecretString,
    /// Where the code was sent, exactly as the vendor was told.
    pub redirect_uri: &'a str,
    /// The verifier, where the vendor was shown its challenge.
    pub verifier: Option<&'a SecretString>,
}

/// A vendor's token endpoint.
#[derive(Debug, Clone)]
pub struct TokenEndpoint {
    http: VendorHttp,
    url: BaseUrl,
    client_in: ClientIn,
}

impl TokenEndpoint {
    /// Prepares a client. The URL goes through [`BaseUrl`]: https unless explicitly allowed.
    pub fn new(http: VendorHttp, url: BaseUrl, client_in: ClientIn) -> Self {
        Self { http, url, client_in }
    }

    /// Where it is.
    pub fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Exchanges a code for tokens.
    pub async fn authorization_code(
        &self,
        client: &OAuthClient,
        consent: &Consent<'_>,
    ) -> Result<Tokens, TokenError> {
        let mut form = Form::of("authorization_code");
        form.secret("code", consent.code).plain("redirect_uri", consent.redirect_uri);
        if let Some(verifier) = consent.verifier {
            form.secret("code_verifier", verifier);
        }
        self.ask(form, Some(client)).await
    }

    /// Gets the next access token for a refresh token. The vendor may take each refresh token once: a new one in the answer is to be
    /// stored before anything else.
    pub async fn refresh(
        &self,
        client: &OAuthClient,
        refresh_token: &SecretString,
    ) -> Result<Tokens, TokenError> {
        let mut form = Form::of("refresh_token");
        form.secret("refresh_token", refresh_token);
        self.ask(form, Some(client)).await
    }

    /// Gets an access token for the app itself; there is no refresh token.
    pub async fn client_credentials(&self, client: &OAuthClient) -> Result<Tokens, TokenError> {
        self.ask(Form::of("client_credentials"), Some(client)).await
    }

    /// Gets an access token for a signed assertion; there is no refresh token.
    pub async fn jwt_bearer(&self, assertion: &SecretString) -> Result<Tokens, TokenError> {
        let mut form = Form::of("urn:ietf:params:oauth:grant-type:jwt-bearer");
        form.secret("assertion", assertion);
        self.ask(form, None).await
    }

    async fn ask(&self, mut form: Form, client: Option<&OAuthClient>) -> Result<Tokens, TokenError> {
        let grant = form.grant;
        let url = self.url.join(&[]).expect("no segment that a path could not hold");
        let mut authorization = None;
        match (client, self.client_in) {
            (Some(client), ClientIn::Header) => {
                // with the secret in the header, Gong wants the id in the form as well
                form.plain("client_id", &client.id);
                authorization = Some(form.basic(client)?);
            }
            (Some(client), ClientIn::Form) => {
                form.plain("client_id", &client.id).secret("client_secret", &client.secret);
            }
            (None, _) => {}
        }
        let span = tracing::info_span!("ask_for_token", host = self.url.host(), grant);
        let posted = self.http.post_form(url, authorization, form.encoded()).instrument(span).await;
        answer::read(posted, self.url.host()).map_err(|error| form.redact(error))
    }
}

/// A form that knows what in it is secret.
struct Form {
    grant: &'static str,
    fields: Vec<(&'static str, Zeroizing<String>)>,
    secrets: Vec<SecretString>,
}

impl Form {
    fn of(grant: &'static str) -> Self {
        Self { grant, fields: vec![("grant_type", Zeroizing::new(grant.to_owned()))], secrets: Vec::new() }
    }

    fn plain(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.fields.push((name, Zeroizing::new(value.to_owned())));
        self
    }

    fn secret(&mut self, name: &'static str, value: &SecretString) -> &mut Self {
        self.secrets.push(value.clone());
        self.plain(name, value.expose_secret())
    }

    /// The app's id and secret as a header has them.
    fn basic(&mut self, client: &OAuthClient) -> Result<HeaderValue, TokenError> {
        let pair = Zeroizing::new(format!("{}:{}", client.id, client.secret.expose_secret()));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        self.secrets.push(client.secret.clone());
        self.secrets.push(SecretString::from(encoded.as_str()));
        let text = Zeroizing::new(format!("Basic {}", encoded.as_str()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            let why = "the app's id and secret cannot be sent in a header";
            TokenError::NotAsked(VendorError::without_answer(Failure::BadRequest, why))
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn encoded(&self) -> Zeroizing<String> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(self.fields.iter().map(|(name, value)| (*name, value.as_str())));
        Zeroizing::new(form.finish())
    }

    /// Takes everything secret out of an error.
    fn redact(&self, error: TokenError) -> TokenError {
        let secrets: Vec<&str> = self.secrets.iter().map(SecretString::expose_secret).collect();
        error.without_all(&secrets)
    }
}
