//! What the two lists of calls are asked, as strict as the documentation.

use jiff::Timestamp;
use serde_json::Value;

use super::refusal;
use crate::dice::of_text;
use crate::reply::Reply;

/// Ids in one request, at most.
const IDS_MAX: usize = 100;

/// A request's body, read.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) from_ms: i64,
    /// Exclusive.
    pub(crate) to_ms: i64,
    pub(crate) ids: Option<Vec<String>>,
    pub(crate) selector: Value,
    pub(crate) cursor: Option<String>,
    /// Of everything but the cursor.
    pub(crate) fingerprint: u64,
}

impl Query {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Reply> {
        let malformed =
            || refusal::of(400, "Json parse error, verify Json format matches the API description.");
        let mut json: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
        let fields = json.as_object_mut().ok_or_else(malformed)?;
        let cursor = match fields.remove("cursor") {
            None | Some(Value::Null) => None,
            Some(Value::String(cursor)) => Some(cursor),
            Some(_) => return Err(malformed()),
        };
        let filter = fields.get("filter").filter(|filter| filter.is_object()).cloned();
        let filter = filter.ok_or_else(|| refusal::of(400, "filter: must not be null"))?;
        let (from_ms, to_ms) = (time(&filter, "fromDateTime")?, time(&filter, "toDateTime")?);
        if let (Some(from), Some(to)) = (from_ms, to_ms)
            && from >= to
        {
            return Err(refusal::of(400, "filter.fromDateTime: must be before toDateTime"));
        }
        Ok(Self {
            from_ms: from_ms.unwrap_or(i64::MIN),
            to_ms: to_ms.unwrap_or(i64::MAX),
            ids: ids(&filter)?,
            selector: fields.get("contentSelector").cloned().unwrap_or_default(),
            cursor,
            fingerprint: of_text(&json.to_string()),
        })
    }

    /// Whether a part is to be told.
    pub(crate) fn exposes(&self, pointer: &str) -> bool {
        self.selector.pointer("/exposedFields").and_then(|fields| fields.pointer(pointer))
            == Some(&true.into())
    }

    pub(crate) fn context(&self) -> &str {
        self.selector["context"].as_str().unwrap_or("None")
    }
}

fn time(filter: &Value, name: &str) -> Result<Option<i64>, Reply> {
    let text = match &filter[name] {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(refusal::of(400, &format!("filter.{name}: must be a date"))),
    };
    let time = text.parse::<Timestamp>();
    let time =
        time.map_err(|_| refusal::of(400, &format!("filter.{name}: must be an ISO 8601 date with offset")))?;
    Ok(Some(time.as_millisecond()))
}

fn ids(filter: &Value) -> Result<Option<Vec<String>>, Reply> {
    let list = match &filter["callIds"] {
        Value::Null => return Ok(None),
        Value::Array(list) => list,
        _ => return Err(refusal::of(400, "filter.callIds: must be a list")),
    };
    let ids: Option<Vec<String>> = list.iter().map(|id| id.as_str().map(str::to_owned)).collect();
    match ids {
        Some(ids) if (1..=IDS_MAX).contains(&ids.len()) => Ok(Some(ids)),
        _ => Err(refusal::of(400, "filter.callIds: must be 1 to 100 texts")),
    }
}
