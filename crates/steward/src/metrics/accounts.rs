//! Numbers of the vendors' accounts: whether they take requests, and how many are under way.

use model::Vendor;
use runtime::Numbers;
use store::report::AccountsBusy;

use super::table::Table;

/// How the accounts stand, vendor by vendor.
#[derive(Debug)]
pub(crate) struct AccountNumbers {
    closed: Table,
    away: Table,
    in_flight: Table,
    in_flight_max: Table,
}

impl AccountNumbers {
    pub(crate) fn register(make: Numbers<'_>) -> Result<Self, prometheus::Error> {
        let counts = |name, help, labels: &[&str]| Table::counts(make, name, help, labels);
        Ok(Self {
            closed: counts(
                "switchboard_vendor_accounts_closed",
                "Accounts of a vendor that take no requests for a while: it answered 429; again and again: another program uses the same account.",
                &["vendor"],
            )?,
            away: counts(
                "switchboard_vendor_accounts_away",
                "Accounts of a vendor that does not answer: their work is parked until a probe is answered; see `switchboard connections`.",
                &["vendor"],
            )?,
            in_flight: counts(
                "switchboard_vendor_in_flight_requests",
                "Requests to a vendor under way, of all accounts.",
                &["vendor"],
            )?,
            in_flight_max: counts(
                "switchboard_vendor_in_flight_max_requests",
                "Requests to a vendor that may be under way, of all accounts; reached all the time: the vendor is slow.",
                &["vendor"],
            )?,
        })
    }

    pub(crate) fn set(&self, busy: &[AccountsBusy]) {
        let of = |number: fn(&AccountsBusy) -> i64| {
            let one = move |vendor| busy.iter().find(|one| one.vendor == vendor).map_or(0, number) as f64;
            Vendor::ALL.iter().map(move |vendor| (vec![vendor.as_str()], one(*vendor)))
        };
        self.closed.set(of(|one| one.closed));
        self.away.set(of(|one| one.away));
        self.in_flight.set(of(|one| one.in_flight));
        self.in_flight_max.set(of(|one| one.in_flight_max));
    }
}
