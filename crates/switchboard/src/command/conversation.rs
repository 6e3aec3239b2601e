//! `conversation`.

mod copies;
mod why;

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use model::ConversationId;
use store::Speaker;
use store::timeline::{self, ConversationDetail};

use crate::context::Context;
use crate::output::{self, or_dash, second};

#[derive(Debug, Args)]
pub(crate) struct ConversationArgs {
    /// Its id.
    id: ConversationId,
    /// With the whole transcript.
    #[arg(long)]
    transcript: bool,
}

pub(crate) async fn run(context: &Context, args: &ConversationArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let found = timeline::conversation(&tx, args.id).await?;
    tx.commit().await?;
    let Some(detail) = found else {
        bail!("there is no conversation {}; `switchboard where ID` finds one by its vendor's id", args.id);
    };
    if context.json {
        output::json(&detail)?;
    } else {
        print(&detail, args.transcript);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(detail: &ConversationDetail, with_transcript: bool) {
    let one = &detail.conversation;
    println!("{}", one.title.as_deref().unwrap_or("(untitled)"));
    println!("  {} of {}, {} {}", detail.conversation_id, one.tenant, one.vendor, one.external_id);
    println!("  start      {}", or_dash(one.started_at.map(second)));
    println!("  platform   {}", or_dash(one.platform.as_ref()));
    println!("  url        {}", or_dash(one.url.as_ref()));
    if let Some(reason) = &detail.withdrawn_reason {
        println!("  withdrawn  it became {reason} at the vendor: not shown in timelines");
    }
    match &one.account {
        Some(account) => {
            println!("  account    {} ({}), found by {}", account.name, account.external_id, account.rule);
        }
        None => println!("  account    none found yet"),
    }
    for (index, line) in why::lines(&detail.link_evidence, &detail.candidates).iter().enumerate() {
        println!("  {:<10} {line}", if index == 0 { "why" } else { "" });
    }
    if detail.decided_by != detail.conversation_id {
        println!(
            "  {:<10} its meeting is on the account of {}",
            "",
            copies::named(detail, detail.decided_by)
        );
    }
    for (index, line) in copies::lines(detail).iter().enumerate() {
        println!("  {:<10} {line}", if index == 0 { "meeting" } else { "" });
    }
    println!("  people");
    for person in &one.participants {
        let name = person.name.as_deref().or(person.email.as_deref()).unwrap_or("?");
        println!("    {:<9} {name} <{}>", person.side, or_dash(person.email.as_ref()));
    }
    if let Some(summary) = &one.summary {
        println!("  summary    {summary}");
    }
    println!("  transcript {}, {} segments", one.transcript.status, one.transcript.segments.len());
    if with_transcript {
        for segment in &one.transcript.segments {
            println!("    {}: {}", segment.speaker.as_deref().unwrap_or("?"), segment.text);
        }
    }
}
