//! A follow-up's page: records that are to be looked at again, each by its id.

use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, intake};
use tokio::time::Instant;

use crate::Shared;
use crate::ask::Setback;
use crate::details::Wanted;
use crate::page::Gathered;
use crate::publish::Documents;
use crate::source::Source;

/// Looks at the next records of a follow-up, and publishes what the vendor says of them.
pub(crate) async fn gather(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    deadline: Instant,
) -> Result<Gathered, Setback> {
    let wanted = looks(shared, run, source.looks_max()).await.map_err(Setback::Store)?;
    if wanted.is_empty() {
        return Ok(Gathered { listed: Vec::new(), failed: Vec::new(), next: Next::End { total: None } });
    }
    let mut documents = Documents::new(shared, run);
    let fetched = source.fetch(shared, run, wanted, &mut documents, deadline).await?;
    documents.flush().await?;
    runtime::failpoint!("fetch.published");
    // an empty page ends it: what is left is asked of the ledger, not reckoned
    let next = fetched.interrupted.map_or(Next::Page(run.page + 1), Next::Continue);
    Ok(Gathered { listed: fetched.listed, failed: fetched.failed, next })
}

async fn looks(shared: &Shared, run: &ClaimedRun, limit: i64) -> Result<Vec<Wanted>, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    let looks = intake::looks_left(&tx, run.id, shared.deps.config.give_up_age, limit).await?;
    tx.commit().await?;
    Ok(looks
        .into_iter()
        .map(|look| Wanted {
            key: look.key,
            hash: look.listed_hash,
            row: None,
            listed_at: None,
            attempts: look.failed_attempts,
            give_up: look.give_up,
        })
        .collect())
}
