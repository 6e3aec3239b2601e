//! Where a company's API may be.

use crate::{BaseUrl, InvalidBaseUrl};

/// Parses a company's base URL, with or without `/v2` at its end. Only Gong's own hosts are taken: the address comes from a person or
/// a reply, and the credential goes there. `allow_stand_in` takes any host, also over plain HTTP.
pub fn parse_base_url(text: &str, allow_stand_in: bool) -> Result<BaseUrl, InvalidBaseUrl> {
    let trimmed = text.trim().trim_end_matches('/');
    let base_url = BaseUrl::parse(trimmed.strip_suffix("/v2").unwrap_or(trimmed), allow_stand_in)?;
    let host = base_url.host();
    if allow_stand_in || host == "api.gong.io" || host.ends_with(".api.gong.io") {
        return Ok(base_url);
    }
    Err(InvalidBaseUrl::because(
        "is not one of Gong's: expected https://api.gong.io or https://COMPANY.api.gong.io, as Gong shows it under Company Settings > API",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gongs_own_hosts_get_the_credential() {
        for good in ["https://api.gong.io", "https://us-55616.api.gong.io/v2/", " https://EU-1.api.gong.io"] {
            let base_url = parse_base_url(good, false).expect(good);
            assert!(base_url.host().ends_with("api.gong.io") && !base_url.as_str().contains("v2"), "{good}");
        }
        for bad in [
            "http://api.gong.io",
            "https://gong.io",
            "https://api.gong.io.evil.example",
            "https://evilapi.gong.io",
            "https://api.gong.io@evil.example",
            "https://127.0.0.1",
        ] {
            assert!(parse_base_url(bad, false).is_err(), "{bad} was accepted");
        }
        assert!(parse_base_url("http://127.0.0.1:8080/gong", true).is_ok());
    }
}
