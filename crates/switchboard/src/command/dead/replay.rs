//! `dead replay|replays|report|watch|stop|resume|cancel`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use desk::dead::replay::{self, Preview};
use model::ReplayId;
use serde_json::json;
use store::Store;
use store::dead_letter::LetterFilter;
use store::replay::{Pace, Replay};

use super::decide::report as told;
use crate::context::Context;
use crate::output::{self, or_dash, short};

/// Between two looks at a replay.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How a replay goes.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Say what would become of them, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Freeze the set and show what would become of it; `dead resume` begins.
    #[arg(long)]
    hold: bool,
    /// Do not wait for the end; `dead watch` does.
    #[arg(long)]
    detach: bool,
    /// Send so many a minute at most.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(i32).range(1..=6_000))]
    per_minute: i32,
    /// Stop when more than so many have failed.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..))]
    failures_max: i32,
}

pub(super) async fn replay(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    how: How,
) -> anyhow::Result<ExitCode> {
    if how.dry_run {
        let preview = replay::preview(store, filter).await?;
        return told(context, &json!({ "preview": preview }), &format!("would replay {}", words(&preview)));
    }
    let pace = Pace { per_minute: how.per_minute, failures_max: how.failures_max };
    let (id, preview) = replay::order(store, &context.operator(), filter, pace, how.hold).await?;
    if how.hold || how.detach {
        let next = if how.hold { "resume" } else { "watch" };
        let words = format!("replay {id} of {}; next: `switchboard dead {next} {id}`", words(&preview));
        return told(context, &json!({ "replay": id, "preview": preview }), &words);
    }
    eprintln!("replay {id} of {}; it goes on without this command", words(&preview));
    watch(context, store, id).await
}

fn words(preview: &Preview) -> String {
    let parts: Vec<String> = preview
        .prospects
        .iter()
        .map(|one| match one.name.as_str() {
            "write" => format!("{} would be written", one.count),
            "superseded" => format!("{} are superseded", one.count),
            "impossible" => format!("{} cannot be sent", one.count),
            cause => format!("{} are blocked by {cause}", one.count),
        })
        .collect();
    let held = preview.held_by.iter().map(|one| {
        let (many, id) = (one.letters, one.replay);
        let way = if one.state == "stopped" { "resume" } else { "watch" };
        format!("; {many} are left to replay {id}, which is {} (`switchboard dead {way} {id}`, or `dead cancel` to let them go)", one.state)
    });
    let left_out: String = held.collect();
    let forgotten = preview.left_out - preview.held_by.iter().map(|one| one.letters).sum::<i64>();
    let left_out = if forgotten > 0 { format!("{left_out}; {forgotten} are forgotten") } else { left_out };
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{} dead letters{parts}{left_out}", preview.letters)
}

/// Waits until a replay is over, or has stopped, and nothing it sent is under way.
pub(super) async fn watch(context: &Context, store: &Store, id: ReplayId) -> anyhow::Result<ExitCode> {
    let mut last = String::new();
    loop {
        let now = replay::show(store, id).await?;
        if now.state != "running" && (now.state == "stopped" || now.under_way == 0) {
            return outcome(context, &now);
        }
        let progress = progress(&now);
        if progress != last {
            eprintln!("{progress}");
            last = progress;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn outcome(context: &Context, replay: &Replay) -> anyhow::Result<ExitCode> {
    let because = replay.stopped_because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let next = match replay.state.as_str() {
        "stopped" => {
            let id = replay.id;
            format!(
                "\n`switchboard dead resume {id}` goes on with the rest, `switchboard dead cancel {id}` leaves it as it was"
            )
        }
        _ => String::new(),
    };
    let words = format!("replay {} is {}{because}: {}{next}", replay.id, replay.state, progress(replay));
    told(context, &serde_json::to_value(replay)?, &words)?;
    let good = ["succeeded", "superseded"].iter().filter_map(|name| replay.outcomes.get(*name)).sum::<i64>();
    Ok(if good == replay.letters { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// How far it is.
pub(crate) fn progress(replay: &Replay) -> String {
    let outcomes = replay.outcomes.iter().map(|(name, count)| format!("{count} {}", name.replace('-', " ")));
    let open = [(replay.under_way, "under way"), (replay.unsent, "not sent")];
    let open = open.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let parts: Vec<String> = outcomes.chain(open).collect();
    if parts.is_empty() { "no letters".to_owned() } else { parts.join(", ") }
}

pub(super) async fn list(context: &Context, store: &Store, limit: Option<i64>) -> anyhow::Result<ExitCode> {
    let replays = replay::list(store, limit.unwrap_or(i64::MAX)).await?;
    if context.json {
        for one in &replays {
            output::json(one)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = replays.iter().map(|one| {
        vec![
            one.id.to_string(),
            output::second(one.ordered_at),
            one.operator.clone(),
            one.state.clone(),
            one.letters.to_string(),
            progress(one),
            or_dash(one.stopped_because.as_ref().map(|why| short(why, 60))),
        ]
    });
    let headings = ["replay", "ordered", "operator", "state", "letters", "so far", "stopped because"];
    output::table(&headings, rows.collect(), "nothing was replayed");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn report(context: &Context, store: &Store, id: ReplayId) -> anyhow::Result<ExitCode> {
    let (replay, letters) = replay::report(store, id).await?;
    if context.json {
        let mut whole = serde_json::to_value(&replay)?;
        whole["each"] = serde_json::to_value(&letters)?;
        output::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say!("replay {} by {} is {}: {}", id, replay.operator, replay.state, progress(&replay));
    if let Some(why) = &replay.stopped_because {
        output::say!("stopped because: {why}");
    }
    let rows = letters.iter().map(|one| {
        vec![
            one.id.to_string(),
            or_dash(one.record.as_ref()),
            or_dash(one.sent_at.map(output::second)),
            or_dash(one.outcome.as_ref()),
            or_dash(one.words.as_ref().map(|words| short(words, 70))),
        ]
    });
    let headings = ["letter", "record", "sent", "outcome", "words"];
    output::table(&headings, rows.collect(), "no letters");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn stop(context: &Context, store: &Store, id: ReplayId) -> anyhow::Result<ExitCode> {
    replay::stop(store, &context.operator(), id).await?;
    told(context, &json!({ "stopped": id }), &format!("stopped; `switchboard dead resume {id}` goes on"))
}

pub(super) async fn resume(context: &Context, store: &Store, id: ReplayId) -> anyhow::Result<ExitCode> {
    replay::resume(store, &context.operator(), id).await?;
    told(context, &json!({ "resumed": id }), &format!("goes on; `switchboard dead watch {id}` shows it"))
}

pub(super) async fn cancel(context: &Context, store: &Store, id: ReplayId) -> anyhow::Result<ExitCode> {
    let left = replay::cancel(store, &context.operator(), id).await?;
    told(
        context,
        &json!({ "cancelled": id, "left": left }),
        &format!("cancelled; {left} letters are left as they were"),
    )
}
