//! What vendors say of the day that they share out to everybody who asks: written down when it is news, not with every answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{Vendor, VendorAccount};
use store::budget;
use tokio::time::Instant;
use vendors::DayUse;

use crate::Shared;
use crate::ask::Setback;

/// So long what was written down is taken to hold, as long as it does not change much; less than what the database takes it to.
const SAID_AGAIN_AFTER: Duration = Duration::from_mins(5);

/// Which part of what is left is no small change.
const PART: i64 = 20;

/// What was last written down of each account by this process.
#[derive(Debug, Default)]
pub(crate) struct Days(Mutex<HashMap<(Vendor, VendorAccount), Told>>);

#[derive(Debug, Clone, Copy)]
struct Told {
    day: DayUse,
    at: Instant,
}

impl Days {
    /// Whether it is to be written down, which it then is.
    fn is_news(&self, vendor: Vendor, account: &VendorAccount, told: Told) -> bool {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = days.get(&(vendor, account.clone()));
        let is_news = before.is_none_or(|before| told.differs_from(*before));
        if is_news {
            days.insert((vendor, account.clone()), told);
        }
        is_news
    }
}

impl Told {
    /// The less is left, the smaller a change counts.
    fn differs_from(self, before: Self) -> bool {
        let left = i64::from(self.day.limit) - i64::from(self.day.used);
        let change = (i64::from(self.day.used) - i64::from(before.day.used)).abs();
        self.day.limit != before.day.limit
            || change * PART >= left.max(1)
            || self.at.duration_since(before.at) >= SAID_AGAIN_AFTER
    }
}

/// Takes note of what an answer said of the day.
pub(crate) async fn note(
    shared: &Shared,
    vendor: Vendor,
    account: &VendorAccount,
    day: Option<DayUse>,
) -> Result<(), Setback> {
    let Some(day) = day else { return Ok(()) };
    if !shared.days.is_news(vendor, account, Told { day, at: Instant::now() }) {
        return Ok(());
    }
    let told = budget::tell_day(&shared.deps.store, vendor, account, day.used, day.limit);
    told.await.map_err(Setback::Store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_news_when_it_matters_for_what_is_left() {
        let (days, account, begun) = (Days::default(), VendorAccount::of("00D"), Instant::now());
        let is_news = |used, limit, after_s| {
            let at = begun + Duration::from_secs(after_s);
            days.is_news(Vendor::Salesforce, &account, Told { day: DayUse { used, limit }, at })
        };
        assert!(is_news(10_000, 100_000, 0), "the first");
        assert!(!is_news(10_001, 100_000, 1) && !is_news(14_000, 100_000, 2));
        assert!(is_news(15_000, 100_000, 3), "a twentieth of what is left");
        assert!(is_news(15_000, 120_000, 4), "another day");
        assert!(is_news(119_000, 120_000, 5));
        assert!(!is_news(119_020, 120_000, 6) && is_news(119_100, 120_000, 7));
        assert!(is_news(120_000, 120_000, 8) && !is_news(120_000, 120_000, 9), "nothing is left");
        assert!(is_news(120_001, 120_000, 10) && is_news(3, 120_000, 11), "a new day");
        assert!(!is_news(4, 120_000, 12) && is_news(4, 120_000, 400), "now and then");
    }
}
