use std::collections::BTreeSet;

use simulator::{AddedKind, Change, Settings, WindowBy};

use crate::client::get;
use crate::{acme, start, with_acme};

async fn walk(simulator: &simulator::Simulator, query: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for page in 1.. {
        let ids = get(simulator, &format!("/v2/conversations/list?size=20&page={page}{query}")).await.ids();
        if ids.is_empty() {
            break;
        }
        seen.extend(ids);
    }
    seen
}

fn distinct(ids: &[String]) -> usize {
    ids.iter().collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn paging_covers_every_conversation_exactly_once() {
    let (simulator, world) = with_acme(103).await;
    let seen = walk(&simulator, "").await;
    let listed: Vec<String> = world.truth("acme").unwrap().map(|expected| expected.id).collect();
    assert_eq!(seen, listed);
    assert_eq!((seen.len(), distinct(&seen)), (103, 103));
}

#[tokio::test]
async fn new_conversations_push_rows_to_the_next_page() {
    let (simulator, world) = with_acme(60).await;
    let first = get(&simulator, "/v2/conversations/list?size=20&page=1").await.ids();
    world.change("acme", Change::Add { count: 3, finished_at: None, kind: AddedKind::Mixed }).unwrap();
    let second = get(&simulator, "/v2/conversations/list?size=20&page=2").await.ids();
    assert_eq!(first[17..], second[..3]);
}

#[tokio::test]
async fn a_fixed_end_of_the_window_keeps_new_conversations_out() {
    let (simulator, world) = with_acme(60).await;
    let query = "&toDateTime=2026-01-05T11:59:30Z";
    let before = walk(&simulator, query).await;
    world.change("acme", Change::Add { count: 3, finished_at: None, kind: AddedKind::Mixed }).unwrap();
    assert_eq!(walk(&simulator, query).await, before);
    assert_eq!(walk(&simulator, "").await.len(), 63);
}

#[tokio::test]
async fn a_vanished_conversation_pulls_rows_forward() {
    let (simulator, world) = with_acme(60).await;
    let before = walk(&simulator, "").await;
    world.change("acme", Change::Vanish { id: before[5].clone() }).unwrap();
    let after = walk(&simulator, "").await;
    assert_eq!((after.len(), &after[5]), (59, &before[6]));
    assert_eq!(get(&simulator, &format!("/v2/conversations/{}", before[5])).await.status, 404);
    world.change("acme", Change::Reappear { id: before[5].clone() }).unwrap();
    assert_eq!(walk(&simulator, "").await, before);
}

#[tokio::test]
async fn windows_that_touch_cover_everything() {
    let (simulator, world) = with_acme(80).await;
    let old = "2025-11-01T08:00:00Z".parse().unwrap();
    world
        .change("acme", Change::Add { count: 2, finished_at: Some(old), kind: AddedKind::Ordinary })
        .unwrap();
    let middle = world.truth("acme").unwrap().nth(40).unwrap().finished_at;
    let newer = walk(&simulator, &format!("&fromDateTime={middle}")).await;
    let older = walk(&simulator, &format!("&toDateTime={middle}")).await;
    let all: BTreeSet<&String> = newer.iter().chain(&older).collect();
    assert_eq!((newer.len(), all.len()), (41, 82));
}

#[tokio::test]
async fn a_window_can_be_compared_with_the_making_of_the_row() {
    let (simulator, world) = with_acme(200).await;
    let moment = world.truth("acme").unwrap().nth(100).unwrap().finished_at;
    let by_end = walk(&simulator, &format!("&fromDateTime={moment}")).await;
    world.set_settings("acme", Settings { window_by: WindowBy::Created, ..Settings::default() }).unwrap();
    let by_making = walk(&simulator, &format!("&fromDateTime={moment}")).await;
    assert_ne!(by_end, by_making);
}

#[tokio::test]
async fn one_seed_gives_identical_bytes_and_another_does_not() {
    let (one, same, other) = (start(11).await, start(11).await, start(12).await);
    for simulator in [&one, &same, &other] {
        simulator.world().add_workspace(acme(40)).unwrap();
    }
    let list =
        "/v2/conversations/list?size=50&withCrmRecords=true&filter[include_internal_participants]=true";
    let page = get(&one, list).await;
    assert_eq!(page.body, get(&same, list).await.body);
    assert_ne!(page.body, get(&other, list).await.body);
    for id in page.ids() {
        let detail = format!("/v2/conversations/{id}?detailedTranscript=true");
        assert_eq!(get(&one, &detail).await.body, get(&same, &detail).await.body);
    }
    assert_eq!(one.world().accounts_csv("acme").unwrap(), same.world().accounts_csv("acme").unwrap());
}
