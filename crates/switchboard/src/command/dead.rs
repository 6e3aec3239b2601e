//! `dead groups|list|show|replay|discard`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use desk::dead;
use model::{DeadLetterId, TenantId};
use serde_json::{Value, json};
use store::dead_letter::{self, FiledLetter, LetterFilter};
use store::{Speaker, Store};

use crate::command::ask::confirmed;
use crate::context::Context;
use crate::output::{self, or_dash, short};
use crate::usage;

#[derive(Debug, Args)]
pub(crate) struct DeadArgs {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// Group the dead letters by cause.
    Groups,
    /// List dead letters.
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many, the last to fail first.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..))]
        limit: i64,
    },
    /// Show one dead letter with its body.
    Show {
        /// Its id.
        id: DeadLetterId,
    },
    /// Send dead letters again; newer data is never overwritten.
    Replay {
        #[command(flatten)]
        which: Which,
        /// Replay all that are dead.
        #[arg(long)]
        all: bool,
        /// Say how many, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Discard dead letters.
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
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Which {
    /// These ids.
    ids: Vec<DeadLetterId>,
    /// Of this group (`dead groups` shows its name).
    #[arg(long)]
    group: Option<String>,
    /// Of this tenant.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Of this stage: fetch, detail, normalize, resolve.
    #[arg(long)]
    stage: Option<String>,
    /// Of this error class.
    #[arg(long)]
    class: Option<String>,
    /// About this record of the vendor.
    #[arg(long)]
    record: Option<String>,
}

impl Which {
    fn filter(self) -> LetterFilter {
        // letters named by id may be replayed again; whole groups only while they are dead
        let any_state = !self.ids.is_empty();
        LetterFilter {
            ids: any_state.then_some(self.ids),
            group: self.group,
            tenant: self.tenant,
            stage: self.stage,
            error_class: self.class,
            vendor_key: self.record,
            any_state,
        }
    }

    fn is_everything(&self) -> bool {
        let filters = [&self.group, &self.stage, &self.class, &self.record];
        self.ids.is_empty() && self.tenant.is_none() && filters.iter().all(|filter| filter.is_none())
    }
}

pub(crate) async fn run(context: &Context, args: DeadArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    match args.command {
        DeadCommand::Groups => groups(context, &store).await,
        DeadCommand::List { which, limit } => {
            let filter = which.filter();
            dead::check(&store, &filter).await?;
            list(context, &store, &filter, limit).await
        }
        DeadCommand::Show { id } => show(context, &store, id).await,
        DeadCommand::Replay { which, all, dry_run } => {
            choose(&which, all)?;
            let filter = which.filter();
            dead::check(&store, &filter).await?;
            replay(context, &store, &filter, dry_run).await
        }
        DeadCommand::Discard { which, all, reason, yes } => {
            choose(&which, all)?;
            // what was sent again or is closed already is not discarded, named or not
            let filter = LetterFilter { any_state: false, ..which.filter() };
            dead::check(&store, &filter).await?;
            discard(context, &store, &filter, &reason, yes).await
        }
    }
}

fn choose(which: &Which, all: bool) -> anyhow::Result<()> {
    if which.is_everything() && !all {
        return Err(usage::wrong("say which: ids, --group, --tenant, --stage, --class, --record, or --all"));
    }
    Ok(())
}

async fn groups(context: &Context, store: &Store) -> anyhow::Result<ExitCode> {
    let tx = store.begin(Speaker::Everybody).await?;
    let groups = dead_letter::groups(&tx).await?;
    tx.commit().await?;
    if context.json {
        for group in &groups {
            output::json(group)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = groups.iter().map(|one| {
        vec![
            one.group.clone(),
            one.letters.to_string(),
            one.tenants.to_string(),
            one.stage.clone(),
            one.error_class.clone(),
            output::second(one.last_failed_at),
            short(&one.example, 70),
        ]
    });
    let headings = ["group", "letters", "tenants", "stage", "class", "last", "example"];
    output::table(&headings, rows.collect(), "no dead letters");
    Ok(ExitCode::SUCCESS)
}

async fn list(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    limit: i64,
) -> anyhow::Result<ExitCode> {
    let tx = store.begin(Speaker::Everybody).await?;
    let letters = dead_letter::list(&tx, filter, false, limit).await?;
    tx.commit().await?;
    if context.json {
        for one in &letters {
            output::json(&as_json(one))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = letters.iter().map(|one| {
        vec![
            one.letter.id.to_string(),
            one.group.clone(),
            or_dash(one.letter.tenant.as_ref()),
            one.letter.stage.clone(),
            one.letter.error_class.clone(),
            or_dash(one.letter.vendor_key.as_ref()),
            one.state.clone(),
            short(&one.letter.error, 60),
        ]
    });
    let headings = ["letter", "group", "tenant", "stage", "class", "record", "state", "error"];
    output::table(&headings, rows.collect(), "no dead letters");
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, store: &Store, id: DeadLetterId) -> anyhow::Result<ExitCode> {
    let filter = LetterFilter { ids: Some(vec![id]), any_state: true, ..LetterFilter::default() };
    let tx = store.begin(Speaker::Everybody).await?;
    let letters = dead_letter::list(&tx, &filter, true, 1).await?;
    tx.commit().await?;
    let Some(one) = letters.first() else {
        bail!("there is no dead letter {id}; `switchboard dead list` lists them")
    };
    let body = String::from_utf8_lossy(&one.letter.body);
    let mut whole = as_json(one);
    whole["body"] = serde_json::from_slice(&one.letter.body).unwrap_or_else(|_| Value::from(body.as_ref()));
    if context.json {
        output::json(&whole)?;
    } else {
        for line in serde_json::to_string_pretty(&whole)?.lines() {
            output::say!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn replay(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    if dry_run {
        let count = dead::count(store, filter).await?;
        return report(
            context,
            &json!({ "would_replay": count }),
            &format!("would replay {count} dead letters"),
        );
    }
    let broker = context.broker()?;
    let replayed = dead::replay(store, &broker.publisher(), filter).await;
    broker.close().await;
    let replayed = replayed?;
    let words = format!(
        "replayed {} dead letters; {} had been superseded; {} were closed already; {} cannot be replayed",
        replayed.replayed, replayed.superseded, replayed.closed, replayed.impossible
    );
    report(context, &serde_json::to_value(replayed)?, &words)?;
    Ok(if replayed.impossible > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

async fn discard(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    reason: &str,
    yes: bool,
) -> anyhow::Result<ExitCode> {
    let count = dead::count(store, filter).await?;
    if !yes && !confirmed(&format!("discard {count} dead letters"))? {
        return report(context, &json!({ "discarded": 0 }), "nothing was discarded");
    }
    let discarded = dead::discard(store, filter, reason).await?;
    report(context, &json!({ "discarded": discarded }), &format!("discarded {discarded} dead letters"))
}

fn report(context: &Context, value: &Value, words: &str) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(value)?;
    } else {
        output::say!("{words}");
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(one: &FiledLetter) -> Value {
    let letter = &one.letter;
    json!({
        "id": letter.id, "group": one.group, "state": one.state, "tenant": letter.tenant, "stage": letter.stage,
        "queue": letter.origin_queue, "vendor": letter.vendor, "connection": letter.connection_id, "run": letter.run_id,
        "record": letter.vendor_key, "version": letter.version, "class": letter.error_class, "error": letter.error,
        "fingerprint": letter.fingerprint, "attempts": letter.attempts, "deaths": one.deaths, "replays": one.replays,
        "worker": letter.worker, "trace": letter.trace_id, "headers": letter.headers,
        "first_failed_at": letter.first_failed_at, "last_failed_at": letter.last_failed_at, "resolution": one.resolution,
    })
}
