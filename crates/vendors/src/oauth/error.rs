//! Why a vendor gave no token.

use std::time::Duration;

use crate::VendorError;

/// What a vendor refuses, as far as somebody has to do something different about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The code, refresh token or assertion: expired, used, revoked, or not for this app.
    Grant,
    /// The app's id or secret.
    Client,
    /// The app itself: revoked, uninstalled, or not let do this.
    App,
    /// The redirect address is not the one that the app is registered with.
    RedirectUri,
    /// A scope that was asked for.
    Scope,
    /// The request, for another reason.
    Request,
}

impl Refusal {
    /// What a vendor's word for it means; `None` for words that are no refusal.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        Some(match code.to_ascii_lowercase().as_str() {
            // the last is HubSpot's first version, which others copied
            "invalid_grant" | "bad_refresh_token" | "bad_auth_code" => Self::Grant,
            "invalid_client" | "invalid_client_id" | "bad_client_id" | "bad_client_secret" => Self::Client,
            "unauthorized_client" | "inactive_user" | "inactive_org" | "app_not_found" => Self::App,
            "redirect_uri_mismatch" | "mismatch_redirect_uri_auth_code" => Self::RedirectUri,
            "invalid_scope" => Self::Scope,
            "temporarily_unavailable" | "server_error" | "slow_down" => return None,
            _ => Self::Request,
        })
    }

    fn said(self) -> &'static str {
        match self {
            Self::Grant => "the vendor refuses the grant: it is expired, used, revoked, or not of this app",
            Self::Client => "the vendor refuses the app's id or secret",
            Self::App => {
                "the vendor does not let this app in: it is revoked, uninstalled or not allowed this"
            }
            Self::RedirectUri => "the redirect address is not the one the app is registered with",
            Self::Scope => "the vendor refuses a scope that was asked for",
            Self::Request => "the vendor refuses the request for a token",
        }
    }
}

/// A request for a token that brought none, without any secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The vendor refuses: asking again is of no use.
    #[error("{} ({error})", refusal.said())]
    Refused {
        /// What.
        refusal: Refusal,
        /// The answer.
        error: VendorError,
    },
    /// The vendor did not take the request, or says that it gave nothing for it: what was shown is as good as before.
    #[error("{0}")]
    NotAsked(VendorError),
    /// The vendor may have taken the request: its answer did not arrive, or cannot be read.
    #[error("{0}")]
    Unknown(VendorError),
}

impl TokenError {
    /// The vendor's answer, or what took its place.
    pub fn error(&self) -> &VendorError {
        match self {
            Self::Refused { error, .. } | Self::NotAsked(error) | Self::Unknown(error) => error,
        }
    }

    /// What is refused, if anything is.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::NotAsked(_) | Self::Unknown(_) => None,
        }
    }

    /// Whether the same request may work later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        self.refusal().is_none()
    }

    /// How long the vendor asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.error().retry_after()
    }

    pub(super) fn without_all(self, secrets: &[&str]) -> Self {
        match self {
            Self::Refused { refusal, error } => Self::Refused { refusal, error: error.without_all(secrets) },
            Self::NotAsked(error) => Self::NotAsked(error.without_all(secrets)),
            Self::Unknown(error) => Self::Unknown(error.without_all(secrets)),
        }
    }
}
