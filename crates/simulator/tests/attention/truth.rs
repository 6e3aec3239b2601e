//! A reader of its own, smaller than the real one, checks that documents say what the truth says.

use std::collections::BTreeSet;

use model::{Side, TranscriptStatus};
use serde_json::Value;
use simulator::{DocumentSize, Expected, Shares, WorkspaceSpec};

use crate::client::get;
use crate::{acme, start, with_acme};

fn segments_in(transcript: &Value) -> usize {
    match transcript {
        Value::Array(items) => items.len(),
        Value::String(text) => text.lines().count(),
        Value::Object(fields) => match fields.iter().next() {
            Some((key, below)) if key == "v1" || key == "v2" => segments_in(below),
            _ if fields.contains_key("final") => segments_in(&fields["final"]),
            _ if fields.contains_key("segments") => segments_in(&fields["segments"]),
            _ => usize::from(fields.contains_key("text")),
        },
        _ => 0,
    }
}

fn people_in(attributes: &Value) -> BTreeSet<String> {
    let lists = [&attributes["participants"], &attributes["attendees"]];
    let people = lists.into_iter().flat_map(|list| list.as_array().unwrap());
    people
        .map(|person| {
            person["email"]
                .as_str()
                .filter(|email| !email.is_empty())
                .map_or_else(|| person["id"].to_string(), str::to_lowercase)
        })
        .collect()
}

fn check(expected: &Expected, attributes: &Value) {
    let title = attributes["title"].as_str().filter(|title| !title.is_empty());
    assert_eq!(title, expected.title.as_deref());
    assert_eq!(people_in(attributes).len(), expected.attendees.len(), "{attributes}");
    let segments = segments_in(&attributes["transcript"]);
    assert_eq!(segments, expected.segments, "{:?}", attributes["transcript"]);
    assert_eq!(expected.transcript == TranscriptStatus::Ready, segments > 0);
    if let Some(start) = attributes["liveStreamStartedAt"].as_str().filter(|start| start.ends_with('Z')) {
        assert_eq!(start.parse::<jiff::Timestamp>().unwrap(), expected.started_at);
    }
}

#[tokio::test]
async fn the_details_say_what_the_truth_says() {
    let (simulator, world) = with_acme(150).await;
    let list = get(&simulator, "/v2/conversations/list").await.json();
    let mut checked = 0;
    for expected in world.truth("acme").unwrap() {
        let flags = "detailedTranscript=true&filter[include_internal_participants]=true";
        let got = get(&simulator, &format!("/v2/conversations/{}?{flags}", expected.id)).await;
        check(&expected, &got.attributes());
        checked += 1;
    }
    assert_eq!(list["meta"]["totalRecords"], checked);
}

#[tokio::test]
async fn a_world_holds_every_kind_of_conversation() {
    let (_simulator, world) = with_acme(3_000).await;
    let truth: Vec<Expected> = world.truth("acme").unwrap().collect();
    for skip in [model::SkipReason::Private, model::SkipReason::Archived, model::SkipReason::Empty] {
        assert!(truth.iter().any(|expected| expected.skip == Some(skip)), "none is {skip}");
    }
    for status in TranscriptStatus::ALL {
        assert!(truth.iter().any(|expected| expected.transcript == *status), "none is {status}");
    }
    for side in Side::ALL {
        let found = truth.iter().flat_map(|expected| &expected.attendees).any(|one| one.side == Some(*side));
        assert!(found, "nobody is {side}");
    }
    assert!(truth.iter().any(|expected| expected.account.is_none()));
    let accounts: BTreeSet<_> = truth.iter().filter_map(|expected| expected.account.as_ref()).collect();
    assert_eq!(accounts.len(), 40, "some account has no conversation");
}

#[tokio::test]
async fn shares_of_nothing_make_ordinary_conversations() {
    let simulator = start(3).await;
    let world = simulator.world();
    world.add_workspace(WorkspaceSpec { shares: Shares::NONE, ..acme(500) }).unwrap();
    let ordinary =
        |expected: &Expected| expected.skip.is_none() && expected.transcript == TranscriptStatus::Ready;
    assert!(world.truth("acme").unwrap().all(|expected| ordinary(&expected)));
}

#[tokio::test]
async fn documents_are_as_big_as_they_are_said_to_be() {
    for (document_size, bytes) in
        [(DocumentSize::Small, 30_000..43_000), (DocumentSize::Large, 150_000..195_000)]
    {
        let simulator = start(5).await;
        let spec = WorkspaceSpec { document_size, shares: Shares::NONE, ..acme(30) };
        simulator.world().add_workspace(spec).unwrap();
        let mut sum = 0;
        for expected in simulator.world().truth("acme").unwrap() {
            let path = format!("/v2/conversations/{}?detailedTranscript=true", expected.id);
            sum += get(&simulator, &path).await.body.len();
        }
        assert!(bytes.contains(&(sum / 30)), "{document_size:?}: {} bytes each", sum / 30);
    }
}

#[tokio::test]
async fn a_hundred_thousand_conversations_cost_nothing_until_they_are_read() {
    let (simulator, world) = with_acme(100_000).await;
    let last = get(&simulator, "/v2/conversations/list?size=50&page=2000").await;
    assert_eq!(last.ids().len(), 50);
    assert_eq!(last.json()["meta"]["totalRecords"], 100_000);
    assert_eq!(world.truth("acme").unwrap().take(10).count(), 10);
}

#[tokio::test]
async fn the_crm_is_exported_for_import() {
    let (_simulator, world) = with_acme(5).await;
    let accounts = world.accounts_csv("acme").unwrap();
    let contacts = world.contacts_csv("acme").unwrap();
    assert!(accounts.starts_with("external_id,name,domains,created_at\n"));
    assert!(contacts.starts_with("account_external_id,name,email\n"));
    assert_eq!((accounts.lines().count(), contacts.lines().count()), (41, 201));
    assert!(accounts.lines().any(|line| line.contains(';')));
    let emails: BTreeSet<&str> = contacts.lines().filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(emails.len(), 201, "two contacts share an address");
}
