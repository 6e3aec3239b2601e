//! The portal's own people.

use serde_json::{Value, json};

use super::list::{opened, sealed};
use super::refusal;
use crate::reply::Reply;
use crate::world::{User, Workspace};

/// Rows of a page at most.
const LIMIT_MAX: usize = 500;

/// One page: the first user has left and is among the archived, and a queue is among those that are there.
pub(super) fn list(workspace: &Workspace, pairs: &[(String, String)]) -> Reply {
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Ok(limit @ 1..=LIMIT_MAX) = value("limit").map_or(Ok(100), str::parse::<usize>) else {
        return refusal(400, "VALIDATION_ERROR", "limit must be between 1 and 500");
    };
    let after = match value("after").map(opened).transpose() {
        Ok(after) => after.unwrap_or(0),
        Err(refused) => return refused,
    };
    let archived = value("archived") == Some("true");
    let users = &workspace.roster.users;
    let people =
        (1..).zip(users).filter(|(id, _)| (*id == 1) == archived).map(|(id, user)| (id, person(id, user)));
    let queue_id = users.len() as u64 + 1;
    let queue = (queue_id, json!({ "id": queue_id.to_string(), "type": "QUEUE", "archived": false }));
    let all = people.chain((!archived).then_some(queue));
    let mut rows = all.filter(|(id, _)| *id > after);
    // no page is longer than three, so that there are several
    let page: Vec<(u64, Value)> = rows.by_ref().take(limit.min(3)).collect();
    let shown: Vec<&Value> = page.iter().map(|(_, row)| row).collect();
    let mut answer = json!({ "results": shown });
    if let (Some((last, _)), Some(_)) = (page.last(), rows.next()) {
        answer["paging"] = json!({ "next": { "after": sealed(*last), "link": "?after=…" } });
    }
    Reply::json(answer.to_string())
}

fn person(id: u64, user: &User) -> Value {
    json!({
        "id": id.to_string(), "email": user.email, "type": "PERSON", "firstName": user.given, "lastName": user.family,
        "userId": if id == 1 { Value::Null } else { json!(id) }, "userIdIncludingInactive": id, "archived": id == 1,
        "createdAt": "2024-06-10T21:50:07.428Z", "updatedAt": "2024-06-10T21:50:07.428Z",
    })
}
