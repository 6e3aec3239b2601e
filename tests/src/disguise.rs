//! The forms in which a secret may stand in something longer: as it is, or encoded.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What an address or a form may leave as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Every form of a secret: escaped in JSON, in an address, in hexadecimal, in base64.
pub(crate) fn forms(secret: &str) -> BTreeSet<String> {
    let quoted = serde_json::to_string(secret).expect("text is JSON");
    let in_json = quoted.trim_matches('"');
    let mut forms = BTreeSet::from([secret.to_owned(), in_json.to_owned(), in_json.replace('/', "\\/")]);
    for kept in [UNRESERVED, NON_ALPHANUMERIC] {
        let in_address = utf8_percent_encode(secret, kept).to_string();
        forms.insert(lower_case_escapes(&in_address));
        forms.insert(in_address);
    }
    let in_hex = hex(secret.as_bytes());
    forms.extend([in_hex.to_uppercase(), in_hex]);
    forms.extend((0..3).flat_map(|before| {
        [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| in_base64(&engine, secret, before))
    }));
    forms
}

/// The bytes in hexadecimal, as the database shows them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// `%2f` for `%2F`.
fn lower_case_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}%{}{}", part[..2].to_lowercase(), &part[2..]))
}

/// The digits of base64 that say nothing but the secret, whatever stands behind it and how many bytes, modulo three, before it.
fn in_base64(engine: &impl Engine, secret: &str, before: usize) -> String {
    let digits = engine.encode([&vec![0; before], secret.as_bytes()].concat());
    let from = [0, 2, 3][before];
    let to = (before + secret.len()) * 8 / 6;
    digits[from..to].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_whatever_it_was_put_and_in_nothing_else() {
        let secret = "sk-planted/\"ü\\~1";
        let found = |text: &str| forms(secret).iter().any(|form| text.contains(form));
        for before in ["", "k", "ke", "key", "key:"] {
            for behind in ["", ":", ": ", "end"] {
                let longer = format!("{before}{secret}{behind}");
                assert!(found(&longer));
                assert!(found(&serde_json::json!({ "said": longer }).to_string()));
                assert!(found(&serde_json::json!({ "said": longer }).to_string().replace('/', "\\/")));
                assert!(found(&utf8_percent_encode(&longer, NON_ALPHANUMERIC).to_string()));
                assert!(found(
                    &utf8_percent_encode(&longer, UNRESERVED)
                        .to_string()
                        .replace("%2F", "%2f")
                        .replace("%5C", "%5c")
                        .replace("%C3%BC", "%c3%bc")
                ));
                assert!(found(&hex(longer.as_bytes())) && found(&hex(longer.as_bytes()).to_uppercase()));
                assert!(found(&STANDARD_NO_PAD.encode(&longer)) && found(&URL_SAFE_NO_PAD.encode(&longer)));
            }
        }
        let other = "sk-planned/\"ü\\~1";
        assert!(!found(other) && !found(&STANDARD_NO_PAD.encode(other)) && !found(&hex(other.as_bytes())));
    }
}
