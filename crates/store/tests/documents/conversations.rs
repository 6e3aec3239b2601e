//! What documents do to rows, in any order.

use std::time::{Duration, Instant};

use model::{ContentHash, SkipReason, TranscriptStatus, VendorKey, Version};
use serde_json::json;
use store::conversation::{Link, decision, seen};
use store::conversation_write::Verdict;
use store::{Speaker, account, report, timeline};

use crate::support::{CONTACT, Document, World, all_accounts, attendee, conversation, no_link, segment};

/// A call's life: stored, renamed with fewer people, private, without transcript, back.
fn life() -> Vec<Document> {
    let mut renamed = conversation("call", "renamed");
    renamed.attendees.remove(0);
    renamed.linked_records.clear();
    let mut silent = conversation("call", "renamed");
    silent.transcript.status = TranscriptStatus::Pending;
    silent.transcript.segments.clear();
    let mut back = conversation("call", "back");
    back.attendees.push(attendee("Cleo", "cleo@customer.com"));
    back.transcript.segments.push(segment("Cleo", "Hi"));
    vec![
        Document::content("call", 1, conversation("call", "first")),
        Document::content("call", 2, renamed),
        Document::skip("call", 3, SkipReason::Private),
        Document::content("call", 4, silent),
        Document::content("call", 5, back),
    ]
}

/// Every order of the first `n` numbers.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, n - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..n).map(move |at| insert(order, at))).collect()
}

async fn where_is(world: &World, key: &str) -> report::Whereabouts {
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    report::find(&tx, key).await.unwrap().pop().unwrap()
}

/// What can be seen of a record, without what its own id and the time of writing make different.
async fn visible(world: &World, key: &str) -> Option<serde_json::Value> {
    let row = world.export().await.into_iter().find(|row| row.external_id == key)?;
    let mut row = serde_json::to_value(row).unwrap();
    for field in ["external_id", "url", "meeting_id", "first_seen_at", "updated_at"] {
        row[field].take();
    }
    Some(row)
}

/// Takes documents in every order, the first of each order once more at the end; each order is a record of its own. Returns what
/// can be seen of each.
async fn same_in_every_order(documents: &[Document]) -> Option<serde_json::Value> {
    let world = World::new().await;
    let mut outcomes = Vec::new();
    for order in orders(documents.len()) {
        let key = format!("call-{order:?}");
        for index in order.iter().chain(order.first()) {
            let document = Document { key: VendorKey::of(&key), ..documents[*index].clone() };
            world.take(&document).await.unwrap();
        }
        outcomes.push((visible(&world, &key).await, where_is(&world, &key).await.standing));
        assert_eq!(outcomes.first(), outcomes.last(), "{order:?}");
    }
    world.db.finish().await;
    outcomes.pop().unwrap().0
}

#[tokio::test]
async fn any_order_of_versions_gives_the_newest_with_nothing_left_of_the_older() {
    let life = life();
    let end = same_in_every_order(&life[..4]).await;
    assert_eq!(end.unwrap()["transcript"], json!({ "status": "pending", "segments": [] }));
    let end = same_in_every_order(&[life[0].clone(), life[1].clone(), life[4].clone()]).await;
    let end = end.unwrap();
    assert_eq!(end["title"], "back");
    assert_eq!(end["participants"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn any_order_with_a_withdrawal_at_the_end_shows_nothing() {
    for reason in [SkipReason::Private, SkipReason::Archived, SkipReason::Empty] {
        let mut documents = life()[..2].to_vec();
        documents.push(Document::skip("call", 9, reason));
        assert_eq!(same_in_every_order(&documents).await, None);
    }
}

#[tokio::test]
async fn a_record_that_is_gone_at_the_vendor_keeps_what_was_stored_in_any_order() {
    let mut documents = life()[..2].to_vec();
    documents.push(Document::skip("call", 9, SkipReason::Gone));
    let end = same_in_every_order(&documents).await;
    assert_eq!(end.unwrap()["title"], "renamed");
}

#[tokio::test]
async fn participants_records_and_segments_missing_in_the_newer_version_are_removed() {
    let world = World::new().await;
    for document in &life()[..2] {
        assert_eq!(world.take(document).await.unwrap(), Verdict::Changed);
    }
    let export = world.export().await;
    let people: Vec<_> =
        export[0].participants.iter().map(|person| person.name.as_deref().unwrap()).collect();
    assert_eq!(people, ["Bob"]);
    assert_eq!(world.take(&life()[3]).await.unwrap(), Verdict::Changed);
    assert!(world.export().await[0].transcript.segments.is_empty());
    world.db.finish().await;
}

#[tokio::test]
async fn what_has_not_changed_writes_nothing_but_the_intake() {
    let world = World::new().await;
    let mut document = Document::content("call", 1, conversation("call", "same"));
    world.take(&document).await.unwrap();
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let before = seen(&tx, world.id_of("call")).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    document.version = Version(2);
    assert_eq!(world.take(&document).await.unwrap(), Verdict::Unchanged);
    assert_eq!(world.take(&document).await.unwrap(), Verdict::Superseded);
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(seen(&tx, world.id_of("call")).await.unwrap().unwrap(), before);
    let detail = timeline::conversation(&tx, world.id_of("call")).await.unwrap().unwrap();
    assert_eq!(detail.version, 1);
    drop(tx);
    // the older content asked for in between is older than the sighting
    let between = Document::content("call", 2, conversation("call", "other"));
    assert_eq!(world.take(&between).await.unwrap(), Verdict::Superseded);
    world.db.finish().await;
}

#[tokio::test]
async fn a_withdrawn_conversation_returns_with_the_day_it_was_first_seen() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "here"))).await.unwrap();
    let first_seen_at = world.export().await[0].first_seen_at;
    world.take(&Document::skip("call", 2, SkipReason::Private)).await.unwrap();
    assert!(world.export().await.is_empty());
    let found = where_is(&world, "call").await;
    assert_eq!((found.standing.as_str(), found.withdrawn_reason.as_deref()), ("skipped", Some("private")));
    // the very same content as before the withdrawal
    let again = Document::content("call", 3, conversation("call", "here"));
    assert_eq!(world.take(&again).await.unwrap(), Verdict::Changed);
    assert_eq!(world.export().await[0].first_seen_at, first_seen_at);
    assert_eq!(where_is(&world, "call").await.standing, "stored");
    world.db.finish().await;
}

#[tokio::test]
async fn every_unicode_text_comes_back_and_a_nul_is_a_fault_of_the_data() {
    let world = World::new().await;
    let odd = "a\u{301}\u{202e}👩‍👩‍👧\u{feff}\"\\u0000'\\\n\t{,}\u{10ffff}";
    let mut document = conversation("call", odd);
    document.attendees = vec![attendee(odd, CONTACT)];
    document.transcript.segments = vec![segment(odd, odd), segment(odd, "")];
    document.insights[0].value = json!({ odd: odd });
    world.take(&Document::content("call", 1, document)).await.unwrap();
    let export = world.export().await;
    assert_eq!(export[0].title.as_deref(), Some(odd));
    assert_eq!(export[0].participants[0].name.as_deref(), Some(odd));
    assert_eq!(
        (export[0].transcript.segments[0].text.as_str(), export[0].transcript.segments.len()),
        (odd, 2)
    );
    assert_eq!(export[0].insights[0].value, json!({ odd: odd }));

    let nul = Document::content("nul", 1, conversation("nul", "a\0b"));
    assert!(world.take(&nul).await.unwrap_err().is_data_fault());
    assert_eq!(world.export().await.len(), 1);
    world.db.finish().await;
}

#[tokio::test]
async fn a_persons_link_survives_newer_versions() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "first"))).await.unwrap();
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let record = account::AccountRecord {
        external_id: "crm-9".to_owned(),
        name: "Chosen".to_owned(),
        domains: ["chosen.com".to_owned()].into(),
        created_at: None,
    };
    account::import(&tx, &world.tenant, "csv", &[record], &[]).await.unwrap();
    let accounts = account::list(&tx, &world.tenant, &all_accounts()).await.unwrap();
    let id = world.id_of("call");
    assert!(decision::put(&tx, id, Some(accounts[0].account_id), "kim").await.unwrap());
    tx.commit().await.unwrap();
    let by_machine =
        Link { account: None, rule: "domain".to_owned(), rule_version: 2, evidence: json!({ "x": 1 }) };
    let newer = Document::linked("call", 2, conversation("call", "second"), by_machine);
    assert_eq!(world.take(&newer).await.unwrap(), Verdict::Changed);
    let export = world.export().await;
    assert_eq!(export[0].title.as_deref(), Some("second"));
    let on = export[0].account.as_ref().unwrap();
    assert_eq!((on.name.as_str(), on.rule.as_str()), ("Chosen", "person"));
    world.db.finish().await;
}

#[tokio::test]
async fn the_export_has_its_shape_and_goes_on_where_it_stopped() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for number in 0..7 {
        let key = format!("call-{number}");
        let mut call = conversation(&key, "x");
        // two at the same instant, two without any
        call.started_at =
            (number < 5).then(|| format!("2026-03-0{}T10:00:00Z", 1 + number / 2).parse().unwrap());
        world.take(&Document::linked(&key, 1, call, no_link())).await.unwrap();
        keys.push(key);
    }
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let (mut exported, mut cursor) = (Vec::new(), None);
    loop {
        let (page, next) = timeline::export_page(&tx, &world.tenant, cursor.as_ref(), 2).await.unwrap();
        exported.extend(page);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let order: Vec<_> = exported.iter().map(|row| row.external_id.clone()).collect();
    assert_eq!(order, keys);
    let line = serde_json::to_string(&exported[0]).unwrap();
    let id = world.id_of("call-0").0;
    let seen = |at: jiff::Timestamp| serde_json::to_string(&at).unwrap();
    let expected = format!(
        r#"{{"tenant":"acme","vendor":"attention","external_id":"call-0","title":"x","url":"https://vendor.example/call-0","started_at":"2026-03-01T10:00:00Z","duration_s":1800.0,"platform":"zoom","internal":false,"private":false,"account":null,"participants":[{{"name":"Ana","email":"ana@customer.com","title":"CTO","side":"external","contact":null,"user":null}},{{"name":"Bob","email":"bob@acme.com","title":"CTO","side":"internal","contact":null,"user":null}}],"transcript":{{"status":"ready","segments":[{{"speaker":"Ana","start_ms":0,"end_ms":900,"text":"Hello"}},{{"speaker":"Bob","start_ms":0,"end_ms":900,"text":"Grüße 👋"}}]}},"summary":"They greet.","insights":[{{"key":"next","title":"Next steps","value":["a",1]}}],"meeting_id":"{id}","first_seen_at":{},"updated_at":{}}}"#,
        seen(exported[0].first_seen_at),
        seen(exported[0].updated_at)
    );
    assert_eq!(line, expected);
    let newest = timeline::TimelineFilter { limit: 1, ..timeline::TimelineFilter::default() };
    let entries = timeline::timeline(&tx, &world.tenant, &newest).await.unwrap();
    assert_eq!(
        (entries[0].external_id.as_str(), &entries[0].people[..]),
        ("call-4", &["Ana".to_owned()][..])
    );
    drop(tx);
    world.db.finish().await;
}

#[tokio::test]
async fn raw_documents_are_kept_of_every_version_and_forgotten_when_the_call_becomes_private() {
    let world = World::new().await;
    for document in &life()[..2] {
        world.take(document).await.unwrap();
    }
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(raw_versions(&tx, &world).await, [1, 2]);
    drop(tx);
    world.take(&life()[2]).await.unwrap();
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(raw_versions(&tx, &world).await, Vec::<i64>::new());
    drop(tx);
    world.db.finish().await;
}

async fn raw_versions(tx: &store::Tx, world: &World) -> Vec<i64> {
    let key = VendorKey::of("call");
    store::conversation_write::raw_versions(tx, world.connection, &key)
        .await
        .unwrap()
        .into_iter()
        .map(|version| version.0)
        .collect()
}

#[tokio::test]
async fn two_batches_with_the_same_records_in_different_order_both_get_through() {
    let world = World::new().await;
    let take = |numbers: Vec<i64>| {
        let world = &world;
        async move {
            let keys: Vec<_> = numbers.iter().map(|number| format!("k{number}")).collect();
            let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
            lock(world, &tx, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
            tx.commit().await.unwrap();
        }
    };
    for _ in 0..20 {
        tokio::join!(take((0..50).collect()), take((0..50).rev().collect()));
    }
    world.db.finish().await;
}

/// What stores a batch and what lists a page take the same rows: in one order, or each waits for the other.
#[tokio::test]
async fn a_known_record_is_locked_before_a_later_one_that_somebody_else_is_making() {
    let world = World::new().await;
    let begin = || world.store().begin(Speaker::Tenant(&world.tenant));
    let known = begin().await.unwrap();
    lock(&world, &known, &["a"]).await;
    known.commit().await.unwrap();
    let maker = begin().await.unwrap();
    lock(&world, &maker, &["b"]).await;
    let batch = async {
        let tx = begin().await.unwrap();
        lock(&world, &tx, &["a", "b"]).await;
        tx.commit().await.unwrap();
    };
    let watch = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = Instant::now() + Duration::from_mins(1);
        while world.db.number(waiting).await == 0 {
            assert!(Instant::now() < deadline, "the batch waits for nobody");
        }
        let free =
            "SELECT count(*) FROM (SELECT FROM intake WHERE vendor_key = 'a' FOR UPDATE SKIP LOCKED) AS free";
        assert_eq!(world.db.number(free).await, 0, "the known record is not locked yet");
        maker.commit().await.unwrap();
    };
    tokio::join!(batch, watch);
    world.db.finish().await;
}

async fn lock(world: &World, tx: &store::Tx, keys: &[&str]) {
    let keys: Vec<_> = keys.iter().map(|key| VendorKey::of(key)).collect();
    let arrivals: Vec<_> = keys
        .iter()
        .map(|key| store::conversation_write::Arrival {
            stream: model::Stream::Conversations,
            tenant: &world.tenant,
            connection_id: world.connection,
            vendor_key: key,
            conversation_id: world.id_of(key.as_str()),
            asked_at: Version(1),
            listed_hash: ContentHash::of(b"x"),
        })
        .collect();
    store::conversation_write::lock_standings(tx, &arrivals).await.unwrap();
}
