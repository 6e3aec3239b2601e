//! `meeting show|split`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use desk::meetings::{self, Parted};
use model::{ConversationId, MeetingId};

use crate::context::Context;
use crate::output::{self, or_dash, second};

#[derive(Debug, Args)]
pub(crate) struct MeetingArgs {
    #[command(subcommand)]
    command: MeetingCommand,
}

#[derive(Debug, Subcommand)]
enum MeetingCommand {
    /// Show the copies of a meeting.
    Show {
        /// The meeting's id, one that it had before, or that of a conversation.
        id: MeetingId,
    },
    /// Part a conversation from another, or from all its meeting: your decision, which no machine overrules.
    Split {
        /// Which conversation.
        conversation: ConversationId,
        /// Only from this one.
        other: Option<ConversationId>,
        /// Take your decision back: the two may be matched again.
        #[arg(long, requires = "other")]
        take_back: bool,
    },
}

pub(crate) async fn run(context: &Context, args: MeetingArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    match args.command {
        MeetingCommand::Show { id } => show(context, &meetings::show(&store, id.0).await?),
        MeetingCommand::Split { conversation, other: Some(other), take_back: true } => {
            let parted = meetings::rejoin(&store, conversation, other).await?;
            tell(context, &parted, "may be of one meeting with")
        }
        MeetingCommand::Split { conversation, other, .. } => {
            let parted = meetings::split(&store, conversation, other).await?;
            tell(context, &parted, "is no longer of one meeting with")
        }
    }
}

fn show(context: &Context, found: &store::meeting::Found) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(found)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say!("meeting {} of {}", found.meeting_id, found.tenant);
    let row = |copy: &store::meeting::Source| {
        let start = or_dash(copy.started_at.map(second));
        vec![start, copy.vendor.clone(), copy.external_id.clone(), copy.conversation_id.to_string()]
    };
    let rows = found.sources.iter().map(row).collect();
    output::table(&["start", "source", "id", "conversation"], rows, "every copy was withdrawn");
    Ok(ExitCode::SUCCESS)
}

fn tell(context: &Context, parted: &Parted, what: &str) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(parted)?;
        return Ok(ExitCode::SUCCESS);
    }
    let others: Vec<String> = parted.others.iter().map(ToString::to_string).collect();
    output::say!("{} {what} {}; timelines follow in a moment", parted.conversation_id, others.join(", "));
    Ok(ExitCode::SUCCESS)
}
