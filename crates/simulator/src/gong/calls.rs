//! The extensive list of calls.

use jiff::Timestamp;

use super::auth::Caller;
use super::call;
use super::cursor::{self, Cursor};
use super::query::Query;
use super::refusal;
use crate::faults::{self, Hits};
use crate::reply::Reply;
use crate::world::Plan;

/// Rows of a page; it cannot be set.
pub(crate) const PAGE_SIZE: usize = 100;

/// A page of plans, in the order of the list.
pub(crate) struct Slice {
    pub(crate) plans: Vec<Plan>,
    total: usize,
    page: u64,
    next: Option<Cursor>,
}

/// Answers with one page of calls.
pub(crate) fn page(caller: &Caller, query: &Query, hits: &Hits, now: Timestamp) -> Result<Reply, Reply> {
    let timed = !query.selector["contextTiming"].is_null();
    if timed && query.context() != "Extended" {
        return Err(refusal::of(400, "contentSelector.contextTiming: only allowed with Extended context"));
    }
    if query.exposes("/content/trackerOccurrences") && !query.exposes("/content/trackers") {
        return Err(refusal::of(400, "contentSelector: trackerOccurrences needs trackers"));
    }
    let slice = slice(caller, query, hits, now, |_| true)?;
    let rows: Vec<String> =
        slice.plans.iter().map(|plan| call::call(&caller.workspace, plan, query).to_string()).collect();
    Ok(slice.reply(caller, query, "calls", &rows))
}

/// One page of what the filter finds among the plans that `is_there`; nothing at all is a 404.
pub(crate) fn slice(
    caller: &Caller,
    query: &Query,
    hits: &Hits,
    now: Timestamp,
    is_there: impl Fn(&Plan) -> bool,
) -> Result<Slice, Reply> {
    let (salt, now_ms) = (caller.workspace.salt, now.as_millisecond());
    let began = match &query.cursor {
        Some(_) if faults::expires_cursors(hits) => return Err(cursor::expired()),
        Some(text) => Some(Cursor::opened(text, salt, query.fingerprint, now_ms)?),
        None => None,
    };
    let mut found: Vec<Plan> = if caller.key.blind { Vec::new() } else { found(caller, query) };
    found.retain(is_there);
    if found.is_empty() {
        return Err(refusal::empty("calls"));
    }
    found.sort_by_key(place);
    let total = found.len();
    let page = if faults::pages_without_end(hits) { None } else { began };
    let after = page.map(|cursor| cursor.after);
    let left: Vec<Plan> =
        found.into_iter().filter(|plan| after.is_none_or(|after| place(plan) > after)).collect();
    let more = left.len() > PAGE_SIZE || faults::pages_without_end(hits);
    let plans: Vec<Plan> = left.into_iter().take(PAGE_SIZE).collect();
    let number = began.map_or(0, |cursor| cursor.page);
    let next = plans.last().filter(|_| more).map(|last| Cursor {
        began_ms: began.map_or(now_ms, |cursor| cursor.began_ms),
        after: place(last),
        page: number + 1,
    });
    Ok(Slice { plans, total, page: number, next })
}

/// Oldest first; of calls that started together the one that was made first.
fn place(plan: &Plan) -> (i64, u64) {
    (plan.gong_started_at().as_millisecond(), plan.index)
}

fn found(caller: &Caller, query: &Query) -> Vec<Plan> {
    let (workspace, company) = (&caller.workspace, caller.key.company);
    let seen = |index: u64| workspace.seen_by(company, workspace.plan(index));
    let in_window =
        |plan: &Plan| (query.from_ms..query.to_ms).contains(&plan.gong_started_at().as_millisecond());
    match &query.ids {
        Some(ids) => {
            let mut indices: Vec<u64> =
                ids.iter().filter_map(|id| workspace.find_gong(company, id)).collect();
            indices.sort_unstable();
            indices.dedup();
            indices.into_iter().map(seen).filter(in_window).collect()
        }
        None => {
            workspace.gong_listing(company, query.from_ms, query.to_ms).map(seen).filter(in_window).collect()
        }
    }
}

impl Slice {
    /// The page in its envelope; the cursor is there only when there are more pages.
    pub(crate) fn reply(self, caller: &Caller, query: &Query, field: &str, rows: &[String]) -> Reply {
        let (total, size, page) = (self.total, rows.len(), self.page);
        let cursor = self.next.map(|next| next.sealed(caller.workspace.salt, query.fingerprint));
        let cursor = cursor.map(|cursor| format!(",\"cursor\":\"{cursor}\"")).unwrap_or_default();
        let records = format!(
            "{{\"totalRecords\":{total},\"currentPageSize\":{size},\"currentPageNumber\":{page}{cursor}}}"
        );
        let id = query.fingerprint;
        Reply::json(format!(
            "{{\"requestId\":\"{id:x}\",\"records\":{records},\"{field}\":[{}]}}",
            rows.join(",")
        ))
    }
}
