//! Which dead letters a command is about.

use clap::Args;
use jiff::Timestamp;
use model::{DeadLetterId, RunId, TenantId};
use store::Store;
use store::dead_letter::LetterFilter;

use crate::usage;

/// Which dead letters: what is given narrows them down.
#[derive(Debug, Args)]
pub(crate) struct Which {
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
    /// Of this vendor.
    #[arg(long)]
    vendor: Option<String>,
    /// Of this connection: its id, the beginning of it, or TENANT/VENDOR.
    #[arg(long)]
    connection: Option<String>,
    /// Of this run.
    #[arg(long)]
    run: Option<RunId>,
    /// About this record of the vendor.
    #[arg(long)]
    record: Option<String>,
    /// That died in this queue.
    #[arg(long)]
    queue: Option<String>,
    /// That died in this process.
    #[arg(long)]
    worker: Option<String>,
    /// Of this trace.
    #[arg(long)]
    trace: Option<String>,
    /// With these words in the error, or exactly so in the message.
    #[arg(long)]
    text: Option<String>,
    /// That failed last at this time or later.
    #[arg(long)]
    since: Option<Timestamp>,
    /// That failed last before this time.
    #[arg(long)]
    until: Option<Timestamp>,
}

impl Which {
    /// Finds out what is meant, and refuses what is not there.
    pub(crate) async fn filter(self, store: &Store) -> anyhow::Result<LetterFilter> {
        let connection = match &self.connection {
            Some(text) => Some(desk::connections::find(store, text).await?.id),
            None => None,
        };
        let filter = LetterFilter {
            // letters named by id are meant whatever became of them; of groups only those that are dead
            any_state: !self.ids.is_empty(),
            ids: (!self.ids.is_empty()).then_some(self.ids),
            group: self.group,
            tenant: self.tenant,
            stage: self.stage,
            class: self.class,
            vendor: self.vendor,
            connection,
            run: self.run,
            record: self.record,
            queue: self.queue,
            worker: self.worker,
            trace: self.trace,
            text: self.text,
            since: self.since,
            until: self.until,
            state: None,
        };
        desk::dead::check(store, &filter).await?;
        Ok(filter)
    }

    /// The same for a command that changes something: everything is meant only by who says `--all`.
    pub(crate) async fn chosen(self, store: &Store, all: bool) -> anyhow::Result<LetterFilter> {
        let filter = self.filter(store).await?;
        if filter.is_everything() && !all {
            return Err(usage::wrong(
                "say which: ids, --group, --tenant, --stage, --class, --record, …, or --all",
            ));
        }
        Ok(filter)
    }
}
