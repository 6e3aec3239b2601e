//! What Gong says in words only: an empty answer, a missing scope, a cursor that is too old.

use crate::{Failure, VendorError};

/// Whether a 404 only says that nothing was found. Any other 404 is a wrong host or an unknown id.
pub(super) fn is_empty(error: &VendorError) -> bool {
    error.failure == Failure::NotFound
        && error.message.to_lowercase().contains("found corresponding to the provided filters")
}

/// A 401 for want of a scope is no bad credential, and a cursor that is too old no bad request.
pub(super) fn classified(error: VendorError, scope: &str) -> VendorError {
    let words = error.message.to_lowercase();
    match error.failure {
        Failure::Credential if words.contains("you don't have permission to use") => {
            let named = quoted(&error.message).unwrap_or(scope);
            let message = format!("missing scope {named}: {}", error.message);
            VendorError { failure: Failure::MissingScope, message, ..error }
        }
        Failure::BadRequest if words.contains("cursor") => {
            VendorError { failure: Failure::CursorExpired, ..error }
        }
        _ => error,
    }
}

/// The scope that Gong names in quotes, if it is one.
fn quoted(words: &str) -> Option<&str> {
    words.split('\'').find(|part| part.starts_with("api:") && !part.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(failure: Failure, message: &str) -> VendorError {
        VendorError::without_answer(failure, message)
    }

    #[test]
    fn nothing_found_is_told_from_every_other_404_by_its_words() {
        let none = "No calls found corresponding to the provided filters";
        assert!(is_empty(&error(Failure::NotFound, none)));
        assert!(is_empty(&error(Failure::NotFound, &none.to_uppercase())));
        for other in ["Call ID 894411314421502864 was not found", "", "<html>404 Not Found</html>"] {
            assert!(!is_empty(&error(Failure::NotFound, other)), "{other}");
        }
        assert!(!is_empty(&error(Failure::BadRequest, none)), "not by another status");
    }

    #[test]
    fn a_401_that_names_a_scope_is_a_missing_scope() {
        let words = "You don't have permission to use 'api:stats:interaction' in your app.";
        let scoped = classified(error(Failure::Credential, words), "api:x");
        assert_eq!(scoped.failure, Failure::MissingScope);
        assert!(scoped.message.starts_with("missing scope api:stats:interaction: You don't"), "{scoped}");
        let unnamed =
            classified(error(Failure::Credential, "You don't have permission to use this."), "api:x");
        assert!(unnamed.message.starts_with("missing scope api:x: "), "{unnamed}");
        for bad in ["Unauthorized", "", "The access token has been revoked", "permission denied"] {
            assert_eq!(classified(error(Failure::Credential, bad), "api:x").failure, Failure::Credential);
        }
    }

    #[test]
    fn a_400_that_speaks_of_the_cursor_begins_the_list_again() {
        let expired = classified(error(Failure::BadRequest, "Cursor has expired"), "api:x");
        assert_eq!(expired.failure, Failure::CursorExpired);
        let other =
            classified(error(Failure::BadRequest, "filter.fromDateTime: must be before toDateTime"), "");
        assert_eq!(other.failure, Failure::BadRequest);
    }
}
