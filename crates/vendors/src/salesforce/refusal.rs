//! What Salesforce's refusals mean: the code in the body says more than the status.

use std::time::Duration;

use serde::Deserialize;

use super::Object;
use crate::{Failure, VendorError};

/// The requests of the last 24 hours are used up: every hour gives some back, so it is asked now and then.
const AFTER_THE_DAYS_LIMIT: Duration = Duration::from_mins(30);

/// Too many long requests at once, from whomever.
const AFTER_TOO_MANY_AT_ONCE: Duration = Duration::from_secs(20);

/// How Salesforce says that there is no such object.
const NOT_OFFERED: [&str; 3] = ["NOT_FOUND", "INVALID_TYPE", "FUNCTIONALITY_NOT_ENABLED"];

#[derive(Deserialize)]
struct Refusal {
    #[serde(default, rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads what the status alone does not say; `object` is what was asked for.
pub(super) fn classified(mut error: VendorError, object: &str) -> VendorError {
    // what Salesforce's edge answers, and what is transient although it does not look so
    if matches!(error.status, Some(406 | 420)) {
        error.failure = Failure::Transient;
    }
    // a list of errors has no words of its own, so the whole body was kept
    let Ok(refusals) = serde_json::from_str::<Vec<Refusal>>(&error.message) else { return error };
    let Some(Refusal { code, message }) = refusals.into_iter().next() else { return error };
    let needs = |what: String| (Failure::MissingScope, format!("missing scope: {what} ({code}: {message})"));
    let as_it_is = |failure: Failure| (failure, format!("{code}: {message}"));
    (error.failure, error.message) = match code.as_str() {
        // an organization whose contacts have one account each has no such object
        code if object == Object::Relation.as_str() && NOT_OFFERED.contains(&code) => {
            as_it_is(Failure::NotFound)
        }
        // another session would be refused just so
        "INVALID_SESSION_ID" if message.contains("not valid for use with") => {
            needs("the connected app needs the scope api".to_owned())
        }
        "INVALID_SESSION_ID" if message.contains("not attached to Agent") => {
            needs("the connected app is not allowed to be used".to_owned())
        }
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" => as_it_is(Failure::Credential),
        "REQUEST_LIMIT_EXCEEDED" => {
            let wait =
                if message.contains("Concurrent") { AFTER_TOO_MANY_AT_ONCE } else { AFTER_THE_DAYS_LIMIT };
            error.retry_after = error.retry_after.or(Some(wait));
            as_it_is(Failure::RateLimited)
        }
        "INVALID_TYPE" => needs(format!("the user may not read {object}")),
        "INVALID_FIELD" => match quoted(&message) {
            Some(field) => needs(format!("the user may not read {object}.{field}")),
            None => needs(format!("the user may not read a field of {object}")),
        },
        // of an object that may not be read there is no description
        "NOT_FOUND" if object != "Organization" => needs(format!("the user may not read {object}")),
        "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => {
            needs("the user needs the permission API Enabled, and an edition with API".to_owned())
        }
        "OPERATION_TOO_LARGE" => needs(format!("the user needs View All on {object}")),
        "FUNCTIONALITY_NOT_ENABLED" => needs(format!("the organization does not offer {object}")),
        code if code.starts_with("INSUFFICIENT_ACCESS") => needs(format!("the user may not read {object}")),
        "INVALID_QUERY_LOCATOR" => as_it_is(Failure::CursorExpired),
        "QUERY_TIMEOUT" => as_it_is(Failure::TooLong),
        "SERVER_UNAVAILABLE" | "UNABLE_TO_LOCK_ROW" | "UNKNOWN_EXCEPTION" => as_it_is(Failure::Transient),
        _ => as_it_is(error.failure),
    };
    error
}

/// Whether more was deleted than Salesforce tells at once.
pub(super) fn is_too_many(error: &VendorError) -> bool {
    error.message.starts_with("EXCEEDED_ID_LIMIT")
}

/// Whether Salesforce said by a code that the organization's contacts have one account each; another answer of the same status may be
/// anybody's.
pub fn are_relations_off(error: &VendorError) -> bool {
    error.failure == Failure::NotFound && NOT_OFFERED.iter().any(|code| error.message.starts_with(code))
}

/// The name in quotes, if it is one.
fn quoted(words: &str) -> Option<&str> {
    let name = words.split('\'').nth(1)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn of(status: u16, body: &str) -> VendorError {
        let status = StatusCode::from_u16(status).expect("a status");
        classified(VendorError::of_answer(status, body, None), "Contact")
    }

    fn coded(status: u16, code: &str, message: &str) -> VendorError {
        of(status, &serde_json::json!([{ "message": message, "errorCode": code }]).to_string())
    }

    #[test]
    fn the_code_decides() {
        let table = [
            (401, "INVALID_SESSION_ID", "Session expired or invalid", Failure::Credential),
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Failure::RateLimited),
            (400, "INVALID_TYPE", "sObject type 'Contact' is not supported.", Failure::MissingScope),
            (403, "INSUFFICIENT_ACCESS_OR_READONLY", "no", Failure::MissingScope),
            (403, "API_DISABLED_FOR_ORG", "API is not enabled", Failure::MissingScope),
            (404, "NOT_FOUND", "The requested resource does not exist", Failure::MissingScope),
            (400, "INVALID_QUERY_LOCATOR", "invalid query locator", Failure::CursorExpired),
            (404, "INVALID_QUERY_LOCATOR", "invalid query locator", Failure::CursorExpired),
            (400, "QUERY_TIMEOUT", "Your query request was running for too long.", Failure::TooLong),
            (400, "MALFORMED_QUERY", "unexpected token", Failure::BadRequest),
            (503, "SERVER_UNAVAILABLE", "Service unavailable", Failure::Transient),
            (403, "SOMETHING_ELSE", "no", Failure::Forbidden),
        ];
        for (status, code, message, failure) in table {
            let error = coded(status, code, message);
            assert_eq!(error.failure, failure, "{code}");
            assert!(error.message.contains(code) && error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn an_object_that_not_every_organization_has_is_off_where_salesforce_says_so_and_nobody_else() {
        let said = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = VendorError::of_answer(status, body, None);
            are_relations_off(&classified(error, Object::Relation.as_str()))
        };
        for (status, code) in [(404, "NOT_FOUND"), (400, "INVALID_TYPE"), (403, "FUNCTIONALITY_NOT_ENABLED")]
        {
            let body = serde_json::json!([{ "message": "no", "errorCode": code }]).to_string();
            assert!(said(status, &body), "{code}");
            assert!(!are_relations_off(&coded(status, code, "no")), "of another object: {code}");
        }
        for (status, body) in [
            (404, ""),
            (404, "<html>NOT_FOUND</html>"),
            (403, r#"[{"message":"no","errorCode":"INSUFFICIENT_ACCESS"}]"#),
            (503, "[]"),
        ] {
            assert!(!said(status, body), "{status} {body}");
        }
    }

    #[test]
    fn a_session_that_no_refresh_makes_good_is_no_bad_credential() {
        for words in
            ["This session is not valid for use with the REST API", "Connected app is not attached to Agent"]
        {
            assert_eq!(coded(401, "INVALID_SESSION_ID", words).failure, Failure::MissingScope, "{words}");
        }
    }

    #[test]
    fn the_field_that_may_not_be_read_is_named() {
        let words = "SELECT Id, Email FROM Contact ^ ERROR at Row:1:Column:12 No such column 'Email' on entity 'Contact'.";
        assert!(coded(400, "INVALID_FIELD", words).message.contains("may not read Contact.Email ("));
        assert!(coded(400, "INVALID_FIELD", "no").message.contains("may not read a field of Contact ("));
    }

    #[test]
    fn a_used_up_day_is_waited_for_longer_than_a_crowd() {
        let day = coded(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        assert_eq!(day.retry_after, Some(AFTER_THE_DAYS_LIMIT));
        let words = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
        assert_eq!(coded(403, "REQUEST_LIMIT_EXCEEDED", words).retry_after, Some(AFTER_TOO_MANY_AT_ONCE));
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (status, body, failure) in [
            (401, "", Failure::Credential),
            (403, "<html>maintenance</html>", Failure::Forbidden),
            (420, "", Failure::Transient),
            (406, "", Failure::Transient),
            (410, "[]", Failure::NotFound),
            (414, "URI Too Long", Failure::BadRequest),
            (503, "<html>down</html>", Failure::Transient),
            (400, r#"["x"]"#, Failure::BadRequest),
        ] {
            assert_eq!(of(status, body).failure, failure, "{status} {body}");
        }
    }
}
