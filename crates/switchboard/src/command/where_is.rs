//! `where`.

use std::process::ExitCode;

use clap::Args;
use store::Speaker;
use store::report::{self, Whereabouts};

use crate::context::Context;
use crate::output::{self, second};

#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// A vendor's id, a URL of the call, or a conversation's id.
    text: String,
}

pub(crate) async fn run(context: &Context, args: &WhereArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let found = report::find(&tx, &args.text).await?;
    tx.commit().await?;
    if context.json {
        for one in &found {
            output::json(one)?;
        }
    } else if found.is_empty() {
        println!("no vendor has ever listed {:?} to us.", args.text);
        println!(
            "Check the id; is its connection running (`switchboard connections`), and does a run cover its day"
        );
        println!(
            "(`switchboard runs`)? `switchboard sync CONNECTION --from DAY --to DAY` fetches a window again."
        );
    } else {
        for one in &found {
            print(one);
        }
    }
    Ok(if found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(one: &Whereabouts) {
    println!("{} of {} ({}): {}", one.vendor_key, one.tenant, one.vendor, one.standing);
    let stages = [
        ("first listed", one.first_listed_at),
        ("last listed", one.listed_at),
        ("stored", one.stored_at),
        ("next look", one.look_at),
    ];
    for (stage, at) in stages {
        if let Some(at) = at {
            println!("  {stage:<13} {}", second(at));
        }
    }
    if let Some(title) = &one.title {
        println!("  title         {title}");
    }
    if let Some(id) = &one.conversation_id {
        println!("  conversation  {id}");
        println!("  account       {}", one.account.as_deref().unwrap_or("none found yet"));
    }
    for line in advice(one) {
        println!("  {line}");
    }
}

/// Why it is not on a timeline, and what to do.
fn advice(one: &Whereabouts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(reason) = &one.withdrawn_reason {
        lines.push(format!("withdrawn: it became {reason} at the vendor"));
    }
    match one.standing.as_str() {
        "skipped" => {
            lines.push(format!("skipped: {}", one.skipped_reason.as_deref().unwrap_or("no reason is known")));
        }
        "dead" => lines.push(format!(
            "dead: see `switchboard dead show {}`, mend the cause, then `switchboard dead replay`",
            one.dead_letter_id.as_deref().unwrap_or("ID")
        )),
        "pending" if one.awaits_transcript => {
            lines.push("its transcript is not there yet; it is stored without".into());
        }
        "pending" => lines.push(format!(
            "its details could not be had in {} attempts: {}",
            one.failed_attempts,
            one.failed_reason.as_deref().unwrap_or("a look is due")
        )),
        "listed" => {
            lines.push("on its way: see `switchboard status` for queue depths and parked runs".into());
        }
        _ => {}
    }
    lines
}
