//! Texts, ids, numbers and flags, whatever type they come as.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Text, or a number as it is written; anything else is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

/// An opaque id: text, or a number digit by digit, so that ids beyond 64 bits stay what they are.
pub(crate) type Id<'a> = Text<'a>;

/// A finite number, also when written as text; anything else is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Number(pub(crate) Option<f64>);

/// A flag, also when written as text or number; anything else is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl<'a> Text<'a> {
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        let scalar = match raw.get().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(raw.get())),
            _ => text(raw),
        };
        Self(scalar)
    }

    /// The text, unless it is blank.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.trim().is_empty())
    }
}

impl Number {
    pub(crate) fn of(raw: &RawValue) -> Self {
        // not through serde_json, which refuses what is beyond a double
        let number = raw.get().trim_matches('"').trim().parse().ok();
        Self(number.filter(|number: &f64| number.is_finite()))
    }
}

impl Flag {
    pub(crate) fn of(raw: &RawValue) -> Self {
        match raw.get().trim_matches('"').trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Self(Some(true)),
            "false" | "no" | "0" => Self(Some(false)),
            _ => Self(None),
        }
    }
}

/// A JSON string's content; none when it is not a string.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Text::of(<&'de RawValue>::deserialize(deserializer)?))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Number::of(<&'de RawValue>::deserialize(deserializer)?))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Flag::of(<&'de RawValue>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_ids_are_read_as_they_are_written() {
        let read =
            |json: &str| serde_json::from_str::<Text<'_>>(json).expect("JSON").get().map(str::to_owned);
        assert_eq!(read(r#""a\"b\u00e9""#).as_deref(), Some("a\"bé"));
        assert_eq!(read("9223372036854775808999").as_deref(), Some("9223372036854775808999"));
        for none in ["null", "true", r#"" ""#, "[]", "{}", r#""""#] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn numbers_and_flags_are_also_read_from_text() {
        let number = |json: &str| serde_json::from_str::<Number>(json).expect("JSON").0;
        assert_eq!(number("1898.4"), Some(1898.4));
        assert_eq!(number(r#"" 1898.4 ""#), Some(1898.4));
        for none in ["1e400", r#""NaN""#, r#""inf""#, r#""""#, "null", "[1]", "true"] {
            assert_eq!(number(none), None, "{none}");
        }
        let flag = |json: &str| serde_json::from_str::<Flag>(json).expect("JSON").0;
        assert_eq!([flag("true"), flag(r#""TRUE""#), flag("1")], [Some(true); 3]);
        assert_eq!([flag("false"), flag(r#""No""#), flag("0")], [Some(false); 3]);
        assert_eq!([flag("null"), flag("[true]"), flag(r#""perhaps""#)], [None; 3]);
    }
}
