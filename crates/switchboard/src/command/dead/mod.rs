//! `dead …`: the operator's desk for dead letters.

mod decide;
mod edit;
mod look;
pub(super) mod replay;
mod which;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use model::{DeadLetterId, ReplayId};
use replay::How;
use store::dead_letter::LetterFilter;
use which::Which;

use crate::context::Context;

#[derive(Debug, Args)]
pub(crate) struct DeadArgs {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// Group the dead letters by cause.
    Groups {
        #[command(flatten)]
        which: Which,
    },
    /// Show one group: its cause, what to do, what was noted and done, and one letter in full.
    Group {
        /// Its name.
        group: String,
    },
    /// List dead letters.
    List {
        #[command(flatten)]
        which: Which,
        /// In this state: dead, replayed, discarded, closed, any. Letters named by id are shown in any state.
        #[arg(long, value_parser = ["dead", "replayed", "discarded", "closed", "any"])]
        state: Option<String>,
        /// At most so many, the last to fail first.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        limit: Option<i64>,
    },
    /// Show one dead letter with its body.
    Show {
        /// Its id.
        id: DeadLetterId,
    },
    /// Write a note to a group, for whoever looks at it next.
    Note {
        /// Its name.
        group: String,
        /// The note.
        words: String,
    },
    /// Write what a vendor sent, a recorder's document or a CRM's records, into a file, to be edited.
    Draft {
        /// The letter's id.
        id: DeadLetterId,
        /// Where to.
        file: PathBuf,
    },
    /// Have what is edited sent at the letter's next replay; shows the difference. The original is kept.
    Edit {
        /// The letter's id.
        id: DeadLetterId,
        /// What `dead draft` wrote, edited.
        file: PathBuf,
        /// Show the difference, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Have the original sent at the letter's next replay.
    Undo {
        /// The letter's id.
        id: DeadLetterId,
    },
    /// Send dead letters again: one, then five, twenty-five, a hundred at a time; newer data is never overwritten.
    Replay {
        #[command(flatten)]
        which: Which,
        /// Replay all that are dead.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        how: How,
    },
    /// List replays, whoever ordered them.
    Replays {
        /// At most so many, the latest first.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        limit: Option<i64>,
    },
    /// Say what became of each letter of a replay.
    Report(OneReplay),
    /// Wait until a replay is over or has stopped.
    Watch(OneReplay),
    /// Stop a replay where it is.
    Stop(OneReplay),
    /// Let a replay go on that was held or has stopped; the failures it has had are accepted.
    Resume(OneReplay),
    /// End a replay early; what was not sent is left as it was.
    Cancel(OneReplay),
    /// Discard dead letters; for a month they can be restored.
    Discard {
        #[command(flatten)]
        which: Which,
        /// Discard all that are dead.
        #[arg(long)]
        all: bool,
        /// Why, for whoever asks later.
        #[arg(long)]
        reason: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Make discarded letters dead letters again.
    Restore {
        #[command(flatten)]
        which: Which,
        /// Restore all that are discarded.
        #[arg(long)]
        all: bool,
    },
    /// Show what was done about dead letters: who, when, what, how many.
    Actions {
        /// Only what named this group.
        #[arg(long)]
        group: Option<String>,
        /// At most so many, the latest first.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        limit: Option<i64>,
    },
}

/// A replay.
#[derive(Debug, Args)]
struct OneReplay {
    /// Its id.
    replay: ReplayId,
}

pub(crate) async fn run(context: &Context, args: DeadArgs) -> anyhow::Result<ExitCode> {
    let store = &context.migrated_store().await?;
    match args.command {
        DeadCommand::Groups { which } => look::groups(context, store, &which.filter(store).await?).await,
        DeadCommand::Group { group } => look::group(context, store, &group).await,
        DeadCommand::List { which, state, limit } => {
            let filter = in_state(which.filter(store).await?, state);
            look::list(context, store, &filter, limit).await
        }
        DeadCommand::Show { id } => look::show(context, store, id).await,
        DeadCommand::Note { group, words } => decide::note(context, store, &group, &words).await,
        DeadCommand::Draft { id, file } => edit::draft(context, store, id, &file).await,
        DeadCommand::Edit { id, file, dry_run } => edit::edit(context, store, id, &file, dry_run).await,
        DeadCommand::Undo { id } => edit::undo(context, store, id).await,
        DeadCommand::Replay { which, all, how } => {
            replay::replay(context, store, &which.chosen(store, all).await?, how).await
        }
        DeadCommand::Replays { limit } => replay::list(context, store, limit).await,
        DeadCommand::Report(one) => replay::report(context, store, one.replay).await,
        DeadCommand::Watch(one) => replay::watch(context, store, one.replay).await,
        DeadCommand::Stop(one) => replay::stop(context, store, one.replay).await,
        DeadCommand::Resume(one) => replay::resume(context, store, one.replay).await,
        DeadCommand::Cancel(one) => replay::cancel(context, store, one.replay).await,
        DeadCommand::Discard { which, all, reason, yes } => {
            // what was sent again or is closed already is not discarded, named or not
            let filter = LetterFilter { any_state: false, ..which.chosen(store, all).await? };
            decide::discard(context, store, &filter, &reason, yes).await
        }
        DeadCommand::Restore { which, all } => {
            let filter = in_state(which.chosen(store, all).await?, Some("discarded".to_owned()));
            decide::restore(context, store, &filter).await
        }
        DeadCommand::Actions { group, limit } => look::actions(context, store, group.as_deref(), limit).await,
    }
}

fn in_state(filter: LetterFilter, state: Option<String>) -> LetterFilter {
    match state.as_deref() {
        None => filter,
        Some("any") => LetterFilter { any_state: true, ..filter },
        Some(_) => LetterFilter { any_state: false, state, ..filter },
    }
}
