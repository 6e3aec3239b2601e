//! Users and workspaces of a company.

use serde_json::{Value, json};

use super::{cursor, refusal};
use crate::faults::{self, Hits};
use crate::reply::Reply;
use crate::world::{GongCompany, User, Workspace};

/// Users of one page: few, so that there are several pages.
const PAGE: usize = 3;

/// Answers with a page of users; the cursor is the number of those before it.
pub(crate) fn users(workspace: &Workspace, query: Option<&str>, hits: &Hits) -> Result<Reply, Reply> {
    let all = &workspace.roster.users;
    let cursor = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("cursor=")));
    let skipped: usize = match cursor.map(|cursor| cursor.trim_start_matches("users-").parse()) {
        Some(_) if faults::expires_cursors(hits) => return Err(cursor::expired()),
        Some(Ok(skipped)) if skipped < all.len() => skipped,
        Some(_) => return Err(refusal::of(400, "unknown cursor")),
        None => 0,
    };
    let users: Vec<Value> = all.iter().skip(skipped).take(PAGE).map(user).collect();
    let next = skipped + users.len();
    let mut records = json!({
        "totalRecords": all.len(), "currentPageSize": users.len(), "currentPageNumber": skipped / PAGE,
    });
    if next < all.len() {
        records["cursor"] = json!(format!("users-{next}"));
    }
    Ok(Reply::json(json!({ "requestId": "u", "records": records, "users": users }).to_string()))
}

fn user(user: &User) -> Value {
    json!({
        "id": user.gong_id(), "emailAddress": user.email, "created": "2024-06-10T21:50:07.428+02:00", "active": true,
        "emailAliases": [], "trustedEmailAddress": null, "firstName": user.given, "lastName": user.family,
        "title": null, "phoneNumber": null, "extension": null, "personalMeetingUrls": [], "managerId": null,
        "spokenLanguages": [{ "language": "en-US", "primary": true }],
    })
}

/// Answers with the workspaces; there is no paging.
pub(crate) fn workspaces(workspace: &Workspace, company: GongCompany) -> Reply {
    let entry = |id: String| json!({ "id": id, "name": workspace.spec.name, "description": null });
    let all: Vec<Value> = workspace.gong_workspace_ids(company).into_iter().map(entry).collect();
    Reply::json(json!({ "requestId": "w", "workspaces": all }).to_string())
}
