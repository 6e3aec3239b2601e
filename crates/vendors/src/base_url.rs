//! Where a vendor's API is.

use url::Url;

/// A base URL that cannot be used, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the base URL {0}")]
pub struct InvalidBaseUrl(String);

/// A vendor's base URL: with a path, without credentials, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Parses a base URL; plain HTTP only where it is allowed.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, InvalidBaseUrl> {
        let refuse = |why: &str| Err(InvalidBaseUrl(why.to_owned()));
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

    /// The URL of a resource: each part is one segment, whatever is in it.
    pub(crate) fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("http and https URLs have a path").pop_if_empty().extend(segments);
        url
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
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
        assert_eq!(
            base.join(&["conversations", "../a?b#ü"]).as_str(),
            "https://h/v2/conversations/..%2Fa%3Fb%23%C3%BC"
        );
    }
}
