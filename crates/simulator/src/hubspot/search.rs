//! Searches: what changed, never what is archived, and 10,000 rows of it at most, unless a setting says otherwise.

use serde_json::{Value, json};

use super::table::{Line, Table};
use super::{Object, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// Rows of a page.
const LIMIT_MAX: u64 = 200;

/// Answers a search with one filter group, as far as the simulator knows filters.
pub(super) fn search(workspace: &Workspace, object: Object, sent: &Value) -> Reply {
    let invalid = |message: &str| refusal(400, "VALIDATION_ERROR", message);
    let limit = sent["limit"].as_u64().unwrap_or(10);
    let after = match &sent["after"] {
        Value::Null => 0,
        Value::String(text) => match text.parse::<u64>() {
            Ok(after) => after,
            Err(_) => return invalid("after is not a number"),
        },
        _ => return invalid("after must be a string"),
    };
    if !(1..=LIMIT_MAX).contains(&limit) {
        return invalid("limit must be between 1 and 200");
    }
    if after + limit > workspace.settings().crm_search_reach {
        return invalid("paging beyond 10,000 results is not supported");
    }
    let groups = sent["filterGroups"].as_array().cloned().unwrap_or_default();
    let sorts = sent["sorts"].as_array().cloned().unwrap_or_default();
    if groups.len() > 5 || sorts.len() > 1 {
        return invalid("at most 5 filter groups and one sort");
    }
    let table = Table::of(workspace, object);
    let mut rows: Vec<Line> = table.behind(0).filter(|line| line.archived_ms.is_none()).collect();
    for group in &groups {
        let filters = group["filters"].as_array().cloned().unwrap_or_default();
        if filters.len() > 6 {
            return invalid("at most 6 filters in a group");
        }
        for filter in &filters {
            let Some(holds) = filter_of(object, filter) else {
                return Reply {
                    status: 501,
                    ..refusal(501, "VALIDATION_ERROR", "this filter is not simulated")
                };
            };
            rows.retain(|line| holds(line));
        }
    }
    if sorts.first().is_some_and(|sort| sort["propertyName"] != "hs_object_id") {
        // of equals the order is nobody's promise: here it is the reverse of what a client might hope for
        rows.sort_by_key(|line| (line.modified_ms, std::cmp::Reverse(line.id)));
    }
    page(&table, &rows, after, limit, sent)
}

fn page(table: &Table<'_>, rows: &[Line], after: u64, limit: u64, sent: &Value) -> Reply {
    let wanted: Vec<String> = sent["properties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let from = usize::try_from(after).unwrap_or(usize::MAX).min(rows.len());
    let to = (from + usize::try_from(limit).unwrap_or(usize::MAX)).min(rows.len());
    let shown: Vec<Value> = rows[from..to].iter().map(|line| table.record(*line).shown(&wanted)).collect();
    let mut answer = json!({ "total": rows.len(), "results": shown });
    if to < rows.len() {
        answer["paging"] = json!({ "next": { "after": to.to_string() } });
    }
    Reply::json(answer.to_string())
}

type Filter = Box<dyn Fn(&Line) -> bool>;

/// Filters by when a record changed, and by its id.
fn filter_of(object: Object, filter: &Value) -> Option<Filter> {
    let modified = if object == Object::Contacts { "lastmodifieddate" } else { "hs_lastmodifieddate" };
    let value: i64 = filter["value"].as_str()?.parse().ok()?;
    let by_id = match filter["propertyName"].as_str()? {
        "hs_object_id" => true,
        name if name == modified => false,
        _ => return None,
    };
    let key = move |line: &Line| {
        if by_id { i64::try_from(line.id).unwrap_or(i64::MAX) } else { line.modified_ms }
    };
    Some(match filter["operator"].as_str()? {
        "GTE" => Box::new(move |line| key(line) >= value),
        "GT" => Box::new(move |line| key(line) > value),
        "LTE" => Box::new(move |line| key(line) <= value),
        "LT" => Box::new(move |line| key(line) < value),
        "EQ" => Box::new(move |line| key(line) == value),
        _ => return None,
    })
}
