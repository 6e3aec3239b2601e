//! `conversation`.

mod copies;
mod why;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use model::ConversationId;
use store::report::{self, Whereabouts};
use store::timeline::{self, ConversationDetail};
use store::{Speaker, Tx};

use crate::context::Context;
use crate::output::{self, or_dash, second};

#[derive(Debug, Args)]
pub(crate) struct ConversationArgs {
    /// Its id, the vendor's id, or a URL of the call.
    id: String,
    /// With the whole transcript.
    #[arg(long)]
    transcript: bool,
}

pub(crate) async fn run(context: &Context, args: &ConversationArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let id = meant(&tx, &args.id).await?;
    let found = timeline::conversation(&tx, id).await?;
    tx.commit().await?;
    let detail = found.context("the conversation is gone")?;
    if context.json {
        output::json(&detail)?;
    } else {
        print(&detail, args.transcript);
    }
    Ok(ExitCode::SUCCESS)
}

/// Which one a person means.
async fn meant(tx: &Tx, text: &str) -> anyhow::Result<ConversationId> {
    let found = report::find(tx, text).await?;
    let ids: BTreeMap<&str, &Whereabouts> =
        found.iter().filter_map(|one| Some((one.conversation_id.as_deref()?, one))).collect();
    let mut told = ids.iter().map(|(id, one)| format!("{id} of {} ({})", one.tenant, one.vendor));
    match (ids.len(), found.is_empty()) {
        (1, _) => Ok(ids.into_keys().collect::<String>().parse()?),
        (0, true) => {
            bail!("there is no conversation {text}; `switchboard where {text}` says what to look at")
        }
        (0, false) => bail!("{text} became no conversation; `switchboard where {text}` says why"),
        (many, _) => {
            let told: Vec<String> = told.by_ref().collect();
            bail!("{text} fits {many} conversations, name one by its id: {}", told.join(", "))
        }
    }
}

fn print(detail: &ConversationDetail, with_transcript: bool) {
    let one = &detail.conversation;
    output::say!("{}", one.title.as_deref().unwrap_or("(untitled)"));
    output::say!("  {} of {}, {} {}", detail.conversation_id, one.tenant, one.vendor, one.external_id);
    output::say!("  start      {}", or_dash(one.started_at.map(second)));
    output::say!("  platform   {}", or_dash(one.platform.as_ref()));
    output::say!("  url        {}", or_dash(one.url.as_ref()));
    if let Some(reason) = &detail.withdrawn_reason {
        output::say!("  withdrawn  it became {reason} at the vendor: not shown in timelines");
    }
    match &one.account {
        Some(account) => {
            output::say!(
                "  account    {} ({}), found by {}",
                account.name,
                account.external_id,
                account.rule
            );
        }
        None => output::say!(
            "  account    none found; `switchboard unmatched --tenant {}` says what would help",
            one.tenant
        ),
    }
    for (index, line) in why::lines(&detail.link_evidence, &detail.candidates).iter().enumerate() {
        output::say!("  {:<10} {line}", if index == 0 { "why" } else { "" });
    }
    if detail.decided_by != detail.conversation_id {
        let decided_by = copies::named(detail, detail.decided_by);
        output::say!("  {:<10} its meeting is on the account of {decided_by}", "");
    }
    for (index, line) in copies::lines(detail).iter().enumerate() {
        output::say!("  {:<10} {line}", if index == 0 { "meeting" } else { "" });
    }
    output::say!("  people");
    for person in &one.participants {
        let name = person.name.as_deref().or(person.email.as_deref()).unwrap_or("?");
        output::say!("    {:<9} {name} <{}>", person.side, or_dash(person.email.as_ref()));
    }
    if let Some(summary) = &one.summary {
        output::say!("  summary    {summary}");
    }
    output::say!("  transcript {}, {} segments", one.transcript.status, one.transcript.segments.len());
    if with_transcript {
        for segment in &one.transcript.segments {
            output::say!("    {}: {}", segment.speaker.as_deref().unwrap_or("?"), segment.text);
        }
    }
}
