//! What a token endpoint's answer means.

use serde_json::Value;

use super::{Refusal, TokenError, Tokens};
use crate::http::{Posted, Unposted};
use crate::words::error_words;
use crate::{Failure, VendorError};

/// Reads an answer, or the want of one.
pub(super) fn read(posted: Result<Posted, Unposted>, host: &str) -> Result<Tokens, TokenError> {
    let posted = match posted {
        Ok(posted) => posted,
        Err(Unposted::Unreachable(error)) => return Err(TokenError::NotAsked(error)),
        Err(Unposted::Unanswered(error)) => return Err(TokenError::Unknown(error)),
    };
    if posted.status.is_success() {
        // the vendor believes that it gave a token: what was shown for it may be spent
        return Tokens::read(&posted.body).map_err(TokenError::Unknown);
    }
    Err(refusal(&posted, host))
}

fn refusal(posted: &Posted, host: &str) -> TokenError {
    let (code, words) = said(&posted.body);
    let mut error = VendorError::of_answer(posted.status, "", posted.retry_after);
    error.message = words;
    let refused = code.as_deref().map(Refusal::of_code);
    match (posted.status.as_u16(), refused) {
        // a word of OAuth's says what it is, with whatever status it comes
        (400..=403, Some(Some(refusal))) => {
            TokenError::Refused { refusal: more_exactly(refusal, &error), error }
        }
        (400 | 401, None) => TokenError::Refused { refusal: Refusal::Grant, error },
        (300..=399, _) => {
            error.message =
                format!("{host} redirects a request for a token, which never follows: see the token URL");
            TokenError::NotAsked(error)
        }
        (404 | 405 | 410, _) => {
            error.message =
                format!("there is no token endpoint at this address of {host}: see the token URL");
            TokenError::NotAsked(error)
        }
        // what stands between may have lost the answer of what stands behind it
        (408 | 500..=502 | 504..=599, _) => TokenError::Unknown(error),
        // 429, 503, a word that asks for patience: no token was given
        _ => TokenError::NotAsked(error),
    }
}

/// OAuth has one word for a bad code and for a bad redirect address; the description tells them apart.
fn more_exactly(refusal: Refusal, error: &VendorError) -> Refusal {
    let words = error.message.to_lowercase();
    let of_redirect = words.contains("redirect_uri") || words.contains("redirect uri");
    match refusal {
        Refusal::Grant | Refusal::Request if of_redirect => Refusal::RedirectUri,
        other => other,
    }
}

/// The word of the refusal, and everything that is said about it.
fn said(body: &str) -> (Option<String>, String) {
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        let html = body.trim_start().starts_with('<');
        return (None, if html { "a page of HTML".to_owned() } else { error_words(body) });
    };
    let text = |field: &str| json[field].as_str().map(str::trim).filter(|text| !text.is_empty());
    // `status` is HubSpot's first version, which had no `error`; its later ones say "error" there
    let status = text("status").filter(|status| status.contains('_'));
    let code = text("error").filter(|code| !code.contains(' ')).or(status);
    let description = text("error_description").or_else(|| text("message"));
    let words = match (code, description) {
        (Some(code), Some(description)) => format!("{code}: {description}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error_words(body),
    };
    (code.map(str::to_owned), words)
}

impl Tokens {
    fn unreadable(why: &str) -> VendorError {
        VendorError {
            failure: Failure::UnexpectedShape,
            ..VendorError::unexpected(format!("the answer with the token {why}"))
        }
    }

    fn read(body: &str) -> Result<Self, VendorError> {
        // what cannot be read may hold a token, so nothing of it becomes part of the message
        let json: Value =
            serde_json::from_str(body).map_err(|_| Self::unreadable("is no JSON, or ends in the middle"))?;
        Self::of_json(&json).map_err(Self::unreadable)
    }
}
