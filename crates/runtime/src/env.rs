//! Settings, read once.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// A setting that is absent or cannot be read. Never shows the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Required, but not set.
    #[error("{name} is not set")]
    Missing {
        /// The variable.
        name: String,
    },
    /// Set, but not to what is expected.
    #[error("{name} is not valid: expected {expected}")]
    Invalid {
        /// The variable.
        name: String,
        /// What it should hold.
        expected: String,
    },
}

impl EnvError {
    /// An error of a variable that is read by more than a parser.
    pub fn invalid(name: &str, expected: impl Into<String>) -> Self {
        Self::Invalid { name: name.to_owned(), expected: expected.into() }
    }
}

/// The longest time a setting may name. No clock can be set by much more.
const SECONDS_MAX: f64 = 365.0 * 86_400.0;

/// The environment as it was when the process started. A variable set to nothing counts as not set.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// Reads the environment of the process; the only place that does.
    pub fn from_process() -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_pairs(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))))
    }

    /// Takes the pairs as the environment, for tests and for `all`.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(pairs.filter(|(_, value): &(String, String)| !value.trim().is_empty()).collect())
    }

    /// The names of what is set, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value, without surrounding space.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| value.trim().to_owned())
    }

    /// The value of a variable the process cannot do without.
    pub fn required(&self, name: &str) -> Result<String, EnvError> {
        self.text(name).ok_or_else(|| EnvError::Missing { name: name.to_owned() })
    }

    /// The value as a `T`, or the default. Not for secrets: the parser's reason is shown.
    pub fn parse<T>(&self, name: &str, default: T) -> Result<T, EnvError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse()
            .map_err(|reason| EnvError::invalid(name, format!("{} ({reason})", short_type_name::<T>())))
    }

    /// A length of time in seconds, whole or not, or the default.
    pub fn seconds(&self, name: &str, default: Duration) -> Result<Duration, EnvError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse()
            .ok()
            .filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))
            .map(Duration::from_secs_f64)
            .ok_or_else(|| EnvError::invalid(name, "a number of seconds, from zero to a year (31536000)"))
    }

    /// `true` or `false`, or the default.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, EnvError> {
        match self.text(name).as_deref() {
            None => Ok(default),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(EnvError::invalid(name, "true or false")),
        }
    }

    /// The value as a secret.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A secret the process cannot do without.
    pub fn required_secret(&self, name: &str) -> Result<SecretString, EnvError> {
        self.required(name).map(SecretString::from)
    }
}

/// Shows the names only: any value may be a secret.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort();
        f.debug_tuple("Env").field(&names).finish()
    }
}

fn short_type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::from_pairs([
            ("PORT", "80x"),
            ("WAIT_S", "1.5"),
            ("EMPTY", " "),
            ("KEY", "hunter2"),
            ("BAD_S", "-1"),
        ])
    }

    #[test]
    fn an_absent_or_empty_variable_takes_its_default_or_is_named_as_missing() {
        assert_eq!(env().parse("EMPTY", 7_u16), Ok(7));
        assert_eq!(env().seconds("ABSENT_S", Duration::from_secs(2)), Ok(Duration::from_secs(2)));
        assert_eq!(env().required("EMPTY").unwrap_err().to_string(), "EMPTY is not set");
    }

    #[test]
    fn an_unreadable_value_names_the_variable_and_what_is_expected() {
        let error = env().parse("PORT", 1_u16).unwrap_err().to_string();
        assert_eq!(error, "PORT is not valid: expected u16 (invalid digit found in string)");
        for bad in ["-1", "NaN", "inf", "1e300", "31536001", "soon"] {
            let env = Env::from_pairs([("BAD_S", bad)]);
            let error = env.seconds("BAD_S", Duration::ZERO).unwrap_err().to_string();
            assert_eq!(
                error,
                "BAD_S is not valid: expected a number of seconds, from zero to a year (31536000)"
            );
        }
        assert!(env().flag("PORT", true).is_err());
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(env().seconds("WAIT_S", Duration::ZERO), Ok(Duration::from_millis(1500)));
        let year = Env::from_pairs([("YEAR_S", "31536000")]).seconds("YEAR_S", Duration::ZERO);
        assert_eq!(year, Ok(Duration::from_hours(365 * 24)));
    }

    #[test]
    fn the_debug_form_shows_no_value() {
        let text = format!("{:?} {:?}", env(), env().secret("KEY"));
        assert!(text.contains("KEY") && !text.contains("hunter2"), "{text}");
    }
}
