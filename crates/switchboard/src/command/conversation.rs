//! `conversation`.

mod copies;
mod said;
mod why;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use model::ConversationId;
use store::report::{self, Whereabouts};
use store::timeline::{self, ConversationDetail, ExportedParticipant, Owner};
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
    output::say!(
        "  length     {}",
        or_dash(one.duration_s.map(|seconds| format!("{:.0} min", seconds / 60.0)))
    );
    output::say!("  url        {}", or_dash(one.url.as_ref()));
    if let Some(owner) = &detail.owner {
        output::say!("  owner      {}", owned(owner));
    }
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
    if let Some(line) = became(detail) {
        output::say!("  {:<10} {line}", "");
    }
    if detail.link_rule_version > 0 {
        output::say!("  {:<10} by version {} of the rules", "", detail.link_rule_version);
    }
    if detail.decided_by != detail.conversation_id {
        let decided_by = copies::named(detail, detail.decided_by);
        output::say!("  {:<10} its meeting is on the account of {decided_by}", "");
    }
    for (index, line) in copies::lines(detail).iter().enumerate() {
        output::say!("  {:<10} {line}", if index == 0 { "meeting" } else { "" });
    }
    output::say!("  people");
    for (person, phone) in one.participants.iter().zip(&detail.phones) {
        output::say!("    {:<9} {}", person.side, present(person, phone.as_deref()));
    }
    for (index, fact) in said::facts(detail).iter().enumerate() {
        output::say!("  {:<10} {fact}", if index == 0 { "it says" } else { "" });
    }
    if let Some(summary) = &one.summary {
        output::say!("  summary    {summary}");
    }
    for (index, finding) in said::findings(&one.insights).iter().enumerate() {
        output::say!("  {:<10} {finding}", if index == 0 { "found" } else { "" });
    }
    output::say!("  transcript {}, {} segments", one.transcript.status, one.transcript.segments.len());
    if with_transcript {
        for segment in &one.transcript.segments {
            output::say!("    {}: {}", segment.speaker.as_deref().unwrap_or("?"), segment.text);
        }
    }
}

/// What became of the account that a person named.
fn became(detail: &ConversationDetail) -> Option<String> {
    let account = detail.conversation.account.as_ref().filter(|account| account.rule == "person")?;
    if let Some(since) = detail.account_deleted_at {
        let decided_by = detail.decided_by;
        return Some(format!(
            "the CRM has deleted that account ({}): `switchboard accounts move {decided_by} ACCOUNT` names another, \
             `--take-back` lets the rules decide",
            second(since)
        ));
    }
    let of_this = detail.decided_by == detail.conversation_id;
    let named =
        why::named(&detail.link_evidence).filter(|named| of_this && Some(*named) != detail.account_id)?;
    let name = detail.candidates.get(&named).map_or_else(|| named.to_string(), Clone::clone);
    Some(format!("named was {name}, in whose place {} is since a merge in the CRM", account.name))
}

fn owned(owner: &Owner) -> String {
    let name = owner.name.as_deref().or(owner.email.as_deref()).unwrap_or("?");
    let user = match (&owner.user, &owner.user_of) {
        (Some(user), Some(vendor)) => format!("user {user} of {vendor}"),
        _ => "none of the users that are known".to_owned(),
    };
    format!("{name} <{}>, {user}", or_dash(owner.email.as_ref()))
}

fn present(person: &ExportedParticipant, phone: Option<&str>) -> String {
    let name = person.name.as_deref().or(person.email.as_deref()).or(phone).unwrap_or("?");
    let beside = [person.title.as_deref(), phone].into_iter().flatten();
    let address = format!("{name} <{}>", or_dash(person.email.as_ref()));
    beside.fold(address, |told, one| format!("{told}, {one}"))
}
