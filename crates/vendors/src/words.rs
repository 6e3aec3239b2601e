//! A vendor's own words in an answer, for people.

use serde_json::Value;

/// More of a body is not searched for words.
pub(crate) const WORDS_BYTES_MAX: usize = 64 << 10;

/// The words of an error: the usual fields of an error body in order, a list of errors, else the text as it is.
pub(crate) fn error_words(body: &str) -> String {
    const PLACES: [&str; 7] =
        ["/detail", "/message", "/title", "/error", "/error/message", "/error/detail", "/data/message"];
    one_line(&find(body, &PLACES).or_else(|| listed(body)).unwrap_or_else(|| body.to_owned()))
}

/// The words in a success that is none. Its text is never taken as it is, nor is a title: either may be a conversation's.
pub(crate) fn words_of_success(body: &str) -> Option<String> {
    const PLACES: [&str; 5] = ["/detail", "/message", "/error", "/error/message", "/data/message"];
    if body.len() > WORDS_BYTES_MAX {
        return None;
    }
    find(body, &PLACES).map(|words| one_line(&words))
}

/// One line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn find(body: &str, places: &[&str]) -> Option<String> {
    let json: Value = serde_json::from_str(body).ok()?;
    let mut found = places.iter().filter_map(|place| json.pointer(place)?.as_str());
    found.find(|words| !words.trim().is_empty()).map(str::to_owned)
}

/// The texts of `errors`, plain or each in an object.
fn listed(body: &str) -> Option<String> {
    let json: Value = serde_json::from_str(body).ok()?;
    let text = |error: &Value| Some(error.as_str().or_else(|| error["message"].as_str())?.to_owned());
    let texts: Vec<String> = json.get("errors")?.as_array()?.iter().filter_map(text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_words_are_found_wherever_they_are() {
        let bodies = [
            r#"{"detail":"why","title":"no"}"#,
            r#"{"detail":"","message":"why"}"#,
            r#"{"title":"why","error":"no"}"#,
            r#"{"error":"why"}"#,
            r#"{"error":{"message":"why"}}"#,
            r#"{"data":{"message":"why"}}"#,
            r#"{"requestId":"1","errors":["why"]}"#,
            r#"{"errors":[{"message":"why"}]}"#,
            "why",
            " why\u{0}\n",
        ];
        for body in bodies {
            assert_eq!(error_words(body), "why", "{body}");
        }
        assert_eq!(error_words(r#"{"errors":["one",2,"two"]}"#), "one; two");
        assert_eq!(error_words(r#"{"errors":[1]}"#), r#"{"errors":[1]}"#);
    }

    #[test]
    fn of_a_success_only_words_meant_for_people_are_taken() {
        assert_eq!(words_of_success(r#"{"error":"overloaded"}"#).as_deref(), Some("overloaded"));
        for body in [r#"{"title":"Salary talk"}"#, r#"{"transcript":"Ana: hello"}"#, "Ana: hello", ""] {
            assert_eq!(words_of_success(body), None, "{body:?}");
        }
    }
}
