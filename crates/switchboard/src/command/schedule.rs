//! `schedule`.

mod past;

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use jiff::Timestamp;
use model::{RunKind, TenantId};
use serde_json::{Value, json};
use store::heartbeat::{self, LastSeen};
use store::report::{self, Doing, Outlook, Scheduled};
use store::{Speaker, Store};

use crate::command::standing::{self, Standing};
use crate::command::times;
use crate::context::Context;
use crate::output::{self, or_dash, relative, second, short};

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Of this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Say instead why it did or did not run at a time of the past: 2026-01-31T12:00:00Z.
    #[arg(long)]
    at: Option<String>,
}

pub(crate) async fn run(context: &Context, args: ScheduleArgs) -> anyhow::Result<ExitCode> {
    let at = args.at.as_deref().map(times::begin).transpose()?;
    let store = context.migrated_store().await?;
    tenants::check(&store, args.tenant.as_ref()).await?;
    match at {
        Some(at) => past::run(context, &store, args.tenant.as_ref(), at).await,
        None => ahead(context, &store, args.tenant.as_ref()).await,
    }
}

async fn ahead(context: &Context, store: &Store, tenant: Option<&TenantId>) -> anyhow::Result<ExitCode> {
    let tx = store.begin(tenant.map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let work = report::schedule(&tx).await?;
    let standings = standing::all(&tx, context.attempts_max()?).await?;
    let scheduler = heartbeat::last_seen(&tx, "scheduler").await?;
    tx.commit().await?;
    let known = work.iter().filter_map(|one| {
        Some(Planned { one, standing: standings.iter().find(|it| it.connection.id == one.connection_id)? })
    });
    if context.json {
        for planned in known {
            output::json(&planned.as_json(scheduler))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // a walk of next week is nothing that somebody looks for here
    let shown = known.filter(|planned| planned.outlook() != Outlook::NotDue);
    let headings = ["connection", "work", "next", "in 24 h", "outlook", "why"];
    output::table(&headings, shown.map(|planned| planned.row()).collect(), "nothing is due within a day");
    if let Some(away) = standing::scheduler_away(scheduler) {
        output::say!("{away} Without one nothing of this begins.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A kind of work, and the connection that it is of.
struct Planned<'a> {
    one: &'a Scheduled,
    standing: &'a Standing,
}

impl Planned<'_> {
    fn outlook(&self) -> Outlook {
        self.one.outlook(self.standing.doing(), self.standing.blocked())
    }

    /// When it goes on: at once, when it is due, or when the vendor's limit has ended.
    fn next_at(&self) -> Option<Timestamp> {
        match self.outlook() {
            Outlook::OverQuota => self.free_at().map(|at| self.one.due_at.map_or(at, |due| due.max(at))),
            Outlook::Running => Some(self.one.retry_at.unwrap_or(self.one.now)),
            Outlook::WillRun if self.one.planned + self.one.parked > 0 => Some(self.one.now),
            Outlook::WillRun | Outlook::NotDue => self.one.due_at,
            _ => None,
        }
    }

    fn free_at(&self) -> Option<Timestamp> {
        self.standing.free_at().max(self.one.spent_until)
    }

    /// Runs of the schedule that will begin within a day; none while nobody knows when it goes on.
    fn runs(&self) -> i64 {
        match self.outlook() {
            Outlook::OverQuota => self.free_at().map_or(0, |at| self.one.runs_within_a_day(Some(at))),
            outlook if outlook.is_stopped() => 0,
            _ => self.one.runs_within_a_day(None),
        }
    }

    /// What is to be done within a day, counted in what the work consists of.
    fn amount(&self) -> String {
        let one = self.one;
        let open = one.planned + one.listing + one.parked;
        match one.kind {
            RunKind::Periodic | RunKind::Walk => counted(self.runs(), "run"),
            RunKind::FollowUp if one.records == 0 => counted(open, "run"),
            RunKind::FollowUp => counted(one.records, "record"),
            RunKind::Bootstrap | RunKind::Backfill => counted(open + one.records, "slice"),
        }
    }

    /// Why it stands as it does, and what to do about it. What is told of the connection is told in the same words by `status`.
    fn why(&self) -> String {
        let one = self.one;
        let outlook = self.outlook();
        if outlook.is_stopped() {
            return match (self.standing.blocked(), one.spent_until) {
                (None, Some(until)) if outlook == Outlook::OverQuota => {
                    format!(
                        "its share of the vendor's day is spent until {}; it goes on by itself",
                        second(until)
                    )
                }
                _ => self.standing.words(),
            };
        }
        let mut parts = vec![self.progress()];
        if one.kind == RunKind::Periodic && self.standing.doing() != Doing::Running {
            parts.push(self.standing.words());
        }
        parts.retain(|part| !part.is_empty());
        parts.join("; ")
    }

    /// What of it is open.
    fn progress(&self) -> String {
        let one = self.one;
        let parts = [
            (one.listing, "listing"),
            (one.planned, "waiting for their turn"),
            (one.parked, "about to go on"),
        ];
        let open: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match &one.last_error {
            Some(error) if one.listing > 0 => {
                format!("{}; failed attempts: {}, last: {}", open.join(", "), one.attempt, short(error, 80))
            }
            _ => open.join(", "),
        }
    }

    fn row(&self) -> Vec<String> {
        let one = self.one;
        let next =
            self.next_at().map(|at| if at > one.now { relative(at, one.now) } else { "now".to_owned() });
        vec![
            desk::connections::name(&self.standing.connection),
            output::work(one.kind, one.stream),
            or_dash(next),
            self.amount(),
            self.outlook().as_str().to_owned(),
            self.why(),
        ]
    }

    fn as_json(&self, scheduler: Option<LastSeen>) -> Value {
        let (one, connection) = (self.one, &self.standing.connection);
        json!({
            "connection": connection.id, "tenant": connection.tenant, "vendor": connection.vendor,
            "name": desk::connections::name(connection), "stream": one.stream, "kind": one.kind,
            "outlook": self.outlook().as_str(), "why": self.why(), "next_at": self.next_at(), "runs_24h": self.runs(),
            "records": one.records, "planned": one.planned, "listing": one.listing, "parked": one.parked,
            "due_at": one.due_at, "every_s": one.every_s, "blocked": self.standing.blocked(), "free_at": self.free_at(),
            "status": self.standing.status(), "advice": self.standing.advice(),
            "scheduler_away": standing::scheduler_away(scheduler).is_some(),
        })
    }
}

fn counted(count: i64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
