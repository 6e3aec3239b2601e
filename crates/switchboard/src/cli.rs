//! The command line.

use clap::{Args, Parser, Subcommand};
use model::TenantId;

use crate::command;

/// Customer calls on the right customer's timeline, once, complete, minutes after they ended.
///
/// Settings come from the environment: DATABASE_URL, AMQP_URL, SWITCHBOARD_MASTER_KEY_FILE and those in deploy/env.example.
/// Exit codes: 0 done, 1 not done, 2 wrong usage, 3 done in part.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
pub(crate) struct Cli {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the role that plans what is due and sends nudges.
    Scheduler,
    /// Run the role that fetches pages from vendors.
    Fetcher,
    /// Run the role that turns raw documents into conversations on accounts.
    Normalizer,
    /// Run the role that files dead letters and counts.
    Steward,
    /// Run every role in one process.
    All,
    /// Show the main job on empty servers (DATABASE_URL, AMQP_URL), told as it happens.
    Demo(command::demo::DemoArgs),
    /// Serve stand-ins of the vendors' APIs, to rehearse with.
    Simulator(command::simulator::SimulatorArgs),
    /// Bring database and broker to what this program needs.
    Migrate,
    /// Make or rotate the master key that seals credentials.
    Key(command::key::KeyArgs),
    /// Add a tenant, or list them.
    Tenant(command::tenant::TenantArgs),
    /// Import a tenant's accounts and contacts, or put a conversation on one.
    Accounts(command::accounts::AccountsArgs),
    /// Connect a vendor, or connect it again with a new credential.
    Connect(command::connect::ConnectArgs),
    /// List connections, with what blocks them.
    Connections(OfTenant),
    /// Switch a connection on.
    Enable(OneConnection),
    /// Switch a connection off; its work is parked.
    Disable(OneConnection),
    /// Pause a connection; no machine ends a person's pause.
    Pause(OneConnection),
    /// End a pause.
    Resume(OneConnection),
    /// Destroy a connection's secret and keep its data.
    Disconnect(command::connections::DisconnectArgs),
    /// Withdraw a connection's calls that vanished at the vendor, when so many did at once that they were held for you.
    WithdrawVanished(OneConnection),
    /// Sync a connection now, or a window of the past.
    Sync(command::sync::SyncArgs),
    /// List runs with their sums.
    Runs(command::runs::RunsArgs),
    /// Wait until nothing is due, queued, running or retrying.
    Wait(command::wait::WaitArgs),
    /// Show the meetings of an account, or of a whole tenant, each once.
    Timeline(command::timeline::TimelineArgs),
    /// Show one conversation, and why it is on its account.
    Conversation(command::conversation::ConversationArgs),
    /// Show which conversations found no account, by the domain that would free the most.
    Unmatched(command::unmatched::UnmatchedArgs),
    /// Show the copies of a meeting, or part them.
    Meeting(command::meeting::MeetingArgs),
    /// Say where a vendor's record is: by its id or URL.
    Where(command::where_is::WhereArgs),
    /// Look at dead letters, replay or discard them.
    Dead(command::dead::DeadArgs),
    /// Follow events.
    Events(command::events::EventsArgs),
    /// Show connections, queues, parked work and dead letters.
    Status,
    /// Show what will run within a day and what keeps the rest from it, or why something did not run at a time of the past.
    Schedule(command::schedule::ScheduleArgs),
    /// Show what became of all that vendors listed, by connection and day, what is missing, and what closes each gap.
    Gaps(command::gaps::GapsArgs),
    /// Show how soon calls are there after they ended, and what other lookbacks would have missed.
    Freshness(command::freshness::FreshnessArgs),
    /// Write a tenant's conversations as JSON lines.
    Export(command::export::ExportArgs),
}

/// A tenant, or all.
#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    /// Of this tenant only.
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
}

/// A connection.
#[derive(Debug, Args)]
pub(crate) struct OneConnection {
    /// Its id, the beginning of it, or TENANT/VENDOR.
    pub(crate) connection: String,
}

impl Command {
    /// What it is as a program that goes on until it is told to end.
    pub(crate) fn serves(&self) -> Option<&'static str> {
        match self {
            Self::Scheduler => Some("scheduler"),
            Self::Fetcher => Some("fetcher"),
            Self::Normalizer => Some("normalizer"),
            Self::Steward => Some("steward"),
            Self::All => Some("all"),
            Self::Simulator(_) => Some("simulator"),
            _ => None,
        }
    }
}
