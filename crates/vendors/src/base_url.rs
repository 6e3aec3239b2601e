//! Where a vendor's API is.

use std::fmt::Write as _;

use url::Url;

/// A base URL that cannot be used, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the base URL {0}")]
pub struct InvalidBaseUrl(String);

impl InvalidBaseUrl {
    /// Says what is wrong with it, after "the base URL".
    pub(crate) fn because(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// A vendor's base URL: with a path, without credentials, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Parses a base URL; plain HTTP only where it is allowed.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, InvalidBaseUrl> {
        let refuse = |why: &str| Err(InvalidBaseUrl::because(why));
        let Ok(mut url) = Url::parse(text.trim()) else {
            return refuse("cannot be read: expected https://HOST/PATH");
        };
        match url.scheme() {
            "https" => {}
            "http" if allow_http => {}
            "http" => {
                return refuse("is plain http: use https, or allow http for a stand-in on this machine");
            }
            _ => return refuse("must begin with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("holds credentials: give them by file or standard input");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("has a query or a fragment: give only host and path");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refuse("names no host");
        }
        if url.path().ends_with('/') {
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The URL of a resource: each part is one segment, whatever is in it; `None` for parts that no path can hold.
    pub(crate) fn join(&self, segments: &[&str]) -> Option<Url> {
        let mut path = self.0.path().trim_end_matches('/').to_owned();
        for segment in segments {
            // a dot segment is resolved away, encoded or not, and would make another resource of this one
            if matches!(*segment, "" | "." | "..") {
                return None;
            }
            path.push('/');
            path.push_str(&encode_segment(segment));
        }
        let mut url = self.0.clone();
        url.set_path(&path);
        Some(url)
    }

    /// Another resource beside the one that this URL names: its last segment is replaced.
    #[must_use]
    pub fn sibling(&self, segment: &str) -> Self {
        let mut url = self.0.clone();
        let (folder, _) = url.path().rsplit_once('/').unwrap_or_default();
        let path = format!("{folder}/{}", encode_segment(segment));
        url.set_path(&path);
        Self(url)
    }

    /// A resource below this URL.
    #[must_use]
    pub fn below(&self, segments: &[&str]) -> Option<Self> {
        self.join(segments).map(Self)
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it names a host and nothing below it.
    pub(crate) fn has_no_path(&self) -> bool {
        matches!(self.0.path(), "" | "/")
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Encodes all but unreserved characters. `Url` alone would drop tabs and line ends from a segment.
fn encode_segment(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_bases_are_taken_unless_http_is_allowed() {
        for bad in [
            "",
            "api.example",
            "ftp://h/x",
            "http://h/v2",
            "https://u:p@h/v2",
            "https://h/v2?a=1",
            "https://h/#x",
        ] {
            assert!(BaseUrl::parse(bad, false).is_err(), "{bad} was accepted");
        }
        assert!(BaseUrl::parse("http://127.0.0.1:8080/v2", true).is_ok());
        assert_eq!(BaseUrl::parse(" https://h/v2/ ", false).expect("a base").as_str(), "https://h/v2");
    }

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        let base = BaseUrl::parse("https://h/v2", false).expect("a base");
        let table = [
            ("../a?b#ü", "..%2Fa%3Fb%23%C3%BC"),
            ("a\tb\nc", "a%09b%0Ac"),
            ("%2e%2e", "%252e%252e"),
            (r"a\b", "a%5Cb"),
            ("...", "..."),
        ];
        for (id, segment) in table {
            let url = base.join(&["conversations", id]).expect("a path");
            assert_eq!(url.as_str(), format!("https://h/v2/conversations/{segment}"));
        }
        assert_eq!(
            BaseUrl::parse("https://h", false).expect("a base").join(&["users"]).expect("a path").as_str(),
            "https://h/users"
        );
    }

    #[test]
    fn what_is_beside_and_below_is_of_the_same_host() {
        let url = BaseUrl::parse("https://h/oauth2/authorize", false).expect("a URL");
        assert_eq!(url.sibling("token").as_str(), "https://h/oauth2/token");
        assert_eq!(url.below(&["x"]).expect("a path").as_str(), "https://h/oauth2/authorize/x");
        assert_eq!(BaseUrl::parse("https://h", false).expect("a URL").sibling("t").as_str(), "https://h/t");
    }

    #[test]
    fn an_id_that_no_path_can_hold_is_refused_instead_of_naming_the_list() {
        let base = BaseUrl::parse("https://h/v2", false).expect("a base");
        for id in ["", ".", ".."] {
            assert_eq!(base.join(&["conversations", id]), None, "{id:?}");
        }
    }
}
