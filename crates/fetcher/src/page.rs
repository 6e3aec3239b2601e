//! A page of the vendor's list: what each row needs, and what became of it.

use std::collections::{HashMap, HashSet};

use mapping::ListedRow;
use model::{ItemDecision, VendorKey, Version};
use serde_json::value::RawValue;
use store::intake::{self, Standing};
use store::run_checkpoint::{FailedDetail, Listed, Next};
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError};
use tokio::time::Instant;

use crate::Shared;
use crate::ask::Setback;
use crate::details::Wanted;
use crate::publish::Documents;
use crate::source::Source;

/// A list longer than this does not end.
const PAGES_MAX: u32 = 100_000;

/// What a step brought in. Its documents are published; nothing of it is in the ledger yet.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) listed: Vec<Listed>,
    pub(crate) failed: Vec<FailedDetail>,
    pub(crate) next: Next,
}

/// A row of the list with what was decided about it.
struct Row {
    listed: ListedRow,
    raw: Box<RawValue>,
    need: Need,
}

/// What a row needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// This run has dealt with it.
    Nothing,
    /// It is decided without asking the vendor.
    Decided(ItemDecision),
    /// The row itself says enough: it is private, archived, empty, or has no id to ask with.
    RowOnly,
    /// Its details.
    Details,
}

/// Lists the run's page, fetches what belongs to it, and publishes the documents.
pub(crate) async fn gather(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    deadline: Instant,
) -> Result<Gathered, Setback> {
    if run.page > PAGES_MAX {
        return Err(Setback::Page {
            class: "endless-list",
            reason: format!("the list has no end after {PAGES_MAX} pages"),
        });
    }
    let page = source.list(shared, run, deadline).await?;
    runtime::failpoint!("fetch.listed");
    let asked_at = page.asked_at;
    let rows = sort_rows(shared, run, page.rows).await.map_err(Setback::Store)?;
    let unseen = rows.iter().filter(|row| row.need != Need::Nothing).count();
    // a page that was begun before, or a window walked again, is full of what the run knows already
    let fresh = if run.resumed || run.walks > 0 { rows.len() } else { unseen };
    let next = page.ending.next(shared, run, fresh)?;
    take_rows(shared, run, source, rows, asked_at, next, deadline).await
}

async fn sort_rows(
    shared: &Shared,
    run: &ClaimedRun,
    mut rows: Vec<(ListedRow, Box<RawValue>)>,
) -> Result<Vec<Row>, StoreError> {
    let mut seen = HashSet::new();
    rows.retain(|(row, _)| seen.insert(row.vendor_key.clone()));
    let keys: Vec<&str> = rows.iter().map(|(row, _)| row.vendor_key.as_str()).collect();
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    let standings = intake::standings(&tx, run.id, run.connection_id, &keys).await?;
    tx.commit().await?;
    Ok(rows
        .into_iter()
        .map(|(row, raw)| {
            let need = need(run, &row, standings.get(&row.vendor_key));
            Row { listed: row, raw, need }
        })
        .collect())
}

fn need(run: &ClaimedRun, row: &ListedRow, standing: Option<&Standing>) -> Need {
    if standing.is_some_and(|standing| standing.decided_hash == Some(row.hash)) {
        return Need::Nothing;
    }
    // what must not be kept is told to the normalizer even when it is known: a setting may have changed meanwhile
    let unkept = row.is_skipped(run.admit_private);
    if unkept && standing.is_some_and(|standing| standing.stored_hash == Some(row.hash)) {
        return Need::RowOnly;
    }
    if let Some(decision) = standing.and_then(|standing| standing.decide(row.hash, run.admit_private)) {
        return Need::Decided(decision);
    }
    if unkept || !row.has_id || is_hashed(&row.vendor_key) {
        return Need::RowOnly;
    }
    if run.kind == model::RunKind::Walk {
        // a walk only lists: a follow-up fetches what it found new or changed
        return Need::Decided(ItemDecision::Pending);
    }
    Need::Details
}

/// An id too long to keep was replaced by its hash, which the vendor does not know.
fn is_hashed(key: &VendorKey) -> bool {
    key.as_str().starts_with("sha256:")
}

async fn take_rows(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    rows: Vec<Row>,
    asked_at: Version,
    next: Next,
    deadline: Instant,
) -> Result<Gathered, Setback> {
    let mut documents = Documents::new(shared, run);
    let mut listed = Vec::with_capacity(rows.len());
    let mut wanted = Vec::new();
    let mut times = HashMap::with_capacity(rows.len());
    for Row { listed: row, raw, need } in rows {
        let (key, hash, happened_at) = (row.vendor_key, row.hash, row.happened_at);
        times.insert(key.clone(), happened_at);
        match need {
            Need::Nothing => {}
            Need::Decided(decision) => {
                listed.push(Listed { key, version: asked_at, hash, decision, happened_at });
            }
            Need::RowOnly => {
                documents.add(&key, asked_at, hash, false, Some(&raw), None).await?;
                let decision = ItemDecision::Published;
                listed.push(Listed { key, version: asked_at, hash, decision, happened_at });
            }
            Need::Details => {
                let listed_at = Some(asked_at);
                let row = Some(raw);
                wanted.push(Wanted { key, hash: Some(hash), row, listed_at, attempts: 0, give_up: false });
            }
        }
    }
    let fetched = source.fetch(shared, run, wanted, &mut documents, deadline).await?;
    documents.flush().await?;
    runtime::failpoint!("fetch.published");
    listed.extend(fetched.listed.into_iter().map(|one| {
        let happened_at = times.get(&one.key).copied().flatten();
        Listed { happened_at, ..one }
    }));
    let next = fetched.interrupted.map_or(next, Next::Continue);
    Ok(Gathered { listed, failed: fetched.failed, next })
}
