//! The address at which a person consents, and what comes back from there.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::BaseUrl;

use super::Pkce;

/// Bytes of a state and of a verifier.
const RANDOM_BYTES: usize = 32;

/// A request for a person's consent; whoever answers it must know its state.
#[derive(Debug)]
pub struct Authorization {
    /// Where the person goes.
    pub url: Url,
    /// What the vendor will ask for with the code, where it was shown the challenge.
    pub verifier: Option<SecretString>,
    state: SecretString,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// Where a person consents.
    pub auth_url: &'a BaseUrl,
    /// The app's id.
    pub client_id: &'a str,
    /// Where the code is sent.
    pub redirect_uri: &'a str,
    /// What the app may do.
    pub scopes: &'a [String],
    /// The vendor takes a challenge.
    pub pkce: bool,
}

/// Why an answer brings no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// It does not answer this request: somebody else's, an older one's, or made up.
    #[error(
        "the answer carries another state than this command gave out: it answers another request, an older one perhaps"
    )]
    WrongState,
    /// The person, or the vendor in its place, refuses.
    #[error("the vendor says that there is no consent ({0})")]
    Refused(String),
    /// There is neither a code nor a refusal.
    #[error("the answer holds no code")]
    Empty,
}

impl Authorization {
    /// Prepares a request with a state and a verifier of its own.
    pub fn new(request: &AuthorizationRequest<'_>) -> Self {
        let state = random();
        let verifier = request.pkce.then(|| Pkce { verifier: random() });
        let mut url = request.auth_url.join(&[]).expect("no segment that a path could not hold");
        url.query_pairs_mut()
            .append_pair("client_id", request.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("scope", &request.scopes.join(" "))
            .append_pair("state", state.expose_secret());
        if let Some(pkce) = &verifier {
            url.query_pairs_mut()
                .append_pair("code_challenge", &pkce.challenge())
                .append_pair("code_challenge_method", "S256");
        }
        Self { url, verifier: verifier.map(|pkce| pkce.verifier), state }
    }

    /// Reads the address to which the vendor sent the person's browser.
    pub fn code(&self, answer: &Url) -> Result<SecretString, NoCode> {
        let fields: HashMap<_, _> = answer.query_pairs().collect();
        let state = fields.get("state").map_or("", |state| state.as_ref());
        // a refusal of somebody else's request is none of this one either
        if !same(state, self.state.expose_secret()) {
            return Err(NoCode::WrongState);
        }
        if let Some(code) = fields.get("code").filter(|code| !code.is_empty()) {
            return Ok(SecretString::from(code.as_ref()));
        }
        let Some(error) = fields.get("error") else { return Err(NoCode::Empty) };
        let description = fields.get("error_description").map(|text| format!(": {text}")).unwrap_or_default();
        let words = crate::words::one_line(&format!("{error}{description}"));
        Err(NoCode::Refused(words.chars().take(300).collect()))
    }
}

fn random() -> SecretString {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).expect("the system has random bytes");
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
}

/// Compares by hashes, all of their bytes: how long it takes says nothing about the texts.
fn same(left: &str, right: &str) -> bool {
    let (left, right) = (digest(&SHA256, left.as_bytes()), digest(&SHA256, right.as_bytes()));
    left.as_ref().iter().zip(right.as_ref()).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(pkce: bool) -> Authorization {
        let auth_url = BaseUrl::parse("https://app.vendor.example/oauth/authorize", false).expect("a URL");
        Authorization::new(&AuthorizationRequest {
            auth_url: &auth_url,
            client_id: "app-1",
            redirect_uri: "http://127.0.0.1:7000/callback",
            scopes: &["a:read".to_owned(), "b".to_owned()],
            pkce,
        })
    }

    fn answer(query: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:7000/callback?{query}")).expect("a URL")
    }

    #[test]
    fn the_address_asks_for_a_code_with_a_fresh_state_and_a_challenge_where_one_is_taken() {
        let (plain, proven) = (authorization(false), authorization(true));
        let start = "https://app.vendor.example/oauth/authorize?client_id=app-1&response_type=code&\
                     redirect_uri=http%3A%2F%2F127.0.0.1%3A7000%2Fcallback&scope=a%3Aread+b&state=";
        assert!(plain.url.as_str().starts_with(start), "{}", plain.url);
        assert!(plain.verifier.is_none() && !plain.url.as_str().contains("challenge"));
        let verifier = proven.verifier.clone().expect("a verifier");
        assert!(proven.url.as_str().ends_with(&format!(
            "&code_challenge={}&code_challenge_method=S256",
            Pkce { verifier: verifier.clone() }.challenge()
        )));
        assert!(!proven.url.as_str().contains(verifier.expose_secret()), "the verifier stays here");
        assert_ne!(plain.state.expose_secret(), proven.state.expose_secret());
        assert!(!format!("{proven:?}").contains(verifier.expose_secret()));
    }

    #[test]
    fn only_an_answer_with_the_state_of_the_request_brings_a_code() {
        let own = |query: &str| {
            let authorization = authorization(false);
            let state = authorization.state.expose_secret().to_owned();
            authorization
                .code(&answer(&query.replace("STATE", &state)))
                .map(|code| code.expose_secret().to_owned())
        };
        assert_eq!(own("code=c%3D%3D&state=STATE"), Ok("c==".to_owned()));
        for other in ["code=c", "code=c&state=", "code=c&state=guessed", "error=access_denied&state=x"] {
            assert_eq!(own(other), Err(NoCode::WrongState), "{other}");
        }
        assert_eq!(
            own("error=access_denied&error_description=not+today%0A&state=STATE"),
            Err(NoCode::Refused("access_denied: not today".to_owned()))
        );
        assert_eq!(own("state=STATE"), Err(NoCode::Empty));
    }
}
