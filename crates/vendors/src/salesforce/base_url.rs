//! Where an organization's API may be.

use crate::{BaseUrl, InvalidBaseUrl};

/// Parses the address of an organization. Only its My Domain is taken: the address comes from a person or a reply, and the credential
/// goes there. `allow_stand_in` takes any host, also over plain HTTP and with a path.
pub fn parse_base_url(text: &str, allow_stand_in: bool) -> Result<BaseUrl, InvalidBaseUrl> {
    let base_url = BaseUrl::parse(text, allow_stand_in)?;
    let own = base_url.host().strip_suffix(".my.salesforce.com").is_some_and(|name| !name.is_empty());
    if allow_stand_in || (own && base_url.has_no_path()) {
        return Ok(base_url);
    }
    Err(InvalidBaseUrl::because(
        "is no organization's of Salesforce: expected https://NAME.my.salesforce.com, as it is shown under Setup > My Domain",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_organizations_own_host_gets_the_credential() {
        for good in [
            "https://acme.my.salesforce.com",
            " https://ACME.my.salesforce.com/ ",
            "https://acme--uat.sandbox.my.salesforce.com",
        ] {
            let base_url = parse_base_url(good, false).expect(good);
            assert!(base_url.host().ends_with(".my.salesforce.com"), "{good}");
        }
        for bad in [
            "",
            "http://acme.my.salesforce.com",
            "https://login.salesforce.com",
            "https://my.salesforce.com",
            "https://.my.salesforce.com",
            "https://acme.my.salesforce.com.evil.example",
            "https://evilmy.salesforce.com",
            "https://acme.my.salesforce.com@evil.example",
            "https://acme.my.salesforce.com/services",
            "https://127.0.0.1",
        ] {
            assert!(parse_base_url(bad, false).is_err(), "{bad} was accepted");
        }
        assert!(parse_base_url("http://127.0.0.1:8080/salesforce", true).is_ok());
    }
}
