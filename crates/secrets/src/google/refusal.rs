//! What a request of Secret Manager is there for, and what its refusal means.

use serde_json::Value;

use crate::SecretError;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Add,
    Access,
    List,
    Destroy,
}

impl Operation {
    /// What the caller must be granted for it.
    fn permission(self) -> &'static str {
        match self {
            Self::Create => "secretmanager.secrets.create",
            Self::Add => "secretmanager.versions.add",
            Self::Access => "secretmanager.versions.access",
            Self::List => "secretmanager.versions.list",
            Self::Destroy => "secretmanager.versions.destroy",
        }
    }
}

/// Why a request was not answered as hoped, with Google's words.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The secret or the version is not there.
    Missing(String),
    /// It is there already.
    Exists,
    /// The version is in a state that does not allow it: disabled or destroyed.
    State(String),
    /// The token is not good.
    Unauthenticated(String),
    /// A permission is missing, or the API is switched off.
    Denied(String),
    /// Not now; nothing was done.
    NotNow(String),
    /// Nobody knows whether it was done.
    Unknown(String),
    /// It will never be taken like this.
    Bad(String),
}

impl Refusal {
    /// Reads the body of a refusal. What is asked with the secret itself is not quoted back: an error of its form would show it.
    pub(super) fn of(operation: Operation, status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (error, text) = (&body["error"], |value: &Value| value.as_str().unwrap_or_default().to_owned());
        let kind = text(&error["status"]);
        let words = match operation {
            Operation::Add if status == 400 => String::new(),
            _ => text(&error["message"]),
        };
        let words = format!("status {status} {kind} {words}").trim_end().to_owned();
        match (status, kind.as_str()) {
            (400, "FAILED_PRECONDITION") => Self::State(words),
            (401, _) => Self::Unauthenticated(words),
            (403, _) if is_switched_off(error) => Self::Denied(format!(
                "the API secretmanager.googleapis.com is not enabled for the project ({words})"
            )),
            (403, _) => Self::Denied(format!("permission {} is missing ({words})", operation.permission())),
            (404, _) => Self::Missing(words),
            (409, "ABORTED") | (429, _) => Self::NotNow(words),
            (409, _) => Self::Exists,
            (500.., _) => Self::Unknown(words),
            (300..=399, _) => Self::Bad(format!(
                "{words}: a redirect, which no token and no secret follows: see SWITCHBOARD_SECRETS_URL and \
                 SWITCHBOARD_SECRETS_REGIONAL_URL"
            )),
            _ => Self::Bad(words),
        }
    }

    /// The same request may be sent again.
    pub(super) fn allows_another(&self, operation: Operation) -> bool {
        match self {
            Self::NotNow(_) => true,
            // to add again may add twice
            Self::Unknown(_) => operation != Operation::Add,
            _ => false,
        }
    }

    /// The error it comes to, about a secret.
    pub(super) fn about(self, resource: &str) -> SecretError {
        let resource = resource.to_owned();
        match self {
            Self::Missing(words) | Self::State(words) => SecretError::Gone { resource, words },
            Self::Denied(words) => SecretError::Denied { resource, words },
            Self::Unauthenticated(words) => SecretError::Unauthenticated(words),
            Self::NotNow(words) | Self::Unknown(words) => SecretError::Unavailable(words),
            Self::Exists => SecretError::Refused { resource, words: "it exists already".to_owned() },
            Self::Bad(words) => SecretError::Refused { resource, words },
        }
    }
}

fn is_switched_off(error: &Value) -> bool {
    let details = error["details"].as_array().into_iter().flatten();
    details.into_iter().any(|detail| detail["reason"] == "SERVICE_DISABLED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: Operation, status: u16, kind: &str, words: &str) -> String {
        let body = serde_json::json!({ "error": { "code": status, "status": kind, "message": words } });
        Refusal::of(operation, status, body.to_string().as_bytes()).about("projects/p/secrets/s").to_string()
    }

    #[test]
    fn a_missing_permission_is_named() {
        for (operation, permission) in [
            (Operation::Create, "secretmanager.secrets.create"),
            (Operation::Add, "secretmanager.versions.add"),
            (Operation::Access, "secretmanager.versions.access"),
            (Operation::List, "secretmanager.versions.list"),
            (Operation::Destroy, "secretmanager.versions.destroy"),
        ] {
            let error = of(operation, 403, "PERMISSION_DENIED", "denied (or it may not exist)");
            assert!(error.contains(&format!("permission {permission} is missing")), "{error}");
            assert!(error.contains("projects/p/secrets/s") && error.contains("grant"), "{error}");
        }
    }

    #[test]
    fn an_api_that_is_switched_off_is_told_from_a_missing_permission() {
        let body = r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"m","details":[{"reason":"SERVICE_DISABLED"}]}}"#;
        let error = Refusal::of(Operation::Access, 403, body.as_bytes()).about("s").to_string();
        assert!(error.contains("is not enabled") && !error.contains("versions.access"), "{error}");
    }

    #[test]
    fn a_secret_that_is_quoted_back_is_not_shown() {
        let error =
            of(Operation::Add, 400, "INVALID_ARGUMENT", "Invalid value at 'payload.data': c2stcGxhbnRlZA");
        assert!(error.contains("INVALID_ARGUMENT") && !error.contains("c2stcGxhbnRlZA"), "{error}");
    }

    #[test]
    fn only_what_was_surely_not_added_is_added_again() {
        let refusal = |status, kind: &str| {
            let body = serde_json::json!({ "error": { "status": kind } });
            Refusal::of(Operation::Add, status, body.to_string().as_bytes())
        };
        for (status, kind, again) in [
            (429, "RESOURCE_EXHAUSTED", true),
            (409, "ABORTED", true),
            (500, "INTERNAL", false),
            (503, "UNAVAILABLE", false),
            (504, "DEADLINE_EXCEEDED", false),
            (409, "ALREADY_EXISTS", false),
            (400, "INVALID_ARGUMENT", false),
        ] {
            assert_eq!(refusal(status, kind).allows_another(Operation::Add), again, "{status} {kind}");
        }
        assert!(refusal(503, "UNAVAILABLE").allows_another(Operation::Access));
    }
}
