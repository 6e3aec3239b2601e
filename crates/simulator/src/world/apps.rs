//! Apps that a workspace's vendors know: consents, codes, and the tokens that were made of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::workspace::Workspace;
use crate::jwt::der_of;

/// Whose app it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppOf {
    /// Gong's.
    Gong,
    /// HubSpot's.
    Hubspot,
    /// Salesforce's.
    Salesforce,
}

impl AppOf {
    pub(crate) const ALL: [Self; 3] = [Self::Gong, Self::Hubspot, Self::Salesforce];

    fn name(self) -> &'static str {
        match self {
            Self::Gong => "gong",
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
        }
    }

    /// How an access token begins: vendors' own tokens can be told by it.
    fn token_prefix(self) -> &'static str {
        match self {
            Self::Gong => "ey-gong",
            Self::Hubspot => "CJ-hubspot",
            Self::Salesforce => "00D-salesforce!",
        }
    }
}

/// Something that happens to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum AppChange {
    /// Every access token ends now.
    ExpireAccessTokens,
    /// Every code ends now.
    ExpireCodes,
    /// The customer takes the consent back: every token is dead, and codes are worth nothing.
    Revoke,
    /// The customer consents again; tokens from before stay dead.
    Restore,
    /// The app gets another secret.
    SetSecret {
        /// The secret.
        secret: String,
    },
    /// New access tokens live so long; the vendor says so.
    SetLife {
        /// Seconds.
        seconds: u64,
    },
    /// Each refresh token is good once, or for ever.
    SetRotation {
        /// Once.
        once: bool,
    },
    /// Whoever is asked for consent refuses, or not.
    SetDenial {
        /// Refuses.
        denies: bool,
    },
    /// Scopes that are never granted.
    Withhold {
        /// The scopes.
        scopes: Vec<String>,
    },
    /// The app gets the certificate that its assertions are checked with; it has none at first.
    SetCertificate {
        /// Its public key in PEM, as `openssl rsa -RSAPublicKey_out` writes it; none if absent.
        public_key: Option<String>,
    },
    /// The base URL that comes with tokens; the simulator's own if absent.
    SetBaseUrl {
        /// The URL.
        url: Option<String>,
    },
}

/// Numbers about an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AppStats {
    /// Codes that became tokens.
    pub exchanges: u64,
    /// Refresh tokens that became access tokens.
    pub refreshes: u64,
    /// How often a refresh token was shown that had been used up before.
    pub spent_shown: u64,
    /// How often anything else was refused.
    pub refused: u64,
}

/// An app, and everything that was granted to it.
#[derive(Debug)]
pub(crate) struct App {
    of: AppOf,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) revoked: bool,
    pub(crate) denies: bool,
    pub(crate) base_url: Option<String>,
    /// What its assertions are checked with.
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) stats: AppStats,
    withheld: Vec<String>,
    rotates: bool,
    life: Duration,
    codes: BTreeMap<String, Code>,
    refresh_tokens: BTreeMap<String, Refresh>,
    access_tokens: BTreeMap<String, Access>,
    /// Access tokens that were ended.
    gone: Vec<String>,
    made: u64,
    salt: u64,
}

#[derive(Debug, Clone)]
struct Code {
    redirect_uri: String,
    challenge: Option<String>,
    scopes: Vec<String>,
    until: Instant,
    used: bool,
}

#[derive(Debug)]
struct Refresh {
    scopes: Vec<String>,
    spent: bool,
    dead: bool,
}

#[derive(Debug)]
struct Access {
    scopes: Vec<String>,
    until: Instant,
}

/// Tokens as they are given.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) life: Duration,
    pub(crate) scopes: Vec<String>,
}

/// Why there are none: OAuth's word, and a sentence.
pub(crate) type NotGiven = (&'static str, &'static str);

impl App {
    pub(crate) fn of(of: AppOf, workspace: &str, salt: u64) -> Self {
        let name = of.name();
        Self {
            of,
            id: format!("{workspace}-{name}-app"),
            secret: format!("{workspace}-{name}-app-secret"),
            revoked: false,
            denies: false,
            base_url: None,
            public_key: None,
            stats: AppStats::default(),
            withheld: Vec::new(),
            // HubSpot documents none, Salesforce has it where it is switched on
            rotates: of == AppOf::Gong,
            life: Duration::from_secs(if of == AppOf::Gong { 86_400 } else { 1800 }),
            codes: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            gone: Vec::new(),
            made: 0,
            salt,
        }
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        let secret = super::id::other_id(self.salt, kind, self.made);
        match kind {
            "access" => format!("{}-{secret}", self.of.token_prefix()),
            other => format!("{other}-{}-{secret}", self.of.name()),
        }
    }

    /// A code for somebody's consent. Ten minutes is Gong's; nobody says less.
    pub(crate) fn consent(&mut self, redirect_uri: &str, challenge: Option<String>, scopes: &str) -> String {
        let code = self.fresh("code");
        let granted =
            scopes.split_whitespace().filter(|scope| !self.withheld.iter().any(|held| held == scope));
        let scopes = granted.map(str::to_owned).collect();
        let until = Instant::now() + Duration::from_mins(10);
        let redirect_uri = redirect_uri.to_owned();
        self.codes.insert(code.clone(), Code { redirect_uri, challenge, scopes, until, used: false });
        code
    }

    /// Makes tokens of a code, once.
    pub(crate) fn exchange(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Given, NotGiven> {
        if self.revoked {
            return Err(("unauthorized_client", "the app was revoked by the customer"));
        }
        let known = self.codes.get_mut(code).ok_or(("invalid_grant", "authorization code is unknown"))?;
        if std::mem::replace(&mut known.used, true) {
            return Err(("invalid_grant", "authorization code was used before"));
        }
        let known = known.clone();
        if known.until <= Instant::now() {
            return Err(("invalid_grant", "authorization code is expired"));
        }
        if known.redirect_uri != redirect_uri {
            return Err(("invalid_grant", "redirect_uri does not match that of the authorization request"));
        }
        let challenged = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())));
        if known.challenge != challenged {
            return Err(("invalid_grant", "code verifier does not match the code challenge"));
        }
        self.stats.exchanges += 1;
        let refresh_token = self.next_refresh_token(known.scopes.clone());
        Ok(self.give(known.scopes, Some(refresh_token)))
    }

    /// Makes an access token of a refresh token; where they rotate, it is good once.
    pub(crate) fn refresh(&mut self, token: &str) -> Result<Given, NotGiven> {
        let dead = self.revoked;
        let known = self.refresh_tokens.get_mut(token);
        let known = known.ok_or(("invalid_grant", "refresh token is unknown"))?;
        if known.spent {
            self.stats.spent_shown += 1;
            return Err(("invalid_grant", "refresh token was used before"));
        }
        if dead || known.dead {
            return Err(("invalid_grant", "refresh token is revoked"));
        }
        known.spent = self.rotates;
        let scopes = known.scopes.clone();
        self.stats.refreshes += 1;
        let next = if self.rotates { self.next_refresh_token(scopes.clone()) } else { token.to_owned() };
        Ok(self.give(scopes, Some(next)))
    }

    /// Makes an access token for the app itself, or for whom it signed.
    pub(crate) fn grant(&mut self) -> Result<Given, NotGiven> {
        if self.revoked {
            return Err(("invalid_grant", "user hasn't approved this consumer"));
        }
        Ok(self.give(vec!["api".to_owned()], None))
    }

    fn next_refresh_token(&mut self, scopes: Vec<String>) -> String {
        let token = self.fresh("refresh");
        self.refresh_tokens.insert(token.clone(), Refresh { scopes, spent: false, dead: false });
        token
    }

    fn give(&mut self, scopes: Vec<String>, refresh_token: Option<String>) -> Given {
        let access_token = self.fresh("access");
        let access = Access { scopes: scopes.clone(), until: Instant::now() + self.life };
        self.access_tokens.insert(access_token.clone(), access);
        Given { access_token, refresh_token, life: self.life, scopes }
    }

    /// The scopes of an access token that is good.
    pub(crate) fn scopes_of(&self, token: &str) -> Option<&[String]> {
        let access = self.access_tokens.get(token).filter(|access| access.until > Instant::now())?;
        Some(&access.scopes)
    }

    /// Everything secret that was ever given to it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let given = self.codes.keys().chain(self.refresh_tokens.keys()).chain(self.access_tokens.keys());
        given.chain(&self.gone).chain([&self.secret]).cloned().collect()
    }

    /// Ends every access token, and remembers that there were some.
    fn end_access(&mut self) {
        self.gone.extend(std::mem::take(&mut self.access_tokens).into_keys());
    }

    fn change(&mut self, change: AppChange) {
        let now = Instant::now();
        match change {
            AppChange::ExpireAccessTokens => self.end_access(),
            AppChange::ExpireCodes => self.codes.values_mut().for_each(|code| code.until = now),
            AppChange::Revoke => {
                self.revoked = true;
                self.end_access();
                self.refresh_tokens.values_mut().for_each(|token| token.dead = true);
            }
            AppChange::Restore => self.revoked = false,
            AppChange::SetSecret { secret } => self.secret = secret,
            AppChange::SetLife { seconds } => self.life = Duration::from_secs(seconds),
            AppChange::SetRotation { once } => self.rotates = once,
            AppChange::SetDenial { denies } => self.denies = denies,
            AppChange::Withhold { scopes } => self.withheld = scopes,
            AppChange::SetCertificate { public_key } => {
                self.public_key = public_key.as_deref().and_then(der_of);
            }
            AppChange::SetBaseUrl { url } => self.base_url = url,
        }
    }
}

impl Workspace {
    pub(crate) fn change_app(&self, of: AppOf, change: AppChange) {
        self.app(of).change(change);
    }

    /// The scopes that an access token has, if it is one of the workspace's and good.
    pub(crate) fn scopes_of(&self, of: AppOf, token: &str) -> Option<Vec<String>> {
        self.app(of).scopes_of(token).map(<[String]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "http://127.0.0.1:7000/callback";
    // RFC 7636, appendix B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn app(of: AppOf) -> App {
        App::of(of, "acme", 7)
    }

    fn why(given: Result<Given, NotGiven>) -> &'static str {
        given.expect_err("nothing was given").1
    }

    #[test]
    fn a_code_is_good_once_for_its_address_and_its_verifier() {
        let mut app = app(AppOf::Gong);
        let code = app.consent(AT, Some(CHALLENGE.to_owned()), "a b");
        assert_eq!(app.exchange(&code, AT, Some(VERIFIER)).expect("tokens").scopes, ["a", "b"]);
        assert!(why(app.exchange(&code, AT, Some(VERIFIER))).contains("used before"));
        assert!(why(app.exchange("guessed", AT, None)).contains("unknown"));
        for (address, verifier, words) in [
            ("http://127.0.0.1:7001/callback", Some(VERIFIER), "redirect_uri"),
            (AT, Some("another"), "verifier"),
            (AT, None, "verifier"),
        ] {
            let code = app.consent(AT, Some(CHALLENGE.to_owned()), "a");
            assert!(why(app.exchange(&code, address, verifier)).contains(words));
        }
        let code = app.consent(AT, None, "a");
        app.change(AppChange::ExpireCodes);
        assert!(why(app.exchange(&code, AT, None)).contains("expired"));
    }

    #[test]
    fn a_refresh_token_that_rotates_is_good_once_and_a_spent_one_is_counted() {
        for (of, spent) in [(AppOf::Gong, 1), (AppOf::Hubspot, 0)] {
            let mut app = app(of);
            let code = app.consent(AT, None, "a");
            let first = app.exchange(&code, AT, None).expect("tokens");
            let token = first.refresh_token.expect("a refresh token");
            let second = app.refresh(&token).expect("tokens");
            assert_eq!(second.refresh_token.as_ref() != Some(&token), spent == 1);
            assert_eq!(app.refresh(&token).is_err(), spent == 1);
            assert_eq!(app.stats.spent_shown, spent);
            assert!(app.scopes_of(&second.access_token).is_some());
            app.change(AppChange::ExpireAccessTokens);
            assert!(app.scopes_of(&second.access_token).is_none());
            app.change(AppChange::Revoke);
            assert!(app.refresh(&second.refresh_token.expect("a token")).is_err());
            assert_eq!(app.stats.spent_shown, spent, "a revoked token is not a spent one");
        }
    }
}
