//! What a vendor gave.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

/// No token is believed to live longer.
const LIFE_MAX: Duration = Duration::from_hours(366 * 24);

/// Tokens as a vendor gave them; what the vendor left out is absent.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// What requests are sent with.
    pub access_token: SecretString,
    /// What gets the next one, where the grant has it. Where a refresh brings none, the one before is still good.
    pub refresh_token: Option<SecretString>,
    /// How long the access token lives; Salesforce does not say.
    pub expires_in: Option<Duration>,
    /// What it may be used for.
    pub scopes: Option<Vec<String>>,
    /// Where requests go from now on: Gong's `api_base_url_for_customer`, Salesforce's `instance_url`. Not checked yet.
    pub base_url: Option<String>,
    /// Whose it is: Salesforce's `id`, a URL that ends with the organisation's id and the user's.
    pub identity: Option<String>,
}

impl Tokens {
    pub(super) fn of_json(json: &Value) -> Result<Self, &'static str> {
        let text = |field: &str| json[field].as_str().map(str::trim).filter(|text| !text.is_empty());
        let secret = |field: &str| match text(field) {
            // it goes into a header
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("holds a token with odd characters")
            }
            token => Ok(token.map(SecretString::from)),
        };
        if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err("is not of a bearer token");
        }
        Ok(Self {
            access_token: secret("access_token")?.ok_or("holds no access token")?,
            refresh_token: secret("refresh_token")?,
            expires_in: life(&json["expires_in"]),
            scopes: scopes(json),
            base_url: text("api_base_url_for_customer").or_else(|| text("instance_url")).map(str::to_owned),
            identity: text("id").map(str::to_owned),
        })
    }
}

/// Seconds, as a number or in quotes.
fn life(value: &Value) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LIFE_MAX))
}

/// A text of words, or a list.
fn scopes(json: &Value) -> Option<Vec<String>> {
    if let Some(text) = json["scope"].as_str() {
        return Some(text.split_whitespace().map(str::to_owned).collect());
    }
    let list = json["scopes"].as_array()?;
    Some(list.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_vendors_answer_is_read_as_it_comes() {
        let gong = json!({"access_token":"at-1","refresh_token":"rt-1","token_type":"bearer","expires_in":86400,
            "scope":"api:calls:read:basic api:users:read", "api_base_url_for_customer":"https://company-17.api.gong.io"});
        let gong = Tokens::of_json(&gong).expect("tokens");
        assert_eq!(gong.refresh_token.expect("a token").expose_secret(), "rt-1");
        assert_eq!(gong.expires_in, Some(Duration::from_hours(24)));
        assert_eq!(gong.scopes.expect("scopes"), ["api:calls:read:basic", "api:users:read"]);
        assert_eq!(gong.base_url.as_deref(), Some("https://company-17.api.gong.io"));

        let hubspot = json!({"token_type":"bearer","refresh_token":"eu1-x","access_token":"CJ","expires_in":"1800",
            "hub_id":1,"scopes":["oauth"],"token_use":"access_token"});
        let hubspot = Tokens::of_json(&hubspot).expect("tokens");
        assert_eq!((hubspot.expires_in, hubspot.base_url), (Some(Duration::from_mins(30)), None));
        assert_eq!(hubspot.scopes.expect("scopes"), ["oauth"]);

        let salesforce = json!({"access_token":"00D!A","instance_url":"https://acme.my.salesforce.com","issued_at":"17",
            "id":"https://login.salesforce.com/id/00Dx/005x","token_type":"Bearer","scope":"api id","refresh_token":null});
        let salesforce = Tokens::of_json(&salesforce).expect("tokens");
        assert!(salesforce.refresh_token.is_none() && salesforce.expires_in.is_none());
        assert_eq!(salesforce.identity.as_deref(), Some("https://login.salesforce.com/id/00Dx/005x"));
        assert!(!format!("{salesforce:?}").contains("00D!A"), "no token is ever shown");
    }

    #[test]
    fn what_holds_no_token_that_can_be_used_is_none() {
        let table = [
            (json!({}), "holds no access token"),
            (json!([]), "holds no access token"),
            (json!({"access_token":" "}), "holds no access token"),
            (json!({"access_token":"a\nb"}), "holds a token with odd characters"),
            (json!({"access_token":"a","refresh_token":"ü"}), "holds a token with odd characters"),
            (json!({"access_token":"a","token_type":"mac"}), "is not of a bearer token"),
        ];
        for (body, why) in table {
            assert_eq!(Tokens::of_json(&body).expect_err("no tokens"), why, "{body}");
        }
        for odd in [json!(0), json!(-5), json!(null), json!("soon"), json!({})] {
            assert_eq!(life(&odd), None, "{odd}");
        }
        assert_eq!(life(&json!(u64::MAX)), Some(LIFE_MAX));
    }
}
