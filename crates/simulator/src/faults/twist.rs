//! Good answers made bad.

use serde_json::{Value, json};

use super::{Fault, Hit, Hits};
use crate::Endpoint;
use crate::dice::Dice;
use crate::reply::Reply;

const ODD: &str = "\u{0}\u{feff}\u{200b}\u{202e}e\u{301}\u{0}🫠\u{fffd}\u{1}";
const TEXTS: &[&str] =
    &["title", "name", "sentence", "text", "value", "firstName", "transcript", "brief", "topic"];

/// Applies the faults that change an answer.
pub(crate) fn twist(hits: &Hits, endpoint: Endpoint, reply: Reply) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    hits.iter().fold(reply, |reply, hit| twist_once(hit, endpoint, reply))
}

fn twist_once(hit: &Hit, endpoint: Endpoint, mut reply: Reply) -> Reply {
    match &hit.fault {
        Fault::Truncated => reply.truncated = true,
        Fault::Html => {
            reply.content_type = "text/html; charset=utf-8";
            reply.body = b"<!doctype html><html><body><h1>We'll be right back</h1></body></html>".to_vec();
        }
        Fault::OtherShape => reply.body = br#"{"status":"ok","result":{"items":[]},"count":0}"#.to_vec(),
        Fault::DuplicateRows => change(&mut reply, |body| repeat_first_row(body, endpoint)),
        Fault::WrongTypes | Fault::OddCharacters | Fault::Garbage { .. } | Fault::Oversized { .. } => {
            change(&mut reply, |body| twist_records(hit, endpoint, body));
        }
        _ => {}
    }
    reply
}

fn change(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    change(&mut body);
    reply.body = body.to_string().into_bytes();
}

fn repeat_first_row(body: &mut Value, endpoint: Endpoint) {
    if let Some(rows) = body[endpoint.rows_field()].as_array_mut() {
        rows.extend(rows.first().cloned());
    }
}

fn twist_records(hit: &Hit, endpoint: Endpoint, body: &mut Value) {
    if !endpoint.is_list() {
        let record = if body["data"].is_object() { &mut body["data"] } else { body };
        return twist_record(hit, endpoint, record);
    }
    let Some(rows) = body[endpoint.rows_field()].as_array_mut() else { return };
    match (&hit.conversation, &hit.fault) {
        (Some(id), _) => {
            let named = rows.iter_mut().filter(|row| row.pointer(endpoint.id_pointer()) == Some(&json!(id)));
            named.for_each(|row| twist_record(hit, endpoint, row));
        }
        (None, Fault::WrongTypes) => {
            if let Some(row) = rows.first_mut() {
                let poison = json!({ "id": ["poison"] });
                *row = json!({ "type": 7, "id": ["poison"], "attributes": "poison", "metaData": poison, "callId": poison });
            }
        }
        // Fifty of these in one page would only try the simulator's memory.
        (None, Fault::Oversized { .. }) => {}
        (None, _) => rows.iter_mut().for_each(|row| twist_record(hit, endpoint, row)),
    }
}

fn twist_record(hit: &Hit, endpoint: Endpoint, record: &mut Value) {
    match hit.fault {
        _ if endpoint.is_of_gong() => twist_call(hit, endpoint, record),
        Fault::WrongTypes => record["attributes"] = json!([1, "two", { "three": 3 }]),
        Fault::OddCharacters => make_odd(record, false),
        Fault::Garbage { seed } => {
            let id = record["id"].as_str().map(crate::dice::of_text).unwrap_or_default();
            garble(&mut record["attributes"], &mut Dice::of(&[seed, id]), 0);
        }
        Fault::Oversized { bytes } => record["attributes"]["transcript"] = oversized(bytes),
        _ => {}
    }
}

/// A call keeps its id: without it, it could not be told from the others.
fn twist_call(hit: &Hit, endpoint: Endpoint, call: &mut Value) {
    let id = call.pointer(endpoint.id_pointer()).cloned().unwrap_or_default();
    match hit.fault {
        Fault::WrongTypes => {
            for part in ["parties", "context", "content", "interaction", "collaboration", "transcript"] {
                if call.get(part).is_some() {
                    call[part] = json!([1, "two", { "three": 3 }]);
                }
            }
        }
        Fault::OddCharacters => make_odd(call, false),
        Fault::Garbage { seed } => {
            let salt = id.as_str().map(crate::dice::of_text).unwrap_or_default();
            garble(call, &mut Dice::of(&[seed, salt]), 0);
            match call.get_mut("metaData") {
                Some(Value::Object(meta)) => drop(meta.insert("id".to_owned(), id)),
                Some(meta) => *meta = json!({ "id": id }),
                None => call["callId"] = id,
            }
        }
        _ => {}
    }
}

fn make_odd(value: &mut Value, is_text: bool) {
    match value {
        Value::String(text) if is_text => *text = format!("{ODD}{text}{ODD}"),
        Value::Array(items) => items.iter_mut().for_each(|item| make_odd(item, is_text)),
        Value::Object(fields) => {
            for (name, field) in fields {
                make_odd(field, TEXTS.contains(&name.as_str()));
            }
        }
        _ => {}
    }
}

/// Replaces each field, or goes into it and spoils what is inside.
fn garble(value: &mut Value, dice: &mut Dice, depth: usize) {
    if depth > 0 && !(dice.one_in(3) && (value.is_array() || value.is_object())) {
        *value = garbage(dice);
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().take(20).for_each(|item| garble(item, dice, depth + 1)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| garble(field, dice, depth + 1)),
        _ => {}
    }
}

fn garbage(dice: &mut Dice) -> Value {
    match dice.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1.7e308),
        5 => json!(-0.000_000_1),
        6 => json!(""),
        7 => json!(ODD),
        8 => json!("x".repeat(3000)),
        9 => json!("9999-99-99T99:99:99Z"),
        10 => json!([[[[[]]]], null, 1, "a", {}]),
        11 => json!({ "": { "final": 7, "v2": [], "words": "no" }, "id": {}, "email": [] }),
        12 => json!("+262142-12-31T23:59:59Z"),
        _ => json!([null, { "speaker": [], "words": [null, { "text": 5, "startTimestamp": "late" }] }]),
    }
}

/// Few long segments, so that making it costs little more than sending it.
fn oversized(bytes: usize) -> Value {
    let sentence = "many words were said about the rollout ".repeat(2_500);
    let count = bytes.div_ceil(sentence.len());
    let segment = |place: usize| json!({ "speaker": format!("Speaker {}", place % 2 + 1), "sentence": sentence, "startTimestamp": place });
    json!({ "final": (0..count).map(segment).collect::<Vec<_>>() })
}
