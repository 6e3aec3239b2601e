//! `accounts import|list|move`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use desk::accounts::{self, Imported};
use desk::decision::{self, Word};
use model::{ConversationId, TenantId};
use store::Speaker;
use store::account::{self, AccountFilter};

use crate::context::Context;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(subcommand)]
    command: AccountsCommand,
}

#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Import accounts and contacts from CSV; good lines are imported, bad ones listed (exit code 3). Opens the tenant's gate.
    Import {
        /// Whose accounts they are.
        #[arg(long)]
        tenant: TenantId,
        /// Accounts: `external_id,name,domains[,created_at]`; domains separated by ';'.
        accounts: PathBuf,
        /// Contacts: `account_external_id,name,email`.
        #[arg(long)]
        contacts: Option<PathBuf>,
    },
    /// List a tenant's accounts by name, with what is on each.
    List {
        /// Whose accounts.
        #[arg(long)]
        tenant: TenantId,
        /// Only those with this in their name, or with this very id or domain.
        #[arg(long)]
        named: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Put a conversation on an account: your decision, which no machine overrules.
    Move {
        /// Which conversation.
        conversation: ConversationId,
        /// The account it belongs to: its id at its source, or its own.
        #[arg(required_unless_present_any = ["none", "take_back"])]
        account: Option<String>,
        /// It belongs to no account.
        #[arg(long, conflicts_with_all = ["account", "take_back"])]
        none: bool,
        /// Take your decision back: the rules decide again.
        #[arg(long, conflicts_with_all = ["account", "none"])]
        take_back: bool,
        /// Who decides, for whoever asks why.
        #[arg(long, env = "USER", default_value = "an operator")]
        by: String,
    },
}

pub(crate) async fn run(context: &Context, args: AccountsArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        AccountsCommand::Import { tenant, accounts, contacts } => {
            import(context, &tenant, &accounts, contacts.as_deref()).await
        }
        AccountsCommand::List { tenant, named, limit } => {
            list(context, &tenant, AccountFilter { named, limit }).await
        }
        AccountsCommand::Move { conversation, account, take_back, by, .. } => {
            let word = match account {
                Some(account) => Word::Account(account),
                None if take_back => Word::TakenBack,
                None => Word::NoAccount,
            };
            put(context, conversation, &word, &by).await
        }
    }
}

async fn import(
    context: &Context,
    tenant: &TenantId,
    accounts: &Path,
    contacts: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot read {}", path.display()));
    let store = context.migrated_store().await?;
    let imported = accounts::import(&store, tenant, open(accounts)?, contacts.map(open).transpose()?).await?;
    if context.json {
        output::json(&imported)?;
    } else {
        print(tenant, &imported);
    }
    Ok(if imported.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn print(tenant: &TenantId, imported: &Imported) {
    let counts = &imported.counts;
    output::say!(
        "accounts: {} added, {} changed, {} as they were; contacts: {} added, {} changed, {} as they were",
        counts.accounts_added,
        counts.accounts_changed,
        counts.accounts_unchanged,
        counts.contacts_added,
        counts.contacts_changed,
        counts.contacts_unchanged
    );
    for ignored in &imported.domains_ignored {
        let why = if ignored.malformed { "is no domain" } else { "is nobody's own" };
        output::say!(
            "accounts line {}: {:?} {why}, its account is imported without it",
            ignored.line,
            ignored.domain
        );
    }
    for shared in &imported.domains_shared {
        let lines: Vec<String> = shared.lines.iter().map(u64::to_string).collect();
        output::say!(
            "accounts lines {}: all own {}; the oldest account gets its calls",
            lines.join(", "),
            shared.domain
        );
    }
    for bad in &imported.bad_lines {
        let lines = match bad.last_line {
            last if last == bad.line => format!("line {last}"),
            last => format!("lines {} to {last}", bad.line),
        };
        output::say!("{} {lines}: left out: {}", bad.file, bad.reason);
    }
    if counts.accounts_added + counts.accounts_changed + counts.accounts_unchanged == 0 {
        output::say!("there is no account in the file; until {tenant} has accounts, its conversations wait");
    }
    if imported.gate_opened {
        output::say!("the conversations of {tenant} are let in from now on");
    }
}

async fn list(context: &Context, tenant: &TenantId, filter: AccountFilter) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Tenant(tenant)).await?;
    let shown = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // one more than is shown, to know whether there are more
    let asked = AccountFilter { limit: filter.limit.saturating_add(1), ..filter };
    let mut all = account::list(&tx, tenant, &asked).await?;
    tx.commit().await?;
    if all.len() > shown {
        all.truncate(shown);
        eprintln!("there are more than these {shown}: --limit shows more, --named finds one");
    }
    if context.json {
        for one in &all {
            output::json(one)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all.iter().map(|one| {
        vec![
            one.external_id.clone(),
            one.name.clone(),
            one.domains.join(" "),
            one.contacts.to_string(),
            one.conversations.to_string(),
        ]
    });
    let headings = ["account", "name", "domains", "contacts", "conversations"];
    let none = match asked.named {
        Some(_) => "no account is called that, and none has that id or domain",
        None => "there are no accounts; `switchboard accounts import` brings them in",
    };
    output::table(&headings, rows.collect(), none);
    Ok(ExitCode::SUCCESS)
}

async fn put(context: &Context, id: ConversationId, word: &Word, by: &str) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let moved = decision::decide(&store, id, word, by).await?;
    if context.json {
        output::json(&moved)?;
        return Ok(ExitCode::SUCCESS);
    }
    let [from, to] = [&moved.from, &moved.to].map(|name| name.as_deref().unwrap_or("no account"));
    match (word, moved.decided_of) {
        (Word::TakenBack, Some(copy)) => output::say!(
            "taken back of {id}; its meeting is on {to}, as was decided about its copy {copy}: \
             `switchboard accounts move {copy} --take-back` takes that back too"
        ),
        (Word::TakenBack, None) => output::say!("the rules decide about {id} again; it was on {from}"),
        _ => output::say!("moved {id} from {from} to {to}"),
    }
    Ok(ExitCode::SUCCESS)
}
