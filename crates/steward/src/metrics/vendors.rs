//! Numbers of the whole system by vendor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Share, Vendor};
use prometheus::IntGauge;
use runtime::Numbers;
use store::budget::{BackfillOutlook, ShareLeft};
use store::report::{BackfillPace, DayFreshness, DeadOf, Doing, OneDoing, Spread, Whose};

use super::table::Table;

/// Where letters can die; another word in a message's header is not ours.
const STAGES: [&str; 4] = ["fetch", "detail", "normalize", "resolve"];

/// What a call waits for: the vendor until it lists it, then us.
const PARTS: [&str; 3] = ["total", "vendor", "own"];

/// How the whole stands, vendor by vendor.
#[derive(Debug)]
pub(crate) struct VendorNumbers {
    connections: Table,
    oldest_sync: Table,
    budget_left: Table,
    budget_used: Table,
    backfill_slices: Table,
    backfill_eta: Table,
    freshness: Table,
    freshness_calls: Table,
    dead: Table,
    dead_oldest: IntGauge,
}

impl VendorNumbers {
    pub(crate) fn register(make: Numbers<'_>) -> Result<Self, prometheus::Error> {
        let counts = |name, help, labels: &[&str]| Table::counts(make, name, help, labels);
        let measures = |name, help, labels: &[&str]| Table::measures(make, name, help, labels);
        Ok(Self {
            connections: counts(
                "switchboard_vendor_connections",
                "Connections of a vendor by how they are doing; many of one vendor not running: see its status page.",
                &["vendor", "status"],
            )?,
            oldest_sync: measures(
                "switchboard_oldest_sync_seconds",
                "Seconds since the schedule of a vendor's connections that nobody switched off last listed a window to its end, of the one farthest behind; see `switchboard connections`.",
                &["vendor"],
            )?,
            budget_left: measures(
                "switchboard_budget_left_ratio",
                "What a share of the day may still spend, of the account that has least left; zero: its work is parked until `switchboard status` says.",
                &["vendor", "share"],
            )?,
            budget_used: counts(
                "switchboard_budget_used_requests",
                "Requests that a share has spent within the day, of all accounts that have a daily limit.",
                &["vendor", "share"],
            )?,
            backfill_slices: counts(
                "switchboard_backfill_slices",
                "Slices of history that are still to be listed.",
                &["vendor"],
            )?,
            backfill_eta: measures(
                "switchboard_backfill_eta_seconds",
                "Seconds until the last backfill of a vendor is listed, by what slices cost so far; infinite: none has ended yet.",
                &["vendor"],
            )?,
            freshness: measures(
                "switchboard_freshness_seconds",
                "Seconds from a call's end until it was stored, of the calls of the last day; vendor: until it was listed to us, own: then until it was stored.",
                &["vendor", "part", "quantile"],
            )?,
            freshness_calls: counts(
                "switchboard_freshness_calls",
                "Calls that ended within the last day, which the freshness is of.",
                &["vendor"],
            )?,
            dead: counts(
                "switchboard_dead_letters_by_stage",
                "Dead letters by vendor and by where they died; see `switchboard dead groups`.",
                &["vendor", "stage"],
            )?,
            dead_oldest: make.gauge(
                "switchboard_dead_letters_oldest_seconds",
                "Seconds the oldest dead letter has waited for a person; zero: there is none.",
            )?,
        })
    }

    pub(crate) fn connections(&self, doings: &[OneDoing]) {
        let count = |vendor: Vendor, doing: &Doing| {
            doings.iter().filter(|one| one.vendor == vendor && one.doing == *doing).count() as f64
        };
        self.connections.set(
            pairs(Vendor::ALL, Doing::ALL)
                .map(|(vendor, doing)| (vec![vendor.as_str(), doing.as_str()], count(vendor, &doing))),
        );
        let oldest = |vendor: Vendor| {
            let wanted = doings.iter().filter(|one| one.vendor == vendor && one.is_wanted());
            wanted.map(|one| one.synced_ago_s as f64).reduce(f64::max)
        };
        self.oldest_sync
            .set(Vendor::ALL.iter().filter_map(|vendor| Some((vec![vendor.as_str()], oldest(*vendor)?))));
    }

    /// An account without a daily limit has its whole budget left.
    pub(crate) fn budgets(&self, shares: &[ShareLeft]) {
        let of = |vendor: Vendor, share: Share| {
            shares.iter().filter(move |one| one.vendor == vendor && one.share == share)
        };
        let left = |one: &ShareLeft| one.left as f64 / one.allowed.max(1) as f64;
        let labels = |vendor: Vendor, share: Share| vec![vendor.as_str(), share.as_str()];
        self.budget_left.set(
            pairs(Vendor::ALL, Share::ALL).map(|(vendor, share)| {
                (labels(vendor, share), of(vendor, share).map(left).fold(1.0, f64::min))
            }),
        );
        self.budget_used.set(pairs(Vendor::ALL, Share::ALL).map(|(vendor, share)| {
            (labels(vendor, share), of(vendor, share).map(|one| one.used as f64).sum())
        }));
    }

    pub(crate) fn backfills(&self, paces: &[BackfillPace], outlooks: &[BackfillOutlook], now: Timestamp) {
        let pace = |vendor: Vendor| paces.iter().find(|one| one.vendor == vendor);
        self.backfill_slices.set(
            Vendor::ALL
                .iter()
                .map(|vendor| (vec![vendor.as_str()], pace(*vendor).map_or(0, |one| one.left) as f64)),
        );
        let by_day = |vendor: Vendor| {
            let own = outlooks.iter().filter(move |one| one.vendor == vendor);
            own.map(|one| one.done_at.map_or(f64::INFINITY, |at| at.duration_since(now).as_secs_f64()))
        };
        let eta = |vendor: Vendor| by_day(vendor).fold(pace(vendor).map_or(0.0, by_the_hour), f64::max);
        self.backfill_eta.set(Vendor::ALL.iter().map(|vendor| (vec![vendor.as_str()], eta(*vendor))));
    }

    pub(crate) fn freshness(&self, measured: &[DayFreshness]) {
        let of = |vendor: Vendor| measured.iter().find(|one| one.whose == Whose::Vendor(vendor));
        self.freshness_calls.set(
            Vendor::ALL
                .iter()
                .map(|vendor| (vec![vendor.as_str()], of(*vendor).map_or(0, |one| one.calls) as f64)),
        );
        let measured = Vendor::ALL.iter().filter_map(|vendor| Some((vendor.as_str(), of(*vendor)?)));
        self.freshness.set(measured.flat_map(|(vendor, one)| by_part(vendor, one)));
    }

    pub(crate) fn dead(&self, dead: &[DeadOf]) {
        self.dead_oldest.set(dead.iter().map(|one| one.oldest_s).max().unwrap_or(0));
        let mut counts: BTreeMap<[&str; 2], i64> = BTreeMap::new();
        for one in dead {
            let stage = STAGES.into_iter().find(|stage| *stage == one.stage).unwrap_or("other");
            *counts.entry([one.vendor.map_or("unknown", Vendor::as_str), stage]).or_default() += one.count;
        }
        for (vendor, stage) in pairs(Vendor::ALL, &STAGES) {
            counts.entry([vendor.as_str(), stage]).or_default();
        }
        self.dead.set(counts.into_iter().map(|(labels, count)| (labels.to_vec(), count as f64)));
    }
}

/// The freshness of one, each part and quantile.
pub(super) fn by_part<'a>(
    name: &'a str,
    one: &DayFreshness,
) -> impl Iterator<Item = (Vec<&'a str>, f64)> + use<'a> {
    let parts = PARTS.into_iter().zip([&one.total, &one.vendor_lag, &one.own_lag].map(quantiles));
    parts.flat_map(move |(part, quantiles)| {
        quantiles.into_iter().map(move |(quantile, seconds)| (vec![name, part, quantile], seconds))
    })
}

fn quantiles(spread: &Spread) -> [(&'static str, f64); 3] {
    [("0.5", spread.p50_s), ("0.95", spread.p95_s), ("0.99", spread.p99_s)]
}

/// At the pace of the last hour.
fn by_the_hour(pace: &BackfillPace) -> f64 {
    if pace.left == 0 { 0.0 } else { 3600.0 * pace.left as f64 / pace.done_within_hour as f64 }
}

fn pairs<'a, A: Copy, B: Copy>(
    left: &'a [A],
    right: &'a [B],
) -> impl Iterator<Item = (A, B)> + use<'a, A, B> {
    left.iter().flat_map(|one| right.iter().map(|other| (*one, *other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_ends_at_the_pace_of_the_last_hour_or_nobody_knows_when() {
        let eta = |left, done_within_hour| {
            by_the_hour(&BackfillPace { vendor: Vendor::Gong, left, done_within_hour })
        };
        let etas = [eta(0, 0), eta(0, 5), eta(10, 5), eta(1, 0)].map(|eta| eta.to_string());
        assert_eq!(etas, ["0", "0", "7200", "inf"]);
    }
}
