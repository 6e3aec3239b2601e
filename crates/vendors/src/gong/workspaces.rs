//! The company's workspaces.

use serde::Deserialize;
use serde_json::Value;

use crate::VendorError;
use crate::shape::{read_json, unexpected};

const WHAT: &str = "the list of workspaces";

/// A workspace of the company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyWorkspace {
    /// Gong's id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    workspaces: Option<Vec<Value>>,
}

/// The workspaces, the oldest first: ids grow. What has no id is none.
pub(super) fn read(body: &str) -> Result<Vec<CompanyWorkspace>, VendorError> {
    let envelope: Envelope = read_json(WHAT, body)?;
    let entries = envelope.workspaces.ok_or_else(|| unexpected(WHAT, "has no `workspaces`", body))?;
    let mut workspaces: Vec<CompanyWorkspace> = entries.iter().filter_map(workspace).collect();
    workspaces.sort_by(|one, other| (one.id.len(), &one.id).cmp(&(other.id.len(), &other.id)));
    Ok(workspaces)
}

fn workspace(entry: &Value) -> Option<CompanyWorkspace> {
    let id = match &entry["id"] {
        Value::Number(number) => number.to_string(),
        Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => return None,
    };
    Some(CompanyWorkspace { id, name: entry["name"].as_str().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_workspace_comes_first_whatever_the_order_of_the_answer() {
        let body =
            r#"{"workspaces":[{"id":"1000"},{"id":99,"name":"Main"},{"id":""},{"name":"x"},{"id":"623"}]}"#;
        let ids: Vec<String> = read(body).expect("workspaces").into_iter().map(|one| one.id).collect();
        assert_eq!(ids, ["99", "623", "1000"]);
        for other in ["{}", "[]", "", r#"{"workspaces":{}}"#] {
            assert!(read(other).is_err(), "{other:?}");
        }
    }
}
