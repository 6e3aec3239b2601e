//! Lists by id, and records by their ids.

use serde_json::{Value, json};

use super::table::{Line, Table};
use super::{Object, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// Rows of a list, and ids of a batch, at most.
const LIMIT_MAX: usize = 100;

/// One page of what is there, or of what is archived and nothing else.
pub(super) fn list(workspace: &Workspace, object: Object, pairs: &[(String, String)]) -> Reply {
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Ok(limit @ 1..=LIMIT_MAX) = value("limit").map_or(Ok(10), str::parse::<usize>) else {
        return refusal(400, "VALIDATION_ERROR", "limit must be between 1 and 100");
    };
    let after = match value("after").map(opened).transpose() {
        Ok(after) => after.unwrap_or(0),
        Err(refused) => return refused,
    };
    let archived = value("archived") == Some("true");
    let wanted: Vec<String> = value("properties").unwrap_or_default().split(',').map(str::to_owned).collect();
    let table = Table::of(workspace, object);
    let mut rows = table.behind(after).filter(|line| line.archived_ms.is_some() == archived);
    let page: Vec<Line> = rows.by_ref().take(limit).collect();
    let shown: Vec<Value> = page.iter().map(|line| table.record(*line).shown(&wanted)).collect();
    let mut answer = json!({ "results": shown });
    if let (Some(last), Some(_)) = (page.last(), rows.next()) {
        answer["paging"] = json!({ "next": { "after": sealed(last.id), "link": "?after=…" } });
    }
    Reply::json(answer.to_string())
}

/// Opaque, and looking as if it were encoded already.
pub(super) fn sealed(id: u64) -> String {
    format!("{}%3D%3D", format!("N{id}x").chars().rev().collect::<String>())
}

pub(super) fn opened(after: &str) -> Result<u64, Reply> {
    let text: Option<String> = after.strip_suffix("%3D%3D").map(|text| text.chars().rev().collect());
    let id = text.and_then(|text| text.strip_prefix('N')?.strip_suffix('x')?.parse().ok());
    id.ok_or_else(|| refusal(400, "VALIDATION_ERROR", "after is not a cursor"))
}

/// Records by their ids; a merged one answers with the one that took its place.
pub(super) fn read(workspace: &Workspace, object: Object, pairs: &[(String, String)], sent: &Value) -> Reply {
    let Some(inputs) = sent["inputs"].as_array().filter(|inputs| inputs.len() <= LIMIT_MAX) else {
        return refusal(400, "VALIDATION_ERROR", "inputs must be a list of at most 100");
    };
    let archived = pairs.iter().any(|(key, value)| key == "archived" && value == "true");
    let wanted: Vec<String> = sent["properties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let table = Table::of(workspace, object);
    let find = |input: &Value| {
        let line = table.answering(input["id"].as_str()?.parse().ok()?)?;
        (line.archived_ms.is_some() == archived).then(|| table.record(line).shown(&wanted))
    };
    let results: Vec<Value> = inputs.iter().filter_map(find).collect();
    let missing = inputs.len() - results.len();
    let body = json!({ "status": "COMPLETE", "results": results, "numErrors": missing });
    Reply { status: if missing > 0 { 207 } else { 200 }, ..Reply::json(body.to_string()) }
}
