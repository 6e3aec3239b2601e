//! The vendor's resource of a conversation, as row of a list or as detail.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::query::Params;
use super::{insights, transcript};
use crate::dice::Dice;
use crate::world::{Listed, Person, Place, Plan, Readiness, Stamp, Workspace};

const READY_WORDS: &[&str] =
    &["completed", "COMPLETED", "ready", "READY", "finished", "FINISHED", "done", "complete", "pending"];
const LATE_WORDS: &[&str] = &["pending", "PENDING", "processing", "IN_PROGRESS", "", "queued"];
const FAILED_WORDS: &[&str] = &["failed", "FAILED", "error", "DISCARDED", "UNAVAILABLE"];
const MEDIA_WORDS: &[&str] = &["ready", "READY", "IMPORTING", "PENDING"];

/// The row of a conversation in a list.
pub(crate) fn row(workspace: &Workspace, plan: &Plan, params: &Params) -> String {
    let transcript = if params.detailed_transcript {
        transcript::of_detail(plan, true)
    } else if workspace.settings().rows_with_transcript {
        Some(transcript::of_row(plan))
    } else {
        Some("\"\"".to_owned())
    };
    resource(plan, &attributes(workspace, plan, params), transcript.as_deref())
}

/// The detail of a conversation; a third of them come wrapped in `data`.
pub(crate) fn detail(workspace: &Workspace, plan: &Plan, params: &Params) -> String {
    let transcript = transcript::of_detail(plan, params.detailed_transcript);
    let resource = resource(plan, &attributes(workspace, plan, params), transcript.as_deref());
    if plan.wrapped { format!("{{\"data\":{resource}}}") } else { resource }
}

/// The transcript is text already, so it is put in as text.
fn resource(plan: &Plan, attributes: &Map<String, Value>, transcript: Option<&str>) -> String {
    let mut attributes = serde_json::to_string(attributes).expect("a map with text keys is JSON");
    if let Some(transcript) = transcript {
        attributes.truncate(attributes.len() - 1);
        attributes.push_str(",\"transcript\":");
        attributes.push_str(transcript);
        attributes.push('}');
    }
    let id = &plan.id;
    let links = format!("{{\"self\":\"/v2/conversations/{id}\"}}");
    format!("{{\"type\":\"conversations\",\"id\":\"{id}\",\"attributes\":{attributes},\"links\":{links}}}")
}

fn attributes(workspace: &Workspace, plan: &Plan, params: &Params) -> Map<String, Value> {
    let mut map = Map::new();
    push_times(&mut map, plan);
    push_flags(&mut map, plan);
    push_statuses(&mut map, plan);
    push_owner(&mut map, workspace, plan);
    push_people(&mut map, plan, params);
    push_place(&mut map, plan, params);
    if params.crm_records {
        push_links(&mut map, plan);
    }
    if params.intelligence {
        insights::push(&mut map, workspace, plan);
    }
    map
}

fn push_times(map: &mut Map<String, Value>, plan: &Plan) {
    let stamp = |time: Timestamp| json!(written(time, plan.stamp));
    map.insert("uuid".into(), json!(plan.id));
    insert_or_blank(map, "title", plan.title.as_ref().map(|title| json!(title)), plan.style);
    map.insert("createdAt".into(), stamp(plan.created_at));
    let ended_only_live = plan.live() && plan.style % 40 == 1;
    map.insert("finishedAt".into(), if ended_only_live { Value::Null } else { stamp(plan.finished_at) });
    let live = |time: Timestamp| if plan.live() { stamp(time) } else { Value::Null };
    map.insert("liveStreamStartedAt".into(), live(plan.started_at()));
    map.insert("liveStreamEndedAt".into(), live(plan.finished_at));
    let seconds = if plan.empty { 0.0 } else { plan.duration_ms as f64 / 1000.0 };
    map.insert("mediaDuration".into(), json!(seconds));
}

fn push_flags(map: &mut Map<String, Value>, plan: &Plan) {
    let mut dice = Dice::of(&[plan.style, 0xD1]);
    let mut flag = |name: &str, is_set: bool| {
        insert_or_blank(map, name, (is_set || !dice.one_in(6)).then_some(json!(is_set)), plan.style / 5);
    };
    flag("private", plan.private);
    flag("archived", plan.archived);
    // Half of the empty ones only show it by having no length and no transcript.
    flag("isEmpty", plan.empty && plan.style.is_multiple_of(2));
    flag("isInternal", plan.traits.internal_only);
    flag("referenceable", true);
}

fn push_statuses(map: &mut Map<String, Value>, plan: &Plan) {
    let mut dice = Dice::of(&[plan.style, 0xD2]);
    let words = match plan.traits.readiness {
        Readiness::Ready => READY_WORDS,
        Readiness::Late => LATE_WORDS,
        Readiness::Failed => FAILED_WORDS,
    };
    let word = *dice.pick(words);
    let told = plan.traits.readiness == Readiness::Failed || !dice.one_in(12);
    insert_or_blank(map, "transcriptStatus", told.then_some(json!(word)), plan.style);
    map.insert("videoStatus".into(), json!(dice.pick(MEDIA_WORDS)));
    map.insert("mediaStorageStatus".into(), json!(dice.pick(MEDIA_WORDS)));
    map.insert("importStatus".into(), json!(if plan.place == Place::Upload { "FINISHED" } else { "NONE" }));
    map.insert("crmExportStatus".into(), json!("exported"));
    map.insert("labels".into(), json!({ "stage": "discovery", "score": plan.style % 10, "hot": true }));
}

fn push_owner(map: &mut Map<String, Value>, workspace: &Workspace, plan: &Plan) {
    let owner = &workspace.roster.users[plan.traits.owner];
    map.insert("userUUID".into(), json!(owner.uuid));
    map.insert("teamUUID".into(), json!(workspace.roster.team));
    if !plan.style.is_multiple_of(10) {
        let user = json!({
            "uuid": owner.uuid, "email": owner.email, "firstName": owner.given, "lastName": owner.family,
            "deletedAt": null, "settings": {},
        });
        map.insert("user".into(), user);
    }
}

fn push_people(map: &mut Map<String, Value>, plan: &Plan, params: &Params) {
    let list = |left_out: Listed| -> Vec<Value> {
        let people = plan.people.iter().filter(|person| person.listed != left_out);
        let shown = people.filter(|person| params.internal_participants || !is_internal(person));
        shown.map(|person| participant(person, plan, left_out == Listed::Participants)).collect()
    };
    map.insert("participants".into(), json!(list(Listed::Attendees)));
    map.insert("attendees".into(), json!(list(Listed::Participants)));
}

fn is_internal(person: &Person) -> bool {
    person.side == Some(model::Side::Internal)
}

/// Somebody in one of the two lists; the second spells addresses in its own way.
fn participant(person: &Person, plan: &Plan, in_second: bool) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), json!(person.id));
    let again = in_second && person.listed == Listed::Both;
    let email = person.email.as_ref().map(|email| if again { email.to_lowercase() } else { email.clone() });
    insert_or_blank(&mut map, "email", email.map(Value::from), plan.style);
    insert_or_blank(&mut map, "name", person.name.clone().map(Value::from), plan.style / 3);
    map.insert("organizer".into(), json!(person.organizer));
    map.insert("status".into(), json!("accepted"));
    if plan.style.is_multiple_of(4) {
        // The vendor's own idea of sides is wrong now and then; ours must not rest on it.
        let internal = is_internal(person) != plan.style.is_multiple_of(28);
        map.insert("type".into(), json!(if internal { "internal" } else { "external" }));
    }
    Value::Object(map)
}

fn push_place(map: &mut Map<String, Value>, plan: &Plan, params: &Params) {
    let url = plan.join_url().unwrap_or_default();
    let fields = [
        ("zoomMeetingJoinUrl", Place::Zoom),
        ("googleMeetJoinUrl", Place::GoogleMeet),
        ("microsoftTeamsJoinUrl", Place::Teams),
        ("webexJoinUrl", Place::Webex),
    ];
    for (name, place) in fields {
        map.insert(name.into(), json!(if plan.place == place { url.as_str() } else { "" }));
    }
    map.insert("bots".into(), json!([]));
    map.insert("dealUUID".into(), json!(""));
    if params.zoom_metadata && plan.place == Place::Phone {
        let phone = json!({ "calleeName": "", "calleeNumber": "+15550100", "callerName": "Ana" });
        map.insert("zoomMetadata".into(), phone);
    }
    if params.import_metadata && plan.place == Place::Upload {
        let import = json!({ "applicationName": "uploads", "applicationExternalID": format!("upload-{}", plan.index) });
        map.insert("importMetadata".into(), import);
    }
}

fn push_links(map: &mut Map<String, Value>, plan: &Plan) {
    let link = |place: usize| json!({ "id": plan.links[place].id, "code": plan.links[place].code });
    let links: Vec<Value> = (0..plan.links.len()).map(link).collect();
    map.insert("linkedCrmRecords".into(), json!(links));
    map.insert("externalAccounts".into(), json!([]));
    map.insert("externalContacts".into(), Value::Null);
    map.insert("externalOpportunity".into(), Value::Null);
}

/// Absent, null and the empty text all mean nothing.
fn insert_or_blank(map: &mut Map<String, Value>, name: &str, value: Option<Value>, style: u64) {
    match (value, style % 3) {
        (Some(value), _) => drop(map.insert(name.into(), value)),
        (None, 0) => drop(map.insert(name.into(), Value::Null)),
        (None, 1) => drop(map.insert(name.into(), json!(""))),
        (None, _) => {}
    }
}

fn written(time: Timestamp, stamp: Stamp) -> String {
    let text = |time: Timestamp| time.to_string();
    match stamp {
        Stamp::Plain => text(time),
        Stamp::Fractional => format!("{time:.3}"),
        Stamp::Zoneless => text(time).trim_end_matches('Z').to_owned(),
        Stamp::Offset => {
            let local = time.checked_add(SignedDuration::from_hours(2)).unwrap_or(time);
            text(local).replace('Z', "+02:00")
        }
    }
}
