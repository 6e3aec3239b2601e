//! Why a schedule did not run at a time of the past.

use std::process::ExitCode;

use jiff::Timestamp;
use model::TenantId;
use serde_json::{Value, json};
use store::report::{self, Past, PastRun, Stop, Then};
use store::{Speaker, Store, run_plan};

use crate::command::standing::{self, Standing};
use crate::context::Context;
use crate::output::{self, or_dash, roughly, second, short};
use crate::usage;

/// Most of a run's reason that is shown.
const REASON_CHARS: usize = 100;

pub(super) async fn run(
    context: &Context,
    store: &Store,
    tenant: Option<&TenantId>,
    at: Timestamp,
) -> anyhow::Result<ExitCode> {
    let tx = store.begin(tenant.map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let now = run_plan::database_now(&tx).await?;
    let pasts = report::pasts(&tx, at).await?;
    let standings = standing::all(&tx, context.attempts_max()?).await?;
    tx.commit().await?;
    if at > now {
        return Err(usage::wrong(format!("{at} has not come yet; without --at the next 24 hours are shown")));
    }
    let known = pasts.iter().filter_map(|past| {
        Some(Told { past, at, standing: standings.iter().find(|it| it.connection.id == past.connection_id)? })
    });
    if context.json {
        for told in known {
            output::json(&told.as_json())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["connection", "stream", "then", "last run", "next run", "listed since", "why"];
    output::table(&headings, known.map(|told| told.row()).collect(), "there are no connections");
    Ok(ExitCode::SUCCESS)
}

/// What was with a stream at a time, and the connection that it is of.
struct Told<'a> {
    past: &'a Past,
    at: Timestamp,
    standing: &'a Standing,
}

impl Told<'_> {
    fn then(&self) -> Then {
        self.past.then(self.at)
    }

    fn why(&self) -> String {
        let past = self.past;
        match (self.then(), &past.before) {
            (Then::NotConnected, _) => format!("it was first connected at {}", second(past.created_at)),
            (Then::Stopped, _) => past.stopped.as_ref().map_or_else(String::new, |stop| self.stopped(stop)),
            (Then::NoScheduler, _) => past.absent.map_or_else(String::new, |(since, until)| {
                format!("no scheduler was at work {}", span(since, until))
            }),
            (Then::Running, Some(run)) => format!(
                "run {} was being listed {}",
                name(run),
                span(run.started_at.unwrap_or(run.planned_at), run.ended_at)
            ),
            (Then::Failed, Some(run)) => {
                let reason = run.failed_reason.as_deref().unwrap_or("its reason is not kept");
                format!("run {} had failed: {}", name(run), short(reason, REASON_CHARS))
            }
            (Then::Waiting, Some(run)) => match (run.started_at, run.parked_cause) {
                (Some(started), _) => {
                    format!("run {} was planned, and begun at {}", name(run), second(started))
                }
                (None, Some(cause)) => {
                    format!("run {} was planned, and is {}", name(run), standing::parked(cause, None))
                }
                (None, None) => format!("run {} was planned, and has not begun", name(run)),
            },
            (Then::BetweenRuns, Some(_)) => {
                format!("all was well: a run begins every {}", roughly(past.every_s.into()))
            }
            (Then::NotKept, _) => past.kept_from.map_or_else(String::new, |from| {
                format!("older runs are not kept: only those that were planned since {} are", second(from))
            }),
            _ => "no run was planned that should have been, and nothing that was kept says why".to_owned(),
        }
    }

    fn stopped(&self, stop: &Stop) -> String {
        let word = match stop.reason.as_str() {
            "disconnected" | "disabled" | "paused" => stop.reason.clone(),
            cause => format!("parked: {cause}"),
        };
        let advice = self.standing.advice().filter(|_| stop.until.is_none());
        let told = format!("it was {word} {}", span(stop.since, stop.until));
        advice.map_or_else(|| told.clone(), |advice| format!("{told}: {advice}"))
    }

    /// Whether what happened then has been listed since, and what brings it in if not.
    fn listed(&self) -> String {
        let name = desk::connections::name(&self.standing.connection);
        let day = self.at.strftime("%Y-%m-%d");
        if self.past.covered {
            "yes".to_owned()
        } else if self.then() == Then::NotConnected {
            format!("no: `switchboard sync {name} --from {day} --to {day}`")
        } else {
            "not yet: by its next run".to_owned()
        }
    }

    fn row(&self) -> Vec<String> {
        let past = self.past;
        vec![
            desk::connections::name(&self.standing.connection),
            past.stream.to_string(),
            self.then().as_str().to_owned(),
            or_dash(past.before.as_ref().map(words)),
            or_dash(past.after.as_ref().map(words)),
            self.listed(),
            self.why(),
        ]
    }

    fn as_json(&self) -> Value {
        let (past, connection) = (self.past, &self.standing.connection);
        let absent = past.absent.map(|(since, until)| json!({ "since": since, "until": until }));
        json!({
            "connection": connection.id, "tenant": connection.tenant, "vendor": connection.vendor,
            "name": desk::connections::name(connection), "stream": past.stream, "at": self.at,
            "then": self.then().as_str(), "why": self.why(), "stopped": past.stopped, "scheduler_absent": absent,
            "before": past.before, "after": past.after, "covered": past.covered, "every_s": past.every_s,
            "kept_from": past.kept_from,
        })
    }
}

/// When a run was planned, and what came of it.
fn words(run: &PastRun) -> String {
    format!("{} {}", second(run.planned_at), run.state)
}

fn name(run: &PastRun) -> String {
    run.run.to_string().chars().take(8).collect()
}

fn span(since: Timestamp, until: Option<Timestamp>) -> String {
    match until {
        Some(until) => format!("from {} until {}", second(since), second(until)),
        None => format!("from {} until now", second(since)),
    }
}
