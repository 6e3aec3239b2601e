//! `status`.

use std::process::ExitCode;

use desk::queues::QueueState;
use model::ConnectionId;
use serde_json::json;
use store::budget::{BackfillOutlook, DayTold, ShareLeft};
use store::heartbeat::{self, LastSeen};
use store::invariant::{self, Broken};
use store::replay::{self, Replay};
use store::stream::Silence;
use store::{Speaker, budget, report, stream, vanish};

use crate::command::dead::replay::progress;
use crate::command::standing::{self, Standing};
use crate::context::Context;
use crate::output::{self, or_dash};

/// In place of a queue's messages.
const MISSING: &str = "missing: run `switchboard migrate`";

pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let all = standing::all(&tx, context.attempts_max()?).await?;
    let runs = report::runs_by_state(&tx).await?;
    let dead = report::dead_by_class(&tx).await?;
    let silences = stream::silences(&tx).await?;
    let held = vanish::held(&tx).await?;
    let shares = budget::shares(&tx).await?;
    let outlooks = budget::backfill_outlooks(&tx).await?;
    let days = budget::days_told(&tx).await?;
    let oldest = report::oldest_waiting(&tx).await?;
    let scheduler = heartbeat::last_seen(&tx, "scheduler").await?;
    let unkept = invariant::broken(&tx).await?;
    let replays = replay::open(&tx).await?;
    tx.commit().await?;
    // asked for when something is wrong, and that may be the broker
    let (queues, broker) = match desk::queues::look(&store, &context.queue_config()?).await {
        Ok(queues) => (queues, None),
        Err(error) => (Vec::new(), Some(format!("unreachable: {error:#}"))),
    };
    let is_whole = broker.is_none() && !queues.iter().any(|one| one.missing);
    let exit = if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let warnings = warnings(&queues, scheduler);
    if context.json {
        let told: Vec<_> = silences
            .iter()
            .map(|one| json!({ "connection": one.connection_id, "since": one.since, "reason": one.reason }))
            .collect();
        output::json(&json!({
            "connections": all.iter().map(Standing::as_json).collect::<Vec<_>>(), "runs": runs, "dead": dead,
            "queues": queues, "suspicious_silence": told, "oldest_waiting_s": oldest, "vanished_held": held,
            "scheduler_seen_at": scheduler.map(|seen| seen.at), "warnings": warnings, "broker": broker,
            "day_shares": shares.iter().map(share_as_json).collect::<Vec<_>>(),
            "backfills": outlooks.iter().map(outlook_as_json).collect::<Vec<_>>(), "broken_invariants": unkept,
            "replays": replays, "days_told": days.iter().map(day_as_json).collect::<Vec<_>>(),
        }))?;
        return Ok(exit);
    }
    let rows = all.iter().map(|one| {
        let ([last, next], connection) = (one.times(), &one.connection);
        vec![connection.id.to_string(), desk::connections::name(connection), last, next, one.words()]
    });
    let headings = ["connection", "name", "last sync", "next", "status"];
    output::table(&headings, rows.collect(), "there are no connections");
    println!();
    match broker {
        Some(broker) => output::say!("broker: {broker}"),
        None => print_queues(&queues),
    }
    println!();
    print_days(&shares, &outlooks, &days);
    let rows = runs.iter().map(|one| vec![one.name.clone(), one.count.to_string()]);
    output::table(&["runs", "count"], rows.collect(), "no run is open");
    if let Some(seconds) = oldest {
        output::say!("the oldest record without an outcome waits for {seconds:.0} s");
    }
    println!();
    let rows = dead.iter().map(|one| vec![one.name.clone(), one.count.to_string()]);
    output::table(&["dead letters", "count"], rows.collect(), "no dead letters");
    for warning in &warnings {
        output::say!("{warning}");
    }
    print_replays(&replays);
    print_broken(&unkept);
    print_warnings(&held, &silences);
    Ok(exit)
}

/// Roles that are away.
fn warnings(queues: &[QueueState], scheduler: Option<LastSeen>) -> Vec<String> {
    let mut lines: Vec<String> = desk::queues::unattended(queues)
        .iter()
        .map(|(role, names)| format!("NOBODY consumes {}: is a {role} running?", names.join(", ")))
        .collect();
    lines.extend(standing::scheduler_away(scheduler));
    lines
}

/// Every queue that somebody should consume, and what is in the delays.
fn print_queues(queues: &[QueueState]) {
    let shown = queues.iter().filter(|one| one.missing || one.consumed_by.is_some() || one.ready > 0);
    let rows = shown.map(|one| {
        vec![
            one.queue.clone(),
            if one.missing { MISSING.to_owned() } else { one.ready.to_string() },
            or_dash(one.in_hand),
            one.consumers.to_string(),
            or_dash(one.oldest_s.map(|seconds| format!("{seconds} s"))),
        ]
    });
    output::table(&["queue", "ready", "in hand", "consumers", "oldest waits"], rows.collect(), "");
}

fn share_as_json(one: &ShareLeft) -> serde_json::Value {
    json!({
        "vendor": one.vendor, "vendor_account": one.vendor_account, "share": one.share, "allowed": one.allowed,
        "used": one.used, "left": one.left, "more_at": one.more_at,
    })
}

fn outlook_as_json(one: &BackfillOutlook) -> serde_json::Value {
    json!({
        "vendor": one.vendor, "vendor_account": one.vendor_account, "slices_left": one.slices_left,
        "done_at": one.done_at,
    })
}

fn day_as_json(one: &DayTold) -> serde_json::Value {
    json!({
        "vendor": one.vendor, "vendor_account": one.vendor_account, "limit": one.limit, "used": one.used, "at": one.at,
    })
}

/// What is left of the day, at vendors that count requests by it, how much of it everybody has used, and when the backfills will be done.
fn print_days(shares: &[ShareLeft], outlooks: &[BackfillOutlook], days: &[DayTold]) {
    if shares.is_empty() && days.is_empty() {
        return;
    }
    let rows = shares.iter().map(|one| {
        let name = format!("{}/{}", one.vendor, one.vendor_account);
        let left = format!("{} of {}", one.left, one.allowed);
        vec![name, one.share.to_string(), left, or_dash(one.more_at.map(output::second))]
    });
    output::table(&["day of", "share", "requests left", "more at"], rows.collect(), "");
    for one in days {
        output::say!(
            "of the {} requests that {}/{} has a day for everybody, {} were used at {}",
            one.limit,
            one.vendor,
            one.vendor_account,
            one.used,
            output::second(one.at)
        );
    }
    for one in outlooks {
        let done = one.done_at.map_or("when the first has shown what they cost".to_owned(), output::second);
        output::say!(
            "the backfill of {}/{} has {} slices left: done {done}",
            one.vendor,
            one.vendor_account,
            one.slices_left
        );
    }
    println!();
}

/// Replays that are not over: whoever comes next must not order the same once more, and a stopped one waits for a person.
fn print_replays(replays: &[Replay]) {
    for one in replays {
        let wave = one.wave.map(|wave| format!(", wave {wave}")).unwrap_or_default();
        let because = one.stopped_because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        output::say!(
            "REPLAY {} by {} of {} letters ({}) is {}{because}{wave}: {}",
            one.id,
            one.operator,
            one.letters,
            chosen(&one.chosen),
            one.state,
            progress(one)
        );
    }
}

/// Which letters were meant: what was asked for by name, or all of them.
fn chosen(filter: &serde_json::Value) -> String {
    let named = filter.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let parts: Vec<String> = named
        .map(|(name, value)| match value {
            serde_json::Value::Array(many) => format!("{} {name}", many.len()),
            serde_json::Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    if parts.is_empty() { "all".to_owned() } else { parts.join(", ") }
}

/// What does not hold, and always should.
fn print_broken(broken: &[Broken]) {
    for one in broken {
        output::say!(
            "BROKEN since {}: {} of tenant {} ({}): {}; see the runbook, SwitchboardInvariantBroken",
            output::second(one.since),
            one.invariant,
            one.tenant,
            one.count,
            one.example
        );
    }
}

/// What a person must look at.
fn print_warnings(held: &[(ConnectionId, i64)], silences: &[Silence]) {
    for (connection, count) in held {
        output::say!(
            "HELD: {count} records of connection {connection} vanished at once; if that is right: `switchboard withdraw-vanished {connection}`"
        );
    }
    for silence in silences {
        output::say!(
            "SUSPICIOUS since {}: connection {}: {}",
            output::second(silence.since),
            silence.connection_id,
            silence.reason
        );
    }
}
