//! A call of the extensive list.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::query::Query;
use super::{analysis, party};
use crate::world::{CrmKind, Place, Plan, Readiness, Stamp, Workspace};

/// The call, with what was asked for of it.
pub(crate) fn call(workspace: &Workspace, plan: &Plan, query: &Query) -> Value {
    let mut map = Map::new();
    map.insert("metaData".into(), meta(workspace, plan));
    let with_context = query.context() != "None";
    if with_context {
        map.insert("context".into(), context(workspace, plan, query.context() == "Extended"));
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
    let id = workspace.gong_id_of(plan);
    let started = plan.gong_started_at();
    let (meeting_url, event_id) = plan.gong_place();
    let owner = &workspace.roster.users[plan.traits.owner];
    let mut meta = json!({
        "id": id, "url": format!("https://app.gong.io/call?id={id}"), "title": plan.title,
        "started": written(started, plan.stamp), "duration": plan.gong_duration_s(), "primaryUserId": owner.gong_id(),
        "direction": direction(plan), "system": system(plan.place), "scope": scope(plan),
        "media": if plan.place == Place::Phone { "Audio" } else { "Video" }, "language": language(plan),
        "workspaceId": workspace.gong_workspace_id(plan.gong.company()), "purpose": null, "meetingUrl": meeting_url,
    });
    let fields = meta.as_object_mut().expect("an object was made");
    if let Some(event_id) = event_id {
        let scheduled = started.as_second().div_euclid(300) * 300;
        let scheduled = Timestamp::from_second(scheduled).unwrap_or(started);
        fields.insert("scheduled".into(), json!(scheduled.to_string()));
        fields.insert("calendarEventId".into(), json!(event_id));
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

fn context(workspace: &Workspace, plan: &Plan, with_fields: bool) -> Value {
    if plan.links.is_empty() {
        return if plan.style.is_multiple_of(3) { Value::Null } else { json!([]) };
    }
    let objects: Vec<Value> =
        plan.links.iter().map(|link| object(link.code, &link.id, with_fields)).collect();
    let system = if workspace.roster.crm == CrmKind::HubSpot { "HubSpot" } else { "Salesforce" };
    json!([{ "system": system, "objects": objects }])
}

fn object(code: &str, id: &str, with_fields: bool) -> Value {
    // HubSpot's companies and deals have Salesforce's names here
    let kind = if matches!(code, "Opportunity" | "deals") { "Opportunity" } else { "Account" };
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
