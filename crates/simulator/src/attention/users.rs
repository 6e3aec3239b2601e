//! The users of a workspace.

use serde_json::{Value, json};

use super::query::Params;
use crate::reply::Reply;
use crate::world::{User, Workspace};

/// Answers with the users; in every other workspace they are wrapped in `attributes`.
pub(crate) fn users(workspace: &Workspace, params: &Params) -> Reply {
    let wanted = |user: &&User| {
        (params.user_ids.is_empty() || params.user_ids.contains(&user.uuid))
            && (params.user_emails.is_empty() || params.user_emails.contains(&user.email.to_lowercase()))
    };
    let users: Vec<Value> =
        workspace.roster.users.iter().filter(wanted).map(|user| entry(workspace, user)).collect();
    Reply::json(json!({ "data": users }).to_string())
}

fn entry(workspace: &Workspace, user: &User) -> Value {
    let roster = &workspace.roster;
    let settings = workspace.settings().clone();
    let organizations = std::iter::once(&roster.organization).chain(&settings.foreign_teams);
    let teams: Vec<Value> = organizations
        .map(|organization| {
            json!({
                "uuid": roster.team, "name": "Sales", "domain": roster.own_domains[0],
                "organizationUUID": organization, "children": [],
            })
        })
        .collect();
    let fields = json!({
        "uuid": user.uuid, "email": user.email, "firstName": user.given, "lastName": user.family,
        "botName": "Notetaker", "primaryTeamUUID": roster.team, "transcriptLang": "en", "settings": {},
        "roles": [{ "name": "Sales rep", "type": "SALES_REP", "uuid": roster.team }], "teams": teams,
    });
    if workspace.salt.is_multiple_of(2) {
        return json!({ "type": "users", "id": user.uuid, "attributes": fields });
    }
    fields
}
