//! The domain an account owns, from what somebody typed into its website field.

use super::domain::{normal_host, registrable};
use super::{is_free_mail, is_shared_host, plain_text};

/// The host of a website without `www.`; none for what is no address (`n/a`, `acme`) and for hosts that stand for no
/// company (free mail, social networks, site builders). A subdomain stays: `cs.uni.edu` must not claim `uni.edu`.
pub fn domain_from_website(text: &str) -> Option<String> {
    let text = plain_text(text);
    let host = normal_host(host_of(&text))?;
    let host = host.strip_prefix("www.").unwrap_or(&host);
    registrable(host)?;
    (!is_free_mail(host) && !is_shared_host(host)).then(|| host.to_owned())
}

/// Cuts away scheme, user, port and path.
fn host_of(text: &str) -> &str {
    let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest).trim_start_matches('/');
    let is_end = |c: char| matches!(c, '/' | '\\' | '?' | '#' | ',' | ';') || c.is_whitespace();
    let authority = behind_scheme.split(is_end).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_website_gives_its_host_without_www() {
        for (website, domain) in [
            ("http://WWW.Acme.com:8080/de?x=1", "acme.com"),
            ("acme.com", "acme.com"),
            (" https://acme.co.uk/ ", "acme.co.uk"),
            ("//acme.com", "acme.com"),
            ("www.acme.com, www.acme.de", "acme.com"),
            ("https://user:secret@acme.com/x", "acme.com"),
            ("https://Bücher.de", "xn--bcher-kva.de"),
            ("acme．com.", "acme.com"),
            ("https://cs.uni.edu/", "cs.uni.edu"),
            ("https://acme.myshopify.com", "acme.myshopify.com"),
            ("zendesk.com", "zendesk.com"),
            ("google.com", "google.com"),
        ] {
            assert_eq!(domain_from_website(website).as_deref(), Some(domain), "{website:?}");
        }
    }

    #[test]
    fn what_stands_for_no_company_gives_none() {
        for website in [
            "",
            "n/a",
            "acme",
            "-",
            "none",
            "http://",
            "https://www.linkedin.com/company/acme",
            "gmail.com",
            "facebook.com/acme",
            "https://sites.google.com/view/acme",
            "http://corp.local",
            "10.0.0.1",
            "co.uk",
            "github.io",
            "onmicrosoft.com",
            "[::1]",
            "www.com",
        ] {
            assert_eq!(domain_from_website(website), None, "{website:?}");
        }
    }
}
