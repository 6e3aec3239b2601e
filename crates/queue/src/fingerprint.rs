//! What groups errors that differ only in ids.

/// A longer fingerprint tells no more.
const CHARS_MAX: usize = 200;

/// Strips what differs between two occurrences of one error: quoted texts, and every word with a digit or an `@` in it
/// (ids, numbers, times, addresses). Two errors of one kind give the same text.
pub fn fingerprint(text: &str) -> String {
    let mut stripped = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match quoted_len(rest, stripped.chars().next_back()) {
            Some(length) => {
                stripped.push('#');
                length
            }
            None if is_word(first) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                push_word(&mut stripped, &rest[..length]);
                length
            }
            None => {
                push_other(&mut stripped, first);
                first.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    stripped.trim_end().chars().take(CHARS_MAX).collect()
}

/// The length of a quoted text at the start, quotes included. An apostrophe within a word opens none.
fn quoted_len(rest: &str, before: Option<char>) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`' | '\''))?;
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    rest[1..].find(quote).map(|length| length + 2)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '+' | '@' | '%' | '=')
}

fn push_word(stripped: &mut String, word: &str) {
    let core = word.trim_end_matches([':', '.', '-']);
    let ending = &word[core.len()..];
    if core.chars().any(|c| c.is_numeric() || c == '@') {
        stripped.push('#');
    } else {
        stripped.push_str(core);
    }
    stripped.push_str(ending);
}

fn push_other(stripped: &mut String, c: char) {
    let c = if c.is_whitespace() || c.is_control() { ' ' } else { c };
    if c != ' ' || !(stripped.is_empty() || stripped.ends_with(' ')) {
        stripped.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_only_in_ids_have_one_fingerprint() {
        let cases = [
            ("call 123 not found", "call 9f3e not found", "call # not found"),
            (
                "run 0192f0c1-0000-7000-8000-000000000001: timeout",
                "run 0192f0c1-0000-7000-8000-00000000abcd: timeout",
                "run #: timeout",
            ),
            ("at 2026-01-01T10:00:00Z: no", "at 2025-12-31 : no", "at #: no"),
            ("no owner for a@b.example", "no owner for jo@x.example", "no owner for #"),
            (r#"unknown platform "Zoom""#, r#"unknown platform "Teams live""#, "unknown platform #"),
        ];
        for (one, other, both) in cases {
            assert_eq!(fingerprint(one), both);
            assert_eq!(fingerprint(other).replace(" :", ":"), both);
        }
    }

    #[test]
    fn errors_of_different_kinds_stay_apart() {
        assert_ne!(fingerprint("missing field `title`, line 1"), fingerprint("invalid type: null, line 1"));
        assert_eq!(fingerprint("the vendor's list didn't end"), "the vendor's list didn't end");
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_short_fingerprint_without_digits(text in "\\PC{0,300}") {
            let print = fingerprint(&text);
            proptest::prop_assert!(print.chars().count() <= CHARS_MAX);
            proptest::prop_assert!(!print.chars().any(char::is_numeric));
        }
    }
}
