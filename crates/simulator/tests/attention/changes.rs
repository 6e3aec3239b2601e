use model::{SkipReason, TranscriptStatus};
use simulator::{AddedKind, Change, Expected, World};

use crate::client::get;
use crate::with_acme;

fn truth_of(world: &World, id: &str) -> Expected {
    world.truth("acme").unwrap().find(|expected| expected.id == id).unwrap()
}

fn add(world: &World, kind: AddedKind) -> String {
    world.change("acme", Change::Add { count: 1, finished_at: None, kind }).unwrap().remove(0)
}

#[tokio::test]
async fn a_late_transcript_arrives_when_it_is_told_to() {
    let (simulator, world) = with_acme(10).await;
    let id = add(&world, AddedKind::Late);
    let path = format!("/v2/conversations/{id}");
    let before = get(&simulator, &path).await.body.len();
    assert_eq!(truth_of(&world, &id).transcript, TranscriptStatus::Pending);
    world.change("acme", Change::TranscriptArrives { id: id.clone() }).unwrap();
    assert_eq!(truth_of(&world, &id).transcript, TranscriptStatus::Ready);
    assert!(get(&simulator, &path).await.body.len() > before);
}

#[tokio::test]
async fn all_late_transcripts_arrive_at_once_but_not_those_of_later_conversations() {
    let (_simulator, world) = with_acme(10).await;
    let (early, other) = (add(&world, AddedKind::Late), add(&world, AddedKind::Late));
    world.change("acme", Change::AllTranscriptsArrive).unwrap();
    let later = add(&world, AddedKind::Late);
    let statuses = [&early, &other, &later].map(|id| truth_of(&world, id).transcript);
    assert_eq!(statuses, [TranscriptStatus::Ready, TranscriptStatus::Ready, TranscriptStatus::Pending]);
}

#[tokio::test]
async fn titles_insights_and_flags_change() {
    let (simulator, world) = with_acme(10).await;
    let id = add(&world, AddedKind::Ordinary);
    let path = format!("/v2/conversations/{id}");
    let before = get(&simulator, &path).await.attributes();
    world.change("acme", Change::ChangeInsight { id: id.clone() }).unwrap();
    world.change("acme", Change::SetTitle { id: id.clone(), title: "Näher".to_owned() }).unwrap();
    world.change("acme", Change::SetPrivate { id: id.clone(), private: true }).unwrap();
    let after = get(&simulator, &path).await.attributes();
    assert_ne!(after["extractedIntelligence"], before["extractedIntelligence"]);
    assert_eq!((after["title"].as_str(), after["private"].as_bool()), (Some("Näher"), Some(true)));
    assert_eq!(truth_of(&world, &id).skip, Some(SkipReason::Private));
    world.change("acme", Change::SetPrivate { id: id.clone(), private: false }).unwrap();
    world.change("acme", Change::SetArchived { id: id.clone(), archived: true }).unwrap();
    assert_eq!(truth_of(&world, &id).skip, Some(SkipReason::Archived));
}

#[tokio::test]
async fn an_empty_conversation_fills_up() {
    let (simulator, world) = with_acme(10).await;
    let id = add(&world, AddedKind::Empty);
    let duration = async || {
        get(&simulator, &format!("/v2/conversations/{id}")).await.attributes()["mediaDuration"].as_f64()
    };
    assert_eq!((truth_of(&world, &id).skip, duration().await), (Some(SkipReason::Empty), Some(0.0)));
    world.change("acme", Change::Fill { id: id.clone() }).unwrap();
    assert_eq!(truth_of(&world, &id).skip, None);
    assert!(duration().await > Some(0.0));
}

#[tokio::test]
async fn what_is_not_there_cannot_change() {
    let (_simulator, world) = with_acme(10).await;
    assert!(world.change("acme", Change::Vanish { id: "conv-uuid-123".to_owned() }).is_err());
    assert!(world.change("nobody", Change::AllTranscriptsArrive).is_err());
    assert!(world.change("acme", Change::RevokeKey { key: "no such key".to_owned() }).is_err());
}
