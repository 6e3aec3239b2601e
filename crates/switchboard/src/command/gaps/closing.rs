//! What closes a gap: the command for it, or that it closes by itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::report::{Missing, What};

use crate::command::standing::Standing;
use crate::output::{roughly, second};

/// Something that is missing, and the connection that it is of.
pub(super) struct Gap<'a> {
    pub(super) missing: &'a Missing,
    pub(super) standing: &'a Standing,
    /// What the connection is called in a command.
    pub(super) name: String,
}

impl Gap<'_> {
    /// The command that closes it; none where it closes by itself, or nothing helps.
    pub(super) fn command(&self) -> Option<String> {
        let one = self.missing;
        match &one.what {
            _ if one.under_way.is_none() && matches!(one.what, What::Dead(None)) => None,
            _ if self.is_stopped() && !matches!(one.what, What::Dead(_)) => self.standing.remedy(),
            _ if one.under_way.is_some() => None,
            What::Dead(Some(group)) => Some(format!(
                "switchboard dead replay --group {group} --tenant {}",
                self.standing.connection.tenant
            )),
            What::Dead(None) | What::Pending => None,
            // it is planned again by itself
            What::NeverListed if one.by_itself_at.is_some() => None,
            _ if one.stream.is_listed_whole() => Some(format!("switchboard sync {}", self.name)),
            What::NeverListed | What::FewerThanCounted | What::WithoutOutcome => {
                let [from, to] = self.days();
                Some(format!("switchboard sync {} --from {from} --to {to}", self.name))
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.standing.blocked().is_some() || self.standing.connection.disconnected_at.is_some()
    }

    /// What closes it, in words.
    fn closed_by(&self) -> String {
        let one = self.missing;
        match (self.command(), &one.under_way) {
            (Some(command), _) if self.is_stopped() && !matches!(one.what, What::Dead(_)) => {
                format!("`{command}`, for it is {}", self.standing.status())
            }
            (Some(command), _) if matches!(one.what, What::Dead(_)) => {
                format!("`{command}`, when its cause is mended")
            }
            (Some(command), _) => format!("`{command}`"),
            (None, _) if matches!(one.what, What::Dead(None)) => {
                "nothing we know: its letter is gone, and the vendor must change the record".to_owned()
            }
            (None, _) if self.is_stopped() => {
                format!("itself, when it goes on: it is {}", self.standing.words())
            }
            (None, Some(run)) => format!("itself: {run}"),
            (None, None) => match one.by_itself_at {
                Some(at) => format!("itself, at {}", second(at)),
                None => "itself: a follow-up has it in hand".to_owned(),
            },
        }
    }

    /// What is missing, and how much.
    fn words(&self) -> String {
        let one = self.missing;
        let records = one.records;
        match &one.what {
            What::NeverListed => {
                format!("{} never listed", roughly(one.to.duration_since(one.from).as_secs()))
            }
            What::FewerThanCounted if records == 0 => "fewer than the vendor counts".to_owned(),
            What::FewerThanCounted => format!("{records} fewer than the vendor counts"),
            What::WithoutOutcome => format!("{records} without an outcome, and nobody has them in hand"),
            What::Pending => format!("{records} pending"),
            What::Dead(Some(group)) => format!("{records} dead, group {group}"),
            What::Dead(None) => format!("{records} dead"),
        }
    }

    /// The first day and the last.
    fn days(&self) -> [String; 2] {
        let one = self.missing;
        let last = match one.what {
            // the end of a stretch is no part of it
            What::NeverListed | What::FewerThanCounted => {
                one.to.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(one.to)
            }
            _ => one.to,
        };
        [one.from, last.max(one.from)].map(day)
    }

    pub(super) fn row(&self) -> Vec<String> {
        let connection = desk::connections::name(&self.standing.connection);
        let [from, to] = self.days();
        let stream = self.missing.stream;
        vec![
            if stream.is_of_records() { format!("{connection} {stream}") } else { connection },
            if from == to { from } else { format!("{from} to {to}") },
            self.words(),
            self.closed_by(),
        ]
    }

    pub(super) fn as_json(&self) -> Value {
        let (one, connection) = (self.missing, &self.standing.connection);
        let group = match &one.what {
            What::Dead(group) => group.as_deref(),
            _ => None,
        };
        json!({
            "kind": "gap", "connection": connection.id, "tenant": connection.tenant, "vendor": connection.vendor,
            "name": desk::connections::name(connection), "stream": one.stream, "what": one.what.as_str(),
            "from": one.from, "to": one.to, "records": one.records, "group": group, "command": self.command(),
            "under_way": one.under_way, "by_itself_at": one.by_itself_at, "closed_by": self.closed_by(),
        })
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use model::{ParkCause, Stream, Vendor};
    use store::connection::Connection;

    use super::*;
    use crate::cli::Cli;
    use crate::testing;

    fn connection(vendor: Vendor) -> Connection {
        testing::connection(vendor, "a")
    }

    fn at() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().expect("a time")
    }

    /// In every way in which a connection can stand.
    fn connections() -> Vec<Connection> {
        let ways = |vendor| {
            let one = connection(vendor);
            let mut ways = vec![
                one.clone(),
                Connection { enabled: false, blocked: Some(ParkCause::Pause), ..one.clone() },
                Connection { paused_at: Some(at()), blocked: Some(ParkCause::Pause), ..one.clone() },
                Connection { disconnected_at: Some(at()), blocked: Some(ParkCause::Pause), ..one.clone() },
            ];
            ways.extend(
                ParkCause::ALL.iter().map(|cause| Connection { blocked: Some(*cause), ..one.clone() }),
            );
            ways
        };
        Vendor::ALL.iter().flat_map(|vendor| ways(*vendor)).collect()
    }

    fn missing(what: What) -> Missing {
        Missing {
            connection_id: connection(Vendor::Gong).id,
            stream: Stream::Conversations,
            what,
            from: at(),
            to: at() + SignedDuration::from_hours(48),
            records: 1,
            under_way: None,
            by_itself_at: None,
        }
    }

    fn every_what() -> [What; 6] {
        [
            What::NeverListed,
            What::FewerThanCounted,
            What::WithoutOutcome,
            What::Pending,
            What::Dead(None),
            What::Dead(Some("0a1b2c3d".to_owned())),
        ]
    }

    #[test]
    fn every_command_that_is_printed_is_one_that_is_understood() {
        let mut printed = 0;
        for connection in connections() {
            let standing = Standing::of_connection(connection);
            for what in every_what() {
                let one = missing(what);
                for name in ["acme/gong".to_owned(), standing.connection.id.to_string()] {
                    let gap = Gap { missing: &one, standing: &standing, name };
                    let Some(command) = gap.command() else { continue };
                    printed += 1;
                    let parsed = Cli::try_parse_from(command.split_whitespace());
                    assert!(
                        parsed.is_ok(),
                        "{command}: {}",
                        parsed.err().map(|e| e.to_string()).unwrap_or_default()
                    );
                    assert!(gap.closed_by().contains(&format!("`{command}`")), "{}", gap.closed_by());
                }
            }
        }
        assert!(printed > 100, "{printed}");
    }

    #[test]
    fn a_gap_is_closed_by_what_opened_it() {
        let running = Standing::of_connection(connection(Vendor::Gong));
        let paused =
            Connection { paused_at: Some(at()), blocked: Some(ParkCause::Pause), ..connection(Vendor::Gong) };
        let paused = Standing::of_connection(paused);
        let quota = Connection { blocked: Some(ParkCause::Quota), ..connection(Vendor::Gong) };
        let quota = Standing::of_connection(quota);
        let command = |what: What, standing: &Standing| {
            Gap { missing: &missing(what), standing, name: "acme/gong".to_owned() }.command()
        };
        let sync = Some("switchboard sync acme/gong --from 2026-03-01 --to 2026-03-02".to_owned());
        assert_eq!(command(What::NeverListed, &running), sync, "the end of a stretch is no part of it");
        assert_eq!(command(What::FewerThanCounted, &running), sync);
        let users = Missing { stream: Stream::Users, ..missing(What::NeverListed) };
        let users = Gap { missing: &users, standing: &running, name: "acme/gong".to_owned() };
        assert_eq!(users.command().as_deref(), Some("switchboard sync acme/gong"), "they have no days");
        let resume = Some("switchboard resume acme/gong".to_owned());
        assert_eq!(command(What::NeverListed, &paused), resume);
        assert_eq!(command(What::Pending, &paused), resume, "its next look waits, too");
        assert_eq!(command(What::NeverListed, &quota), None, "it goes on by itself");
        let replay = Some("switchboard dead replay --group g --tenant acme".to_owned());
        assert_eq!(command(What::Dead(Some("g".to_owned())), &paused), replay);
        let under_way =
            Missing { under_way: Some("run 1 is listing".to_owned()), ..missing(What::NeverListed) };
        let gap = Gap { missing: &under_way, standing: &running, name: "acme/gong".to_owned() };
        assert_eq!((gap.command(), gap.closed_by().as_str()), (None, "itself: run 1 is listing"));
    }
}
