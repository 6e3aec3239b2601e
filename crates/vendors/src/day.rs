//! What answers say of the day: how many requests of those that a vendor's account has were used, by whomever.

use std::cell::Cell;

use reqwest::header::HeaderMap;

/// How much of an account's day is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUse {
    /// Requests that were made, by all programs that ask the account.
    pub used: i32,
    /// Requests that it has; more than none.
    pub limit: i32,
}

tokio::task_local! {
    static HEARD: Cell<Option<DayUse>>;
}

/// Makes requests, and says beside what comes of them what the last answer said of the day, if one did.
pub async fn hear_day<T>(requests: impl Future<Output = T>) -> (T, Option<DayUse>) {
    let listening = async {
        let outcome = requests.await;
        (outcome, HEARD.with(Cell::get))
    };
    HEARD.scope(Cell::new(None), listening).await
}

/// Tells who listens what the headers of an answer say of the day.
pub(crate) fn tell(headers: &HeaderMap) {
    if let Some(day) = DayUse::of(headers) {
        // nobody need listen
        let _ = HEARD.try_with(|heard| heard.set(Some(day)));
    }
}

impl DayUse {
    /// Reads Salesforce's header or HubSpot's; either may be missing from any answer.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| text(name).and_then(|value| value.trim().parse().ok());
        let salesforce = text("sforce-limit-info").and_then(api_usage);
        let hubspot = || {
            let limit: i32 = number("x-hubspot-ratelimit-daily")?;
            Some((limit.saturating_sub(number("x-hubspot-ratelimit-daily-remaining")?), limit))
        };
        let (used, limit) = salesforce.or_else(hubspot)?;
        (limit > 0 && used >= 0).then_some(Self { used, limit })
    }
}

/// `api-usage=18/5000`, among others of its kind.
fn api_usage(text: &str) -> Option<(i32, i32)> {
    let usages = text.split(';').filter_map(|part| part.split_once('='));
    let (_, usage) = usages.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case("api-usage"))?;
    let (used, limit) = usage.split_once('/')?;
    let digits = |text: &str| -> String { text.trim().chars().take_while(char::is_ascii_digit).collect() };
    Some((digits(used).parse().ok()?, digits(limit).parse().ok()?))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn said(headers: &[(&'static str, &'static str)]) -> Option<(i32, i32)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        DayUse::of(&headers).map(|day| (day.used, day.limit))
    }

    #[test]
    fn the_use_of_the_day_is_found_wherever_it_stands_and_what_is_none_is_none() {
        let salesforce = |text| said(&[("sforce-limit-info", text)]);
        assert_eq!(salesforce("api-usage=10018/100000"), Some((10_018, 100_000)));
        assert_eq!(salesforce("api-usage=10018/100000; api-bursts=1/750"), Some((10_018, 100_000)));
        assert_eq!(
            salesforce("per-app-api-usage=17/250(appName=x);API-Usage = 5 / 15000(x)"),
            Some((5, 15_000))
        );
        for none in [
            "",
            "per-app-api-usage=17/250",
            "api-usage",
            "api-usage=/",
            "api-usage=1",
            "api-usage=1/0",
            "api-usage=-1/5",
            "api-usage=99999999999/99999999999",
        ] {
            assert_eq!(salesforce(none), None, "{none}");
        }
        let limit = ("x-hubspot-ratelimit-daily", "250000");
        assert_eq!(said(&[limit, ("x-hubspot-ratelimit-daily-remaining", "249991")]), Some((9, 250_000)));
        assert_eq!(said(&[limit]), None);
        assert_eq!(said(&[limit, ("x-hubspot-ratelimit-daily-remaining", "unlimited")]), None);
    }

    #[tokio::test]
    async fn the_last_answer_that_speaks_of_the_day_is_heard_by_who_listens() {
        let headers = |text: &'static str| {
            HeaderMap::from_iter([(
                HeaderName::from_static("sforce-limit-info"),
                HeaderValue::from_static(text),
            )])
        };
        tell(&headers("api-usage=1/9"));
        let (outcome, heard) = hear_day(async {
            tell(&headers("api-usage=2/9"));
            tell(&headers("api-usage=3/9"));
            tell(&HeaderMap::new());
            7
        })
        .await;
        assert_eq!((outcome, heard), (7, Some(DayUse { used: 3, limit: 9 })));
        assert_eq!(hear_day(async {}).await, ((), None));
    }
}
