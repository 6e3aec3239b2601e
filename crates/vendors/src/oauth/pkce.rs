//! Proof that who exchanges a code is who asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

/// A verifier and the challenge made of it.
#[derive(Debug, Clone)]
pub struct Pkce {
    /// Goes with the code, and nowhere else.
    pub verifier: SecretString,
}

impl Pkce {
    /// Makes a verifier of random bytes; 32 and more make one that is long enough.
    pub fn of_random(bytes: &[u8; 32]) -> Self {
        Self { verifier: SecretString::from(URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// The challenge of the method `S256`.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose_secret().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B
        let pkce = Pkce { verifier: SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") };
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(Pkce::of_random(&[7; 32]).verifier.expose_secret().len(), 43);
    }
}
