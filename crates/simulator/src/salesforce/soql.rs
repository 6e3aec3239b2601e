//! Queries, as far as they are simulated: fields of one object, by when they were touched or by ids.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::record::{self, Record};
use super::{Object, VERSION, hides, id, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// The rows of a query, as they are shown.
pub(super) fn rows(workspace: &Workspace, query: &str, all: bool) -> Result<Vec<Value>, Reply> {
    let (select, rest) = query
        .strip_prefix("SELECT ")
        .and_then(|rest| rest.split_once(" FROM "))
        .ok_or_else(|| malformed("unexpected token"))?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let object = Object::of(name).filter(|object| !hides(workspace, *object, None));
    let object = object
        .ok_or_else(|| refusal(400, "INVALID_TYPE", &format!("sObject type '{name}' is not supported.")))?;
    let fields: Vec<&str> = select.split(',').map(str::trim).collect();
    let known = record::fields(workspace, object);
    let is_there = |field: &str| known.contains(&field) && !hides(workspace, object, Some(field));
    let no_such_column = |field: &str| {
        let words = format!(
            "SELECT {select} FROM {name} ^ ERROR at Row:1:Column:8 No such column '{field}' on entity '{name}'."
        );
        refusal(400, "INVALID_FIELD", &words)
    };
    if let Some(field) = fields.iter().find(|field| !is_there(field)) {
        return Err(no_such_column(field));
    }
    let (condition, order) = match rest.split_once("ORDER BY ") {
        Some((condition, order)) => (condition, Some(order)),
        None => (rest, None),
    };
    let mut rows = record::all(workspace, object);
    rows.retain(|row| !row.purged && (all || row.deleted_ms.is_none()));
    if let Some(condition) = condition.trim().strip_prefix("WHERE ") {
        for part in condition.split(" AND ") {
            let field = part.split_whitespace().next().unwrap_or_default();
            if !is_there(field) {
                return Err(no_such_column(field));
            }
            let holds = condition_of(part.trim())?;
            rows.retain(|row| holds(row));
        }
    } else if !condition.trim().is_empty() {
        return Err(malformed("unexpected token"));
    }
    match order.map(str::trim) {
        Some("SystemModstamp, Id") => {
            rows.sort_by(|left, right| (left.touched_ms, &left.id).cmp(&(right.touched_ms, &right.id)));
        }
        Some(_) => return Err(not_simulated("this order")),
        // no order is nobody's promise
        None => rows.reverse(),
    }
    Ok(rows.iter().map(|row| shown(object, row, &fields)).collect())
}

/// Whether the query looks through more time than is answered.
pub(super) fn runs_too_long(workspace: &Workspace, query: &str) -> bool {
    let Some(days_max) = workspace.settings().crm_query_days_max else { return false };
    match query.split(' ').filter_map(instant).collect::<Vec<_>>().as_slice() {
        [from, to] => to.duration_since(*from) > SignedDuration::from_hours(24 * i64::from(days_max)),
        _ => !query.contains(" WHERE ") && !query.ends_with(" FROM Organization"),
    }
}

fn shown(object: Object, row: &Record, fields: &[&str]) -> Value {
    let url = format!("/services/data/{VERSION}/sobjects/{}/{}", object.name(), row.id);
    let mut shown = json!({ "attributes": { "type": object.name(), "url": url } });
    for field in fields {
        shown[*field] = row.field(field);
    }
    shown
}

type Condition = Box<dyn Fn(&Record) -> bool>;

fn condition_of(part: &str) -> Result<Condition, Reply> {
    if let Some((field @ ("Id" | "ContactId"), ids)) =
        part.strip_suffix(')').and_then(|part| part.split_once(" IN ("))
    {
        let field = field.to_owned();
        let ids: Vec<String> = ids
            .split(',')
            .map(|quoted| quoted.trim().strip_prefix('\'')?.strip_suffix('\'').map(id::short))
            .collect::<Option<_>>()
            .ok_or_else(|| malformed("an id is a text"))?;
        // both forms are taken
        return Ok(Box::new(move |row| {
            row.field(&field).as_str().is_some_and(|id| ids.contains(&id::short(id)))
        }));
    }
    let words: Vec<&str> = part.splitn(3, ' ').collect();
    match words.as_slice() {
        ["SystemModstamp", operator, moment] => {
            let at = instant(moment).ok_or_else(|| malformed("a moment is written without quotes"))?;
            let at = at.as_millisecond();
            match *operator {
                ">=" => Ok(Box::new(move |row| row.touched_ms >= at)),
                ">" => Ok(Box::new(move |row| row.touched_ms > at)),
                "<=" => Ok(Box::new(move |row| row.touched_ms <= at)),
                "<" => Ok(Box::new(move |row| row.touched_ms < at)),
                _ => Err(malformed("unexpected token")),
            }
        }
        [field @ ("IsDirect" | "IsActive"), "=", value @ ("true" | "false")] => {
            let (field, value) = ((*field).to_owned(), *value == "true");
            Ok(Box::new(move |row| row.field(&field) == value))
        }
        ["UserType", "=", kind] => {
            let kind = kind.trim_matches('\'').to_owned();
            Ok(Box::new(move |row| row.field("UserType") == kind.as_str()))
        }
        _ => Err(not_simulated("this condition")),
    }
}

/// A moment in UTC; any offset but `Z` would have to be encoded.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.ends_with('Z').then(|| text.parse().ok()).flatten()
}

pub(super) fn malformed(words: &str) -> Reply {
    refusal(400, "MALFORMED_QUERY", words)
}

fn not_simulated(what: &str) -> Reply {
    refusal(501, "NOT_SIMULATED", &format!("{what} is documented, but not simulated"))
}
