//! A page of a vendor's users, who are the tenant's own people whatever their domain: records as a CRM's are, of any vendor.

use mapping::listed_user;
use model::{RunKind, Version};
use serde_json::value::RawValue;
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use tokio::time::Instant;

use crate::Shared;
use crate::ask::Setback;
use crate::page::Gathered;
use crate::records::{self, Record};
use crate::source::{Ending, Source};

/// A page of a vendor's list of users.
pub(crate) struct UsersPage {
    /// The users as they came.
    pub(crate) rows: Vec<Box<RawValue>>,
    /// When they were asked for.
    pub(crate) asked_at: Version,
    /// What tells where the list ends.
    pub(crate) ending: Ending,
}

impl UsersPage {
    /// The cursor had grown too old, or led nowhere: the list is begun again.
    pub(crate) fn expired(asked_at: Version) -> Self {
        Self { rows: Vec::new(), asked_at, ending: Ending::Expired }
    }
}

/// Lists the run's page and publishes who is new or changed.
pub(crate) async fn gather(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    deadline: Instant,
) -> Result<Gathered, Setback> {
    let UsersPage { rows, asked_at, ending } = source.users(shared, run, deadline).await?;
    runtime::failpoint!("fetch.listed");
    if matches!(ending, Ending::Expired) {
        tracing::info!(job.id = %run.id, page = run.page, "the cursor of the list of users is too old or leads nowhere, it is begun again");
    }
    let next = ending.next(shared, run, rows.len())?;
    let record = |row: Box<RawValue>| Record { listed: listed_user(run.vendor, &row), row, related: None };
    let records = rows.into_iter().map(record).collect();
    let mut gathered = records::take(shared, run, records, asked_at, next).await?;
    if run.kind == RunKind::FollowUp && matches!(gathered.next, Next::End { .. }) {
        // nobody is asked for by id: whoever a follow-up was made for is in the list, or has gone from it
        let looks = records::looks(shared, run, usize::MAX).await?;
        records::settle_unanswered(&mut gathered, &looks, asked_at);
    }
    Ok(gathered)
}
