//! Refusals as Gong words them.

use serde_json::json;

use crate::dice::of_text;
use crate::reply::Reply;

/// A refusal with its words in `errors`; some gateways put objects there.
pub(crate) fn of(status: u16, message: &str) -> Reply {
    let error =
        if of_text(message).is_multiple_of(5) { json!({ "message": message }) } else { json!(message) };
    let body = json!({ "requestId": format!("{:x}", of_text(message)), "errors": [error] });
    Reply { status, ..Reply::json(body.to_string()) }
}

/// Nothing was found: a 404 like any other, but for its words.
pub(crate) fn empty(what: &str) -> Reply {
    of(404, &format!("No {what} found corresponding to the provided filters"))
}

/// The key lacks a scope: a 401 like any other, but for its words.
pub(crate) fn missing_scope(scope: &str) -> Reply {
    of(401, &format!("You don't have permission to use '{scope}' in your app."))
}
