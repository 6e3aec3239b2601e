//! A call of the extensive list.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::query::Query;
use super::{analysis, party};
use crate::world::{Place, Plan, Readiness, Stamp, Workspace};

/// The call, with what was asked for of it.
pub(crate) fn call(workspace: &Workspace, plan: &Plan, query: &Query) -> Value {
    let mut map = Map::new();
    map.insert("metaData".into(), meta(workspace, plan));
    let with_context = query.context() != "None";
    if with_context {
        map.insert("context".into(), context(plan, query.context() == "Extended"));
    }
    if query.exposes("/parties") {
        map.insert("parties".into(), party::written(workspace, plan, with_context));
    }
    map.insert("content".into(), analysis::content(plan, query));
    map.insert("interaction".into(), analysis::interaction(workspace, plan, query));
    if query.exposes("/collaboration/publicComments") {
        map.insert("collaboration".into(), json!({ "publicComments": [] }));
    }
    Value::Object(map)
}

fn meta(workspace: &Workspace, plan: &Plan) -> Value {
    let id = workspace.gong_id(plan.index);
    let started = plan.started_at();
    let is_web = !matches!(plan.place, Place::Phone | Place::Upload);
    let owner = &workspace.roster.users[plan.traits.owner];
    let mut meta = json!({
        "id": id, "url": format!("https://app.gong.io/call?id={id}"), "title": plan.title,
        "started": written(started, plan.stamp), "duration": plan.gong_duration_s(), "primaryUserId": owner.gong_id(),
        "direction": direction(plan), "system": system(plan.place), "scope": scope(plan),
        "media": if plan.place == Place::Phone { "Audio" } else { "Video" }, "language": language(plan),
        "workspaceId": workspace.gong_workspace_id(), "purpose": null, "meetingUrl": plan.join_url(),
    });
    let fields = meta.as_object_mut().expect("an object was made");
    if is_web {
        let scheduled = started.as_second().div_euclid(300) * 300;
        let scheduled = Timestamp::from_second(scheduled).unwrap_or(started);
        fields.insert("scheduled".into(), json!(scheduled.to_string()));
        fields.insert("calendarEventId".into(), json!(format!("{:x}@google.com", plan.style)));
    }
    if plan.place == Place::Upload {
        fields.insert("clientUniqueId".into(), json!(format!("upload-{}", plan.index)));
    }
    // missing is as good as false
    if plan.private || !plan.style.is_multiple_of(4) {
        fields.insert("isPrivate".into(), json!(plan.private));
    }
    meta
}

fn direction(plan: &Plan) -> &'static str {
    match plan.place {
        Place::Phone if plan.style.is_multiple_of(2) => "Inbound",
        Place::Phone => "Outbound",
        Place::Upload => "Unknown",
        _ => "Conference",
    }
}

fn system(place: Place) -> Option<&'static str> {
    match place {
        Place::Zoom => Some("Zoom"),
        Place::GoogleMeet => Some("Google Meet"),
        Place::Teams => Some("Microsoft Teams"),
        Place::Webex => Some("WebEx"),
        Place::Phone => Some("RingCentral"),
        Place::Upload => None,
    }
}

fn scope(plan: &Plan) -> &'static str {
    match plan.style % 7 {
        0 => "Unknown",
        _ if plan.traits.internal_only => "Internal",
        _ => "External",
    }
}

/// Where no transcript will come, the language says so.
fn language(plan: &Plan) -> &'static str {
    match plan.traits.readiness {
        _ if plan.empty => "zxx",
        Readiness::Failed => "und",
        _ => "eng",
    }
}

fn context(plan: &Plan, with_fields: bool) -> Value {
    if plan.links.is_empty() {
        return if plan.style.is_multiple_of(3) { Value::Null } else { json!([]) };
    }
    let objects: Vec<Value> =
        plan.links.iter().map(|link| object(link.code, &link.id, with_fields)).collect();
    json!([{ "system": "Salesforce", "objects": objects }])
}

fn object(code: &str, id: &str, with_fields: bool) -> Value {
    let kind = if code == "Opportunity" { code } else { "Account" };
    let mut object = json!({ "objectType": kind, "objectId": id });
    if with_fields {
        object["timing"] = json!("Now");
        object["fields"] =
            json!([{ "name": "Name", "value": "As it is now" }, { "name": "Amount", "value": 120_000.5 }]);
    }
    object
}

/// With any offset, and up to six digits of a second.
fn written(time: Timestamp, stamp: Stamp) -> String {
    let at = |hours: i8| Offset::constant(hours).to_datetime(time);
    match stamp {
        Stamp::Plain => time.to_string(),
        Stamp::Fractional => format!("{time:.3}"),
        Stamp::Offset => format!("{:.3}-08:00", at(-8)),
        Stamp::Zoneless => {
            let time = time.checked_add(SignedDuration::from_micros(41)).unwrap_or(time);
            format!("{:.6}+02:00", Offset::constant(2).to_datetime(time))
        }
    }
}
