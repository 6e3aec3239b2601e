//! Users and workspaces of a company.

use serde_json::{Value, json};

use crate::reply::Reply;
use crate::world::{User, Workspace};

/// Answers with all users, in one page.
pub(crate) fn users(workspace: &Workspace) -> Reply {
    let users: Vec<Value> = workspace.roster.users.iter().map(user).collect();
    let count = users.len();
    let records = json!({ "totalRecords": count, "currentPageSize": count, "currentPageNumber": 0 });
    Reply::json(json!({ "requestId": "u", "records": records, "users": users }).to_string())
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
pub(crate) fn workspaces(workspace: &Workspace) -> Reply {
    let first =
        json!({ "id": workspace.gong_workspace_id(), "name": workspace.spec.name, "description": null });
    Reply::json(json!({ "requestId": "w", "workspaces": [first] }).to_string())
}
