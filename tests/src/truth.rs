//! What a reader ought to find, compared with what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulator::{Expected, Truth, World};

/// Compares every exported conversation of Attention's with the vendor's world, one by one, and nothing more is there.
pub fn compare_with_truth(world: &World, workspace: &str, exported: &[Value]) {
    compare_all_but(&[], world, workspace, exported);
}

/// The same for all conversations but these, of which anything may be exported.
pub fn compare_all_but(spared: &[String], world: &World, workspace: &str, exported: &[Value]) {
    compare_all(spared, world.truth(workspace).expect("a truth"), of_vendor("attention", exported));
}

/// Compares every call of Gong's that is exported with Gong's side of the world, one by one, and nothing more is there.
pub fn compare_with_gong(world: &World, workspace: &str, exported: &[Value]) {
    compare_all(&[], world.gong_truth(workspace).expect("a truth"), of_vendor("gong", exported));
}

/// Compares the meetings that the exported conversations make with those of the world, one by one: the same copies in each.
pub fn compare_meetings(world: &World, workspace: &str, exported: &[Value]) {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in exported {
        let (meeting, id) = (one["meeting_id"].as_str(), one["external_id"].as_str());
        found.entry(meeting.expect("an id")).or_default().insert(id.expect("an id").to_owned());
    }
    let found: BTreeSet<BTreeSet<String>> = found.into_values().collect();
    let expected: BTreeSet<BTreeSet<String>> =
        world.meetings(workspace).expect("meetings").into_iter().collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let unexpected: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "{missing:?} are missing, {unexpected:?} are there");
}

/// What one vendor has, by its ids: no conversation twice.
fn of_vendor<'a>(vendor: &str, exported: &'a [Value]) -> BTreeMap<&'a str, &'a Value> {
    let of_it: Vec<&Value> = exported.iter().filter(|one| one["vendor"] == vendor).collect();
    let found: BTreeMap<&str, &Value> =
        of_it.iter().map(|one| (one["external_id"].as_str().expect("an id"), *one)).collect();
    assert_eq!(found.len(), of_it.len(), "no conversation twice");
    found
}

fn compare_all(spared: &[String], truth: Truth, mut found: BTreeMap<&str, &Value>) {
    for expected in truth {
        let one = found.remove(expected.id.as_str());
        if spared.contains(&expected.id) {
            continue;
        }
        if let Some(reason) = expected.skip {
            assert!(one.is_none(), "{} is to be skipped as {reason}: {one:?}", expected.id);
            continue;
        }
        let one = one.unwrap_or_else(|| panic!("{} is missing", expected.id));
        compare(&expected, one);
    }
    assert!(found.is_empty(), "not expected: {:?}", found.keys());
}

fn compare(expected: &Expected, one: &Value) {
    let id = &expected.id;
    assert_eq!(one["account"]["external_id"].as_str(), expected.account.as_deref(), "account of {id}: {one}");
    assert_eq!(one["title"].as_str(), expected.title.as_deref().map(str::trim), "title of {id}");
    let status = serde_json::to_value(expected.transcript).expect("a status");
    assert_eq!(one["transcript"]["status"], status, "transcript of {id}");
    let segments = one["transcript"]["segments"].as_array().expect("segments").len();
    assert_eq!(segments, expected.segments, "segments of {id}");
    let started: jiff::Timestamp = one["started_at"].as_str().expect("a start").parse().expect("a time");
    let off_ms = started.duration_since(expected.started_at).as_millis().abs();
    assert!(off_ms <= 1000, "start of {id}: {started} and not {}", expected.started_at);
    assert_eq!(one["url"], expected.url.as_str(), "url of {id}");
    assert_eq!(one["internal"], expected.internal, "internal, {id}: {one}");
    let duration_s = one["duration_s"].as_f64().expect("a length");
    assert!((duration_s - expected.duration_s).abs() < 0.001, "length of {id}: {duration_s}");
    compare_found(expected, one);
    compare_people(expected, one);
}

fn compare_found(expected: &Expected, one: &Value) {
    let id = &expected.id;
    let said = one["transcript"]["segments"].as_array().expect("segments").iter();
    let said = said.map(|segment| segment["text"].as_str().expect("a text")).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = said.split_whitespace().map(|word| word.trim_end_matches('.')).collect();
    assert_eq!(words, expected.words, "words of {id}");
    assert_eq!(one["summary"].as_str(), expected.summary.as_deref(), "summary of {id}");
    let Some(insights) = &expected.insights else { return };
    let found = one["insights"].as_array().expect("insights").iter();
    let found: BTreeMap<String, Value> =
        found.map(|item| (item["key"].as_str().expect("a key").to_owned(), item["value"].clone())).collect();
    assert_eq!(&found, insights, "insights of {id}");
}

/// Everybody, and nobody else.
fn compare_people(expected: &Expected, one: &Value) {
    let id = &expected.id;
    let people = one["participants"].as_array().expect("participants");
    assert_eq!(people.len(), expected.attendees.len(), "{:?} of {id}: {one}", expected.attendees);
    for person in &expected.attendees {
        let same = |found: &&Value| match &person.email {
            Some(email) => found["email"] == email.as_str(),
            None => found["name"].as_str() == person.name.as_deref().map(str::trim),
        };
        let found =
            people.iter().find(same).unwrap_or_else(|| panic!("{person:?} of {id} is missing: {one}"));
        let Some(side) = person.side else { continue };
        assert_eq!(found["side"], serde_json::to_value(side).expect("a side"), "{person:?} of {id}");
        assert_eq!(found["user"].as_str(), person.user.as_deref(), "{person:?} of {id}");
    }
}

/// Asserts that two histories of the same world ended alike: all but whose it is and when we saw it is equal.
pub fn compare_histories(left: Vec<Value>, right: Vec<Value>) {
    let (left, right) = (without_history(left), without_history(right));
    assert_eq!(left.len(), right.len(), "as many conversations");
    for (one, other) in left.iter().zip(&right) {
        assert_eq!(one, other);
    }
}

/// Ids of meetings are of our making: a meeting is named by the first conversation it has.
fn without_history(mut exported: Vec<Value>) -> Vec<Value> {
    let mut meetings = BTreeMap::new();
    for one in &mut exported {
        let fields = one.as_object_mut().expect("an object");
        for name in ["tenant", "first_seen_at", "updated_at"] {
            fields.remove(name).unwrap_or_else(|| panic!("no {name}"));
        }
        let first = fields["external_id"].clone();
        let meeting = fields["meeting_id"].as_str().expect("an id").to_owned();
        let name = meetings.entry(meeting).or_insert(first).clone();
        fields.insert("meeting_id".to_owned(), name);
    }
    exported
}
