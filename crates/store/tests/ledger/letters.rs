//! Dead letters: found by any field, grouped, discarded and restored.

use std::time::Duration;

use jiff::Timestamp;
use model::{DeadLetterId, RunId};
use serde_json::json;
use store::dead_letter::{self, Letter, LetterFilter};
use store::{Speaker, Tx, desk_action};
use uuid::Uuid;

use crate::common::Connected;

pub(crate) fn letter(connected: &Connected, number: u128, fingerprint: &str) -> Letter {
    Letter {
        id: DeadLetterId(Uuid::from_u128(number)),
        tenant: Some(connected.tenant.clone()),
        origin_queue: "normalize.live".to_owned(),
        stage: "normalize".to_owned(),
        vendor: Some("attention".to_owned()),
        connection_id: Some(connected.id),
        run_id: Some(RunId(Uuid::from_u128(number))),
        vendor_key: Some(format!("call-{number}")),
        version: Some(1),
        error_class: "mapping".to_owned(),
        error: format!("No title in {number}"),
        fingerprint: fingerprint.to_owned(),
        body: format!(r#"{{"number":{number}}}"#).into_bytes(),
        headers: json!({}),
        attempts: 1,
        worker: Some(format!("normalizer-{number}")),
        trace_id: Some(format!("00-{number}-01")),
        first_failed_at: Some(at(number)),
        last_failed_at: Some(at(number)),
    }
}

fn at(hour: u128) -> Timestamp {
    Timestamp::from_second(i64::try_from(hour).unwrap() * 3600).unwrap()
}

pub(crate) async fn begin(connected: &Connected) -> Tx {
    connected.store().begin(Speaker::Everybody).await.unwrap()
}

pub(crate) async fn file(connected: &Connected, letters: &[Letter]) {
    let tx = begin(connected).await;
    for letter in letters {
        assert!(dead_letter::file(&tx, letter).await.unwrap());
    }
    tx.commit().await.unwrap();
}

fn of(filter: impl FnOnce(&mut LetterFilter)) -> LetterFilter {
    let mut of = LetterFilter::default();
    filter(&mut of);
    of
}

#[tokio::test]
async fn letters_are_found_by_each_of_their_fields() {
    let connected = Connected::fresh().await;
    let mut other = letter(&connected, 2, "no title in #");
    (other.stage, other.vendor, other.error_class) =
        ("resolve".to_owned(), Some("gong".to_owned()), "data".to_owned());
    (other.origin_queue, other.tenant, other.connection_id) = ("resolve".to_owned(), None, None);
    file(&connected, &[letter(&connected, 1, "no title in #"), other]).await;
    let tx = begin(&connected).await;
    let groups = dead_letter::groups(&tx, &LetterFilter::default()).await.unwrap();
    assert_eq!(groups.len(), 2);
    let group = groups.iter().find(|one| one.stage == "normalize").unwrap().group.clone();
    let text = |text: &str| Some(text.to_owned());
    for (what, filter) in [
        ("id", of(|f| f.ids = Some(vec![DeadLetterId(Uuid::from_u128(1))]))),
        ("group", of(|f| f.group = Some(group))),
        ("tenant", of(|f| f.tenant = Some(connected.tenant.clone()))),
        ("stage", of(|f| f.stage = text("normalize"))),
        ("class", of(|f| f.class = text("mapping"))),
        ("vendor", of(|f| f.vendor = text("attention"))),
        ("connection", of(|f| f.connection = Some(connected.id))),
        ("run", of(|f| f.run = Some(RunId(Uuid::from_u128(1))))),
        ("record", of(|f| f.record = text("call-1"))),
        ("queue", of(|f| f.queue = text("normalize.live"))),
        ("worker", of(|f| f.worker = text("normalizer-1"))),
        ("trace", of(|f| f.trace = text("00-1-01"))),
        ("words of the error", of(|f| f.text = text("no title in 1"))),
        ("words of the message", of(|f| f.text = text(r#""number":1"#))),
        ("before", of(|f| f.until = Some(at(2)))),
    ] {
        let found = dead_letter::list(&tx, &filter, i64::MAX).await.unwrap();
        assert_eq!(found.iter().map(|one| one.letter.id.0.as_u128()).collect::<Vec<_>>(), [1], "{what}");
    }
    let late = of(|f| f.since = Some(at(2)));
    assert_eq!(dead_letter::count(&tx, &late).await.unwrap(), 1);
    assert_eq!(dead_letter::count(&tx, &of(|f| f.state = text("closed"))).await.unwrap(), 0);
    assert_eq!(dead_letter::count(&tx, &of(|f| f.any_state = true)).await.unwrap(), 2);
    drop(tx);
    connected.database.finish().await;
}

#[tokio::test]
async fn a_group_counts_what_differs_only_in_ids_and_shows_its_last_note() {
    let connected = Connected::fresh().await;
    let mut now = letter(&connected, 3, "no title in #");
    now.last_failed_at = None;
    file(&connected, &[letter(&connected, 1, "no title in #"), now, letter(&connected, 2, "no date")]).await;
    let tx = begin(&connected).await;
    let name = dead_letter::groups(&tx, &LetterFilter::default()).await.unwrap()[0].group.clone();
    let group = of(|f| f.group = Some(name.clone()));
    for words in ["asked the vendor", "they mend it on Monday"] {
        desk_action::record(&tx, "ada", "note", &group.as_json(), 0, Some(words)).await.unwrap();
    }
    let groups = dead_letter::groups(&tx, &LetterFilter::default()).await.unwrap();
    let [large, small] = &groups[..] else { panic!("two groups: {groups:?}") };
    assert_eq!((large.letters, large.last_hour, large.hour_before, small.letters), (2, 1, 0, 1));
    assert_eq!((large.first_failed_at, large.example.as_str()), (at(1), "No title in 3"));
    assert_eq!(
        (large.tenants.join(","), large.note.as_deref()),
        ("acme".to_owned(), Some("they mend it on Monday"))
    );
    assert_eq!(small.note, None);
    let told = desk_action::list(&tx, Some(&name), 10).await.unwrap();
    assert_eq!((told.len(), told[0].operator.as_str()), (2, "ada"));
    drop(tx);
    connected.database.finish().await;
}

#[tokio::test]
async fn what_was_discarded_comes_back_until_it_is_forgotten() {
    let connected = Connected::fresh().await;
    file(&connected, &[letter(&connected, 1, "a"), letter(&connected, 2, "a")]).await;
    let all = LetterFilter::default();
    let discarded = of(|f| f.state = Some("discarded".to_owned()));
    let tx = begin(&connected).await;
    assert_eq!(dead_letter::discard(&tx, &all, "noise").await.unwrap(), 2);
    assert_eq!(dead_letter::discard(&tx, &all, "noise").await.unwrap(), 0, "once");
    let month = Duration::from_hours(30 * 24);
    assert_eq!(dead_letter::forget_discarded(&tx, month).await.unwrap(), 0, "too young");
    let one = LetterFilter { ids: Some(vec![DeadLetterId(Uuid::from_u128(1))]), ..discarded.clone() };
    assert_eq!(dead_letter::restore(&tx, &one).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let aged =
        "UPDATE dead_letters SET resolved_at = now() - interval '31 days' WHERE resolved_at IS NOT NULL";
    connected.database.execute(aged).await;
    let tx = begin(&connected).await;
    assert_eq!(dead_letter::forget_discarded(&tx, month).await.unwrap(), 1);
    assert_eq!(dead_letter::restore(&tx, &discarded).await.unwrap(), 0, "forgotten");
    for (number, stands) in [(1, ("dead", false, None)), (2, ("discarded", true, Some("noise")))] {
        let one = dead_letter::load(&tx, DeadLetterId(Uuid::from_u128(number))).await.unwrap().unwrap();
        assert_eq!((one.state.as_str(), one.letter.body.is_empty(), one.resolution.as_deref()), stands);
    }
    drop(tx);
    connected.database.finish().await;
}
