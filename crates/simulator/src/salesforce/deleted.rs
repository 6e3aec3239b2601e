//! What was deleted in a time, wherever it is by now.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::soql::instant;
use super::{Object, record, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// How long deletions are remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(15 * 24);

/// Ids with the moment of their deletion; merged ones are among them, and nothing says so.
pub(super) fn read(workspace: &Workspace, object: Object, start: &str, end: &str, now: Timestamp) -> Reply {
    let invalid = |words: &str| refusal(400, "INVALID_REPLICATION_DATE", words);
    let (Some(start), Some(end)) = (instant(start), instant(end)) else {
        return invalid("start and end are moments");
    };
    // seconds are ignored
    let minute = |at: Timestamp| at.as_millisecond().div_euclid(60_000) * 60_000;
    let (start_ms, end_ms) = (minute(start), minute(end));
    if start_ms >= end_ms {
        return invalid("endDate must be after startDate");
    }
    if start_ms < now.as_millisecond() - i64::try_from(REMEMBERED.as_millis()).unwrap_or(0) {
        return invalid("startDate cannot be more than 15 days ago");
    }
    let shown = |row: &record::Record| {
        let deleted_ms = row.deleted_ms.filter(|at| (start_ms..end_ms).contains(at))?;
        let at = Timestamp::from_millisecond(deleted_ms).unwrap_or(start);
        let at = at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        Some(json!({ "id": row.id, "deletedDate": at }))
    };
    let rows: Vec<Value> = record::all(workspace, object).iter().filter_map(shown).collect();
    let covered = Timestamp::from_millisecond(end_ms).unwrap_or(end);
    let body = json!({
        "deletedRecords": rows, "earliestDateAvailable": "2020-01-01T00:00:00.000+0000",
        "latestDateCovered": covered.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string(),
    });
    Reply::json(body.to_string())
}
