//! The next access token: one process at a time asks for it, and what it gets is stored before anybody uses it.

use std::time::Duration;

use jiff::Timestamp;
use model::Vendor;
use secrecy::SecretString;
use secrets::{Credential, Grant, Granted, NoToken, Opened, RefreshError};
use vendors::BaseUrl;
use vendors::oauth::{
    Assertion, ClientIn, InvalidPrivateKey, OAuthClient, Refusal, TokenEndpoint, TokenError, Tokens,
};

use super::holder::Place;
use super::{base_url_of, not_opened};
use crate::Shared;
use crate::ask::Setback;

/// Whoever waits for somebody else's turn waits no longer: the page is tried again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Error class where the vendor gave no token, and may give one later.
pub(crate) const NO_TOKEN: &str = "no-token";

/// Between looks at a turn that takes longer.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Gets the token after a generation, or what took its place meanwhile.
pub(super) async fn renewed(shared: &Shared, place: &Place, generation: i32) -> Result<Opened, Setback> {
    let secrets = secrets::Place {
        store: &shared.deps.store,
        vault: &shared.deps.vault,
        tenant: &place.tenant,
        connection_id: place.connection_id,
    };
    let ask = |secret| next(shared, place, secret);
    let opened = secrets.refresh(generation, PATIENCE, ask).await;
    runtime::failpoint!("renew.kept");
    let outcome = match &opened {
        Ok(_) => "renewed",
        Err(RefreshError::Refused { .. }) => "refused",
        Err(_) => "failed",
    };
    shared.deps.metrics.renewed(outcome);
    match opened {
        Ok(opened) => {
            tracing::info!(generation = opened.generation, connection.id = %place.connection_id,
                "renewed the access token");
            Ok(opened)
        }
        Err(RefreshError::Refused { generation, reason, interrupted }) => {
            Err(Setback::NotRenewed { generation, reason, interrupted })
        }
        Err(error @ RefreshError::Later(_)) => {
            Err(Setback::Page { class: NO_TOKEN, reason: error.to_string() })
        }
        Err(RefreshError::Busy) => Err(Setback::NotBefore(LOOK_AGAIN)),
        Err(RefreshError::Absent) => Err(Setback::NoCredential),
        Err(RefreshError::Store(error)) => Err(Setback::Store(error)),
        Err(RefreshError::Secret(error)) => Err(not_opened(error)),
    }
}

/// What is to be sealed next, for what is sealed now.
async fn next(shared: &Shared, place: &Place, secret: SecretString) -> Result<SecretString, NoToken> {
    runtime::failpoint!("renew.intended");
    let not_asked = |why: String| NoToken::NotAsked(why);
    let credential = Credential::parse(secret).map_err(|error| not_asked(error.to_string()))?;
    let Credential::Granted(granted) = credential else {
        return Err(not_asked("a key is not renewed".to_owned()));
    };
    let url = BaseUrl::parse(&granted.token_url, place.allow_http);
    let url = url.map_err(|error| not_asked(format!("for tokens, {error}")))?;
    let endpoint = TokenEndpoint::new(shared.http.clone(), url, client_in(place.vendor));
    let tokens = ask(shared, &endpoint, &granted.grant).await?;
    runtime::failpoint!("renew.answered");
    Ok(Credential::Granted(successor(shared, place, &granted, tokens)).to_secret())
}

const fn client_in(vendor: Vendor) -> ClientIn {
    match vendor {
        Vendor::Gong => ClientIn::Header,
        _ => ClientIn::Form,
    }
}

/// Asks for tokens as a grant has it, the first ones and all later ones; an error beside the vendor's own is a key that cannot sign.
pub async fn ask_for_tokens(
    endpoint: &TokenEndpoint,
    grant: &Grant,
    now: Timestamp,
) -> Result<Result<Tokens, TokenError>, InvalidPrivateKey> {
    let client = |id: &String, secret: &SecretString| OAuthClient { id: id.clone(), secret: secret.clone() };
    Ok(match grant {
        Grant::RefreshToken { client_id, client_secret, refresh_token } => {
            endpoint.refresh(&client(client_id, client_secret), refresh_token).await
        }
        Grant::ClientCredentials { client_id, client_secret } => {
            endpoint.client_credentials(&client(client_id, client_secret)).await
        }
        Grant::JwtBearer { client_id, username, audience, private_key } => {
            let assertion = Assertion { issuer: client_id, subject: username, audience };
            endpoint.jwt_bearer(&assertion.signed(private_key, now)?).await
        }
    })
}

async fn ask(shared: &Shared, endpoint: &TokenEndpoint, grant: &Grant) -> Result<Tokens, NoToken> {
    let tokens = ask_for_tokens(endpoint, grant, shared.deps.clock.now()).await;
    let tokens = tokens.map_err(|error| NoToken::Denied(error.to_string()))?;
    let spends = matches!(grant, Grant::RefreshToken { .. });
    tokens.map_err(|error| match (&error, error.refusal()) {
        // only of a refresh token can it be that it was spent by an attempt nobody heard of
        (_, Some(Refusal::Grant)) if spends => NoToken::Refused(error.to_string()),
        (_, Some(_)) => NoToken::Denied(error.to_string()),
        (TokenError::Unknown(_), _) if spends => NoToken::Unknown(error.to_string()),
        _ => NoToken::NotAsked(error.to_string()),
    })
}

/// What was given, and what stays of what was there.
fn successor(shared: &Shared, place: &Place, before: &Granted, tokens: Tokens) -> Granted {
    let mut next = before.clone();
    if let (Grant::RefreshToken { refresh_token, .. }, Some(fresh)) = (&mut next.grant, tokens.refresh_token)
    {
        *refresh_token = fresh;
    }
    next.access_token = tokens.access_token;
    next.obtained_at = shared.deps.clock.now();
    next.expires_at = tokens.expires_in.and_then(|life| next.obtained_at.checked_add(life).ok());
    let moved = tokens.base_url.filter(|url| Some(url) != before.base_url.as_ref());
    match moved.map(|url| base_url_of(place.vendor, &url, place.allow_http)) {
        Some(Ok(url)) => next.base_url = Some(url.as_str().to_owned()),
        // the tokens are kept all the same: the ones before are spent
        Some(Err(error)) => tracing::warn!(%error, connection.id = %place.connection_id,
            "the vendor names another base URL that cannot be used, the one before is kept"),
        None => {}
    }
    next
}
