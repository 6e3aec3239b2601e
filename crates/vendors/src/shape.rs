//! Bodies that are not what was asked for. Their content never becomes part of a message: it may be a conversation.

use serde::Deserialize;

use crate::VendorError;
use crate::words::words_of_success;

/// Reads a JSON body; `what` names it in errors.
pub(crate) fn read_json<'a, T: Deserialize<'a>>(what: &str, body: &'a str) -> Result<T, VendorError> {
    serde_json::from_str(body).map_err(|error| {
        if body.trim().is_empty() {
            VendorError::unexpected(format!("{what} is empty"))
        } else if error.is_eof() {
            VendorError::truncated(what)
        } else if body.trim_start().starts_with('<') {
            VendorError::unexpected(format!("{what} is HTML instead of JSON"))
        } else if error.is_data() {
            unexpected(what, "is JSON of another shape", body)
        } else {
            let (line, column) = (error.line(), error.column());
            VendorError::unexpected(format!("{what} is no JSON at line {line}, column {column}"))
        }
    })
}

/// Another shape, with the vendor's words about it if it has any.
pub(crate) fn unexpected(what: &str, problem: &str, body: &str) -> VendorError {
    let words = words_of_success(body).map(|words| format!(": {words}")).unwrap_or_default();
    VendorError::unexpected(format!("{what} {problem}{words}"))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::Failure;

    fn error_of(body: &str) -> VendorError {
        read_json::<Map<String, serde_json::Value>>("the list", body).expect_err("not of its shape")
    }

    #[test]
    fn what_a_body_is_instead_is_said_without_its_content() {
        let table = [
            (" \n", "the list is empty"),
            ("<html>Ana: hello</html>", "the list is HTML instead of JSON"),
            (r#""Ana: hello""#, "the list is JSON of another shape"),
            ("Ana: hello", "the list is no JSON at line 1, column 1"),
        ];
        for (body, message) in table {
            let error = error_of(body);
            assert_eq!((error.failure, error.message.as_str()), (Failure::UnexpectedShape, message));
        }
    }

    #[test]
    fn a_body_that_ends_in_the_middle_may_work_later() {
        assert_eq!(error_of(r#"{"data":[{"id":"1"#).failure, Failure::Transient);
    }
}
