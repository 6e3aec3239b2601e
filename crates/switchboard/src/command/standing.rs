//! What a person is told of a connection: how it is doing, and what to do about it. The same words in every command.

use anyhow::Context as _;
use jiff::Timestamp;
use model::{ParkCause, TenantId, Vendor};
use serde_json::json;
use store::connection::Connection;
use store::heartbeat::{self, LastSeen};
use store::report::{self, Away, Closed, Doing, Failing, Pulse};
use store::stream::{self, Silence};
use store::{StoreError, Tx, connection};

use crate::output::{or_dash, relative, roughly, second, short};

/// Most of a vendor's words that are shown within a sentence.
const REASON_CHARS: usize = 120;

/// A connection, and how it is doing.
pub(crate) struct Standing {
    pub(crate) connection: Connection,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) silence: Option<Silence>,
    /// Failed attempts at a page before its run fails.
    attempts_max: u32,
}

/// All connections the transaction may see.
pub(crate) async fn all(tx: &Tx, attempts_max: u32) -> Result<Vec<Standing>, StoreError> {
    let (mut pulses, mut silences) = (report::pulses(tx).await?, stream::silences(tx).await?);
    let connections = connection::list(tx).await?;
    Ok(connections
        .into_iter()
        .map(|connection| Standing {
            pulse: take(&mut pulses, |one| one.connection_id == connection.id),
            silence: take(&mut silences, |one| one.connection_id == connection.id),
            connection,
            attempts_max,
        })
        .collect())
}

/// A connection as it is now.
pub(crate) async fn of(tx: &Tx, one: &Connection, attempts_max: u32) -> anyhow::Result<Standing> {
    let mut everything = all(tx, attempts_max).await?;
    take(&mut everything, |other| other.connection.id == one.id).context("the connection is gone")
}

fn take<T>(all: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) -> Option<T> {
    let index = all.iter().position(is_meant)?;
    Some(all.swap_remove(index))
}

impl Standing {
    /// One of which nothing else is known.
    #[cfg(test)]
    pub(crate) fn of_connection(connection: Connection) -> Self {
        Self { connection, pulse: None, silence: None, attempts_max: 1 }
    }

    /// How it is doing, and what to do about it.
    pub(crate) fn words(&self) -> String {
        match self.advice() {
            Some(advice) => format!("{}: {advice}", self.status()),
            None => self.status(),
        }
    }

    /// What keeps its work from going on, and what ends that.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let refused = self.connection.credential_held_since.is_some();
        (self.blocked().is_some() || refused).then(|| format!("it is {}", self.words()))
    }

    /// How it is doing, in one word.
    pub(crate) fn doing(&self) -> Doing {
        Doing::of(&self.connection, self.pulse.as_ref(), self.silence.as_ref())
    }

    /// What keeps its schedule from going on.
    pub(crate) fn blocked(&self) -> Option<ParkCause> {
        report::blocked(&self.connection, self.pulse.as_ref())
    }

    /// When the vendor's limit that blocks it ends, as far as that is known.
    pub(crate) fn free_at(&self) -> Option<Timestamp> {
        let pulse = self.pulse.as_ref().filter(|_| self.blocked() == Some(ParkCause::Quota))?;
        pulse.closed.as_ref().map(|closed| closed.until).max(pulse.spent_until)
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> String {
        let (one, pulse, doing) = (&self.connection, self.pulse.as_ref(), self.doing());
        match (doing, pulse) {
            (Doing::Parked(ParkCause::Credential), Some(Pulse { refused: Some(refused), .. })) => {
                format!("refused since {} ({})", second(refused.since), short(&refused.reason, REASON_CHARS))
            }
            (Doing::Parked(ParkCause::Quota), Some(Pulse { closed: None, spent_until: Some(until), .. })) => {
                format!("parked: quota until {} (the requests of the day are spent)", second(*until))
            }
            (Doing::Parked(cause), pulse) => parked(cause, pulse),
            (Doing::Held, _) => {
                let since = or_dash(one.credential_held_since.map(second));
                format!("credential refused since {since}, held as the vendor's outage")
            }
            (Doing::Failing, Some(Pulse { failing: Some(failing), .. })) => self.failing(failing),
            (Doing::Overdue, Some(pulse)) => overdue(pulse),
            (Doing::Suspicious, _) => {
                let reason = self.silence.as_ref().map(|silence| silence.reason.as_str());
                format!("SUSPICIOUS: {}", reason.unwrap_or_default())
            }
            (doing, _) => doing.as_str().to_owned(),
        }
    }

    fn failing(&self, failing: &Failing) -> String {
        let since = second(failing.since);
        let reason = short(&failing.reason, REASON_CHARS);
        match failing.attempt {
            0 => format!("failing since {since}: {reason}"),
            attempt => {
                format!("failing since {since}: {reason} (attempt {attempt} of {})", self.attempts_max)
            }
        }
    }

    /// What a person can do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        let one = &self.connection;
        match self.blocked() {
            _ if one.disconnected_at.is_some() => {
                Some(format!("connect it again: `{}`", connect(&one.tenant, one.vendor)))
            }
            _ if !one.enabled || one.paused_at.is_some() => {
                self.remedy().map(|command| format!("`{command}`"))
            }
            Some(cause) => Some(mend(cause, &one.tenant, one.vendor)),
            None => self.pulse.as_ref().and_then(|pulse| advice_of(one, pulse)),
        }
    }

    /// The command that ends what keeps its work from going on; none where it goes on by itself.
    pub(crate) fn remedy(&self) -> Option<String> {
        let one = &self.connection;
        let name = desk::connections::name(one);
        match self.blocked() {
            _ if one.disconnected_at.is_some() => Some(connect(&one.tenant, one.vendor)),
            _ if !one.enabled => Some(format!("switchboard enable {name}")),
            _ if one.paused_at.is_some() => Some(format!("switchboard resume {name}")),
            Some(ParkCause::Credential) => Some(connect(&one.tenant, one.vendor)),
            Some(ParkCause::Crm) => Some(import(&one.tenant)),
            _ => None,
        }
    }

    pub(crate) fn as_json(&self) -> serde_json::Value {
        let one = &self.connection;
        let pulse = self.pulse.as_ref();
        json!({
            "connection": one.id, "tenant": one.tenant, "vendor": one.vendor, "vendor_account": one.vendor_account,
            "base_url": one.settings.base_url, "credential": one.credential_state,
            "credential_generation": one.credential_generation, "status": self.status(), "advice": self.advice(),
            "blocked": self.blocked(), "credential_held_since": one.credential_held_since,
            "last_synced_at": pulse.and_then(|pulse| pulse.last_synced_at),
            "due_at": pulse.and_then(|pulse| pulse.due_at), "overdue": pulse.is_some_and(|pulse| pulse.overdue),
            "failing": pulse.and_then(|pulse| pulse.failing.as_ref()),
            "refused": pulse.and_then(|pulse| pulse.refused.as_ref()),
            "closed": pulse.and_then(|pulse| pulse.closed.as_ref()),
            "away": pulse.and_then(|pulse| pulse.away.as_ref()),
            "day_spent_until": pulse.and_then(|pulse| pulse.spent_until),
            "suspicious_silence": self.silence.as_ref().map(|silence| &silence.reason),
            "backfill_days": one.settings.backfill_days,
            "interval_s": one.settings.interval_s, "lookback_s": one.settings.lookback_s,
        })
    }

    /// When it was synced last, and when it will be next.
    pub(crate) fn times(&self) -> [String; 2] {
        let Some(pulse) = &self.pulse else { return ["-", "-"].map(str::to_owned) };
        let last = pulse.last_synced_at.map_or("never".to_owned(), |at| relative(at, pulse.now));
        let next = match pulse.due_at.filter(|_| self.blocked().is_none()) {
            Some(at) if at > pulse.now => relative(at, pulse.now),
            Some(_) => "now".to_owned(),
            None => "-".to_owned(),
        };
        [last, next]
    }
}

/// What is told where nothing can be planned, because nobody is there to do it.
pub(crate) fn scheduler_away(scheduler: Option<LastSeen>) -> Option<String> {
    match scheduler {
        None => Some("NO SCHEDULER has ever been seen: is one running?".to_owned()),
        Some(seen) if seen.ago_s > heartbeat::AWAY_S => {
            Some(format!("NO SCHEDULER has been seen for {}: is one running?", roughly(seen.ago_s)))
        }
        Some(_) => None,
    }
}

fn overdue(pulse: &Pulse) -> String {
    match pulse.last_synced_at {
        Some(at) => format!("overdue: last sync {}", relative(at, pulse.now)),
        None => "overdue: never synced".to_owned(),
    }
}

fn advice_of(one: &Connection, pulse: &Pulse) -> Option<String> {
    match &pulse.failing {
        Some(failing) if one.vendor == Vendor::Attention && failing.reason.starts_with("HTTP 403") => Some(
            "the key may lack organization level: make one under Settings > Organization > API Keys, and connect again"
                .to_owned(),
        ),
        None if pulse.overdue => Some("are a scheduler and a fetcher running?".to_owned()),
        Some(_) | None => None,
    }
}

/// What something is parked by, and until when if that is known.
pub(crate) fn parked(cause: ParkCause, pulse: Option<&Pulse>) -> String {
    match (cause, pulse) {
        (ParkCause::Quota, Some(Pulse { closed: Some(closed), .. })) => {
            format!("parked: quota until {}", refusal(closed))
        }
        (ParkCause::VendorDown, Some(Pulse { away: Some(away), .. })) => {
            format!("parked: vendor-down since {}", absence(away))
        }
        _ => format!("parked: {cause}"),
    }
}

fn absence(away: &Away) -> String {
    let (since, probe_at, reason) =
        (second(away.since), second(away.probe_at), short(&away.reason, REASON_CHARS));
    format!("{since}, next probe at {probe_at}, {} failures in a row, the last: {reason}", away.failures)
}

fn refusal(closed: &Closed) -> String {
    let words =
        if closed.reason.is_empty() { String::new() } else { format!(": {}", short(&closed.reason, 60)) };
    format!("{} (HTTP 429{words})", second(closed.until))
}

/// What ends a cause of parking.
pub(crate) fn mend(cause: ParkCause, tenant: &TenantId, vendor: Vendor) -> String {
    match cause {
        ParkCause::Credential => format!("connect again with a new key: `{}`", connect(tenant, vendor)),
        ParkCause::Quota => "the vendor's limit is used up; it goes on by itself".to_owned(),
        ParkCause::Crm => {
            format!("its calls wait until the tenant has accounts: connect a CRM, or `{}`", import(tenant))
        }
        ParkCause::VendorDown => {
            "the vendor is down: see its status page; it goes on by itself, nothing is lost".to_owned()
        }
        ParkCause::Pause => {
            "it is paused, disabled or disconnected; `switchboard connections` says which".to_owned()
        }
    }
}

fn import(tenant: &TenantId) -> String {
    format!("switchboard accounts import --tenant {tenant} ACCOUNTS.csv")
}

pub(crate) fn connect(tenant: &TenantId, vendor: Vendor) -> String {
    format!("switchboard connect {vendor} --tenant {tenant}")
}

#[cfg(test)]
mod tests {
    use model::{ConnectionId, VendorAccount};

    use super::*;

    #[test]
    fn a_park_by_quota_says_until_when() {
        let pulse = pulse();
        assert_eq!(
            parked(ParkCause::Quota, Some(&pulse)),
            "parked: quota until 2026-11-21 15:20:28Z (HTTP 429)"
        );
        assert_eq!(parked(ParkCause::Quota, None), "parked: quota");
        assert_eq!(parked(ParkCause::Crm, Some(&pulse)), "parked: crm");
    }

    #[test]
    fn a_park_by_a_vendor_that_is_away_says_since_when_and_when_it_is_asked_again() {
        assert_eq!(
            parked(ParkCause::VendorDown, Some(&pulse())),
            "parked: vendor-down since 2026-11-21 15:00:00Z, next probe at 2026-11-21 15:21:00Z, 14 failures in a row, \
             the last: HTTP 503"
        );
        assert_eq!(parked(ParkCause::VendorDown, None), "parked: vendor-down");
    }

    fn pulse() -> Pulse {
        let at = |text: &str| text.parse().expect("a time");
        let until = at("2026-11-21T15:20:28Z");
        Pulse {
            connection_id: ConnectionId::derive(
                &TenantId::parse("acme").expect("an id"),
                Vendor::Gong,
                &VendorAccount::of("1"),
            ),
            last_synced_at: None,
            due_at: None,
            overdue: false,
            failing: None,
            refused: None,
            closed: Some(Closed { until, reason: String::new() }),
            away: Some(Away {
                since: at("2026-11-21T15:00:00Z"),
                probe_at: at("2026-11-21T15:21:00Z"),
                failures: 14,
                reason: "HTTP 503".to_owned(),
            }),
            spent_until: None,
            now: until,
        }
    }

    #[test]
    fn every_cause_has_its_advice() {
        let tenant = TenantId::parse("acme").expect("an id");
        for cause in ParkCause::ALL {
            assert_ne!(mend(*cause, &tenant, Vendor::Attention), cause.as_str());
        }
        let words = mend(ParkCause::Credential, &tenant, Vendor::Gong);
        assert!(words.contains("`switchboard connect gong --tenant acme`"), "{words}");
    }
}
