//! Pages of a query: what it found when it began, wherever things stand by now.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{VERSION, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// Rows of a page: fewer than the documented 2,000, as with wide rows.
const PAGE_ROWS: usize = 70;

/// The queries that are open, by their locators.
#[derive(Debug, Default)]
pub(crate) struct Cursors(BTreeMap<String, Vec<Value>>);

/// The first page of a query.
pub(super) fn first_page(workspace: &Workspace, rows: Vec<Value>) -> Reply {
    if rows.len() <= PAGE_ROWS {
        return page(&rows, 0, "");
    }
    let mut cursors = workspace.cursors();
    let locator = format!("0r8xx{:010}AAA", cursors.0.len());
    let first = page(&rows, 0, &locator);
    cursors.0.insert(locator, rows);
    first
}

/// The page that a locator and an offset name.
pub(super) fn next_page(workspace: &Workspace, place: &str) -> Reply {
    let parts = place.split_once('-').and_then(|(locator, offset)| Some((locator, offset.parse().ok()?)));
    let Some((locator, offset)) = parts else { return expired() };
    match workspace.cursors().0.get(locator) {
        Some(rows) if offset < rows.len() => page(rows, offset, locator),
        _ => expired(),
    }
}

pub(super) fn expired() -> Reply {
    refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
}

fn page(rows: &[Value], offset: usize, locator: &str) -> Reply {
    let end = (offset + PAGE_ROWS).min(rows.len());
    let mut answer =
        json!({ "totalSize": rows.len(), "done": end == rows.len(), "records": rows[offset..end] });
    if end < rows.len() {
        answer["nextRecordsUrl"] = json!(format!("/services/data/{VERSION}/query/{locator}-{end}"));
    }
    Reply::json(answer.to_string())
}
