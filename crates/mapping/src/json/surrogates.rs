//! Halves of surrogate pairs, which JSON can write and no Rust text can hold.

use std::borrow::Cow;

/// Writes U+FFFD for every lone surrogate, so that one broken character does not cost the text around it.
pub(crate) fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let is_half = |at: usize| matches!(json.as_bytes().get(at + 2), Some(b'd' | b'D'));
    // every document is searched through, and hardly any has an escape
    if !memchr::memmem::find_iter(json.as_bytes(), "\\u").any(is_half) {
        return Cow::Borrowed(json);
    }
    let mut repaired = String::with_capacity(json.len());
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = json[at..].find('\\') {
        at += found;
        let (length, lone) = escape(&json.as_bytes()[at..]);
        if lone {
            repaired.push_str(&json[copied..at]);
            repaired.push_str("\\ufffd");
            copied = at + length;
        }
        at += length;
    }
    repaired.push_str(&json[copied..]);
    Cow::Owned(repaired)
}

/// Length of the escape at the start of the bytes, and whether it is a surrogate without its other half.
fn escape(bytes: &[u8]) -> (usize, bool) {
    match code_unit(bytes) {
        Some(0xd800..=0xdbff) => match bytes.get(6..).and_then(code_unit) {
            Some(0xdc00..=0xdfff) => (12, false),
            _ => (6, true),
        },
        Some(0xdc00..=0xdfff) => (6, true),
        Some(_) => (6, false),
        // The escaped character of valid JSON is ASCII.
        None => (2, false),
    }
}

fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_halves_are_replaced() {
        for (json, expected) in [
            (r#""plain \u00e9""#, r#""plain \u00e9""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""a\ud83d b""#, r#""a\ufffd b""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\uD83D\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d\\""#, r#""\\\ufffd\\""#),
            (r#""ü\ud83dü""#, r#""ü\ufffdü""#),
        ] {
            assert_eq!(without_lone_surrogates(json), expected);
            serde_json::from_str::<String>(&without_lone_surrogates(json)).unwrap();
        }
    }
}
