//! `where`.

use std::process::ExitCode;

use clap::Args;
use store::Speaker;
use store::report::{self, Kept, Whereabouts};

use crate::command::standing::{self, Standing};
use crate::context::Context;
use crate::output::{self, second};

#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// Of a call, account, contact, lead, deal or user: the vendor's id, a URL that holds it, our id, or a mail address.
    text: String,
}

pub(crate) async fn run(context: &Context, args: &WhereArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let found = report::find(&tx, &args.text).await?;
    let kept = report::kept(&tx, &args.text).await?;
    let standings = standing::all(&tx, context.attempts_max()?).await?;
    tx.commit().await?;
    let attempts_max = context.detail_attempts_max()?;
    if context.json {
        for one in &found {
            output::json(one)?;
        }
        for one in &kept {
            output::json(one)?;
        }
    } else if found.is_empty() && kept.is_empty() {
        output::say!("no vendor has ever listed {:?} to us.", args.text);
        output::say!(
            "Check the id; is its connection running (`switchboard connections`), and does a run cover its day"
        );
        output::say!(
            "(`switchboard runs`)? `switchboard sync CONNECTION --from DAY --to DAY` fetches a window again."
        );
    } else {
        for one in &found {
            let of_it = standings.iter().find(|standing| standing.connection.id == one.connection_id);
            print(one, of_it, attempts_max);
        }
        for one in &kept {
            print_kept(one);
        }
    }
    Ok(if found.is_empty() && kept.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is kept of a person, a company or a deal.
fn print_kept(one: &Kept) {
    output::say!("{} {} of {} ({}): {}", one.kind, one.external_id, one.tenant, one.source, counts(one));
    let lines = [
        ("name", one.name.clone()),
        ("address", one.email.clone()),
        ("account", one.account.clone()),
        ("id", one.id.map(|id| id.to_string())),
        ("written last", Some(second(one.updated_at))),
        ("gone", one.gone_at.map(second)),
        ("merged into", one.merged_into.clone()),
    ];
    for (what, value) in lines {
        if let Some(value) = value {
            output::say!("  {what:<13} {value}");
        }
    }
    if let Some(id) = one.id {
        output::say!("  its calls: `switchboard timeline --tenant {} --account {id}`", one.tenant);
    }
}

/// Whether calls are linked by it.
fn counts(one: &Kept) -> &'static str {
    match one {
        Kept { merged_into: Some(_), .. } => "kept, and what took its place counts",
        Kept { deleted_at: Some(_), .. } => "kept, and counts no more: its source has deleted or archived it",
        Kept { gone_at: Some(_), .. } => {
            "kept, and counts: its source has deleted or archived it together with very many others"
        }
        _ => "kept",
    }
}

fn print(one: &Whereabouts, standing: Option<&Standing>, attempts_max: i32) {
    let obstacle = standing.and_then(Standing::obstacle);
    output::say!("{} of {} ({}): {}", one.vendor_key, one.tenant, one.vendor, one.standing);
    // in the order of the pipeline; the vendor may list again what was stored long ago
    let stages = [
        ("first listed", one.first_listed_at),
        ("stored", one.stored_at),
        ("skipped", one.skipped_at),
        ("dead", one.dead_at),
        ("linked", one.linked_at),
        ("withdrawn", one.withdrawn_at),
        ("last listed", one.listed_at),
        ("next look", one.look_at),
    ];
    for (stage, at) in stages {
        if let Some(at) = at {
            output::say!("  {stage:<13} {}", second(at));
        }
    }
    if let Some(title) = &one.title {
        output::say!("  title         {title}");
    }
    if let Some(id) = &one.conversation_id {
        output::say!("  conversation  {id}");
        output::say!("  account       {}", account(one));
    }
    for line in advice(one, obstacle.as_deref(), attempts_max) {
        output::say!("  {line}");
    }
}

/// The account it is on, or why there is none and what to do.
fn account(one: &Whereabouts) -> String {
    match (&one.account, &one.conversation_id) {
        (Some(name), _) => name.clone(),
        _ if one.withdrawn_reason.is_some() => "none: it is withdrawn".to_owned(),
        (None, Some(id)) => format!(
            "none found: `switchboard conversation {id}` says why, `switchboard unmatched --tenant {}` what would help",
            one.tenant
        ),
        (None, None) => "none".to_owned(),
    }
}

/// Why it is not on a timeline, and what to do.
fn advice(one: &Whereabouts, obstacle: Option<&str>, attempts_max: i32) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(reason) = &one.withdrawn_reason {
        lines.push(format!("withdrawn: {}", why_skipped(reason)));
    }
    match one.standing.as_str() {
        "skipped" if one.withdrawn_reason != one.skipped_reason => {
            lines.push(one.skipped_reason.as_deref().map_or_else(
                || "skipped: no reason is known".to_owned(),
                |reason| format!("skipped: {}", why_skipped(reason)),
            ));
        }
        "dead" => lines.push(format!(
            "dead: see `switchboard dead show {}`, mend the cause, then `switchboard dead replay`",
            one.dead_letter_id.as_deref().unwrap_or("ID")
        )),
        "pending" if one.awaits_transcript => {
            lines.push("its transcript is not there yet; it is stored without".into());
        }
        "pending" => lines.push(format!(
            "its details could not be had (attempt {} of {attempts_max}): {}",
            one.failed_attempts,
            one.failed_reason.as_deref().unwrap_or("a look is due")
        )),
        "listed" => lines.push(on_its_way(one, obstacle)),
        _ => {}
    }
    if let ("pending", Some(obstacle)) = (one.standing.as_str(), obstacle) {
        lines.push(format!("its next look waits, because {obstacle}"));
    }
    lines
}

/// A reason in a sentence, and what would bring the record in.
fn why_skipped(reason: &str) -> String {
    let words = match reason {
        "private" => {
            "it is private at the vendor; `switchboard connect` again with `--admit-private true` lets private calls in"
        }
        "archived" => "it is archived at the vendor; unarchive it there, and a later sync brings it in",
        "empty" => "nothing was recorded; if the vendor adds something, a later sync brings it in",
        "gone" => "the vendor lists it, but no longer has it; nothing can be done here",
        "vanished" => "it vanished at the vendor; restored there, a later walk brings it in",
        _ => return reason.to_owned(),
    };
    words.to_owned()
}

/// Where a record is that is listed and nothing more.
fn on_its_way(one: &Whereabouts, obstacle: Option<&str>) -> String {
    let again = format!("`switchboard sync {} --from DAY --to DAY`", one.connection_id);
    let Some(run) = &one.run else {
        return match obstacle {
            Some(obstacle) => format!("no run has it in hand, and its connection waits: {obstacle}"),
            None => format!("no run has it in hand: fetch its day again with {again}"),
        };
    };
    let state = match (run.parked_cause.as_deref(), obstacle) {
        (Some(_), Some(obstacle)) => format!("its run {} is parked: {obstacle}", run.run_id),
        (Some(cause), None) => format!("its run {} is parked: {}", run.run_id, waits(cause)),
        (None, _) if run.state == "failed" => {
            format!("its run {} failed: fetch its day again with {again}", run.run_id)
        }
        (None, _) => format!(
            "on its way: its run {} is {}; `switchboard status` shows the queues",
            run.run_id, run.state
        ),
    };
    run.last_error.as_deref().map_or_else(|| state.clone(), |error| format!("{state} (last error: {error})"))
}

/// What a run waits for where its connection as such may go on.
fn waits(cause: &str) -> String {
    match cause {
        "quota" => {
            "quota: its share of the vendor's day is used up; it goes on by itself (`switchboard status` says when)"
                .to_owned()
        }
        _ => format!("{cause}, which has ended: it goes on within moments"),
    }
}

#[cfg(test)]
mod tests {
    use model::SkipReason;

    use super::*;

    #[test]
    fn every_reason_has_its_advice() {
        for reason in SkipReason::ALL {
            assert_ne!(why_skipped(reason.as_str()), reason.as_str());
        }
    }
}
