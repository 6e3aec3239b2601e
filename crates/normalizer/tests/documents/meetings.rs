//! Copies of one meeting: they find one another whoever comes first, whoever works at the same time, and whoever leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use model::message::{RawDocument, ResolveBatch};
use model::{AccountId, ConversationId, Vendor, VendorAccount};
use queue::Outgoing;
use queue::topology::{NORMALIZE_LIVE, RESOLVE_QUEUE};
use serde_json::json;
use store::account::{self, AccountRecord};
use store::conversation::decision;
use store::{Speaker, meeting, report, resolve, unmatched};
use uuid::Uuid;

use crate::stand::Stand;

const ROOM: &str = "https://us02web.zoom.us/j/97763643886?pwd=x";
const PEOPLE: [&str; 3] = ["bob@acme.com", "ana@customer.com", "cem@customer.com"];

/// A meeting of half an hour as Attention tells it; the room and the people may be left out.
fn by_attention(
    stand: &Stand,
    key: &str,
    started_at: &str,
    room: &str,
    people: &[&str],
) -> RawDocument<'static> {
    let people: Vec<_> = people.iter().map(|email| json!({ "email": email })).collect();
    let start: jiff::Timestamp = started_at.parse().unwrap();
    let end = start + jiff::SignedDuration::from_mins(30);
    let body = json!({ "id": key, "attributes": { "title": key, "liveStreamStartedAt": started_at,
        "liveStreamEndedAt": end.to_string(), "zoomMeetingJoinUrl": room, "participants": people,
        "transcript": [{ "speaker": "Ana", "text": "Hello.", "start": 0, "end": 2 }] } });
    stand.raw(key, 1, &body.to_string())
}

/// The same as Gong tells it.
fn by_gong(stand: &Stand, key: &str, started_at: &str, room: &str, people: &[&str]) -> RawDocument<'static> {
    let parties = people.iter().enumerate();
    let parties: Vec<_> =
        parties.map(|(number, email)| json!({ "id": number.to_string(), "emailAddress": email })).collect();
    let body = json!({ "metaData": { "id": key, "title": key, "started": started_at, "duration": 1790,
        "meetingUrl": room }, "parties": parties });
    let raw = stand.raw(key, 1, &body.to_string());
    RawDocument {
        vendor: Vendor::Gong,
        vendor_account: VendorAccount::of(Stand::GONG),
        connection_id: stand.gong,
        ..raw
    }
}

fn message(document: &RawDocument<'_>) -> Outgoing {
    Outgoing::to_work(&NORMALIZE_LIVE, document.encode())
}

impl Stand {
    /// Sends what is to be matched, as the scheduler does, until nothing is.
    async fn match_all(&self) {
        self.until_so("it is matched", async || {
            let batches = self.batches(Duration::from_millis(500)).await;
            self.send(&batches).await;
            self.to_match().await == 0
        })
        .await;
    }

    async fn to_match(&self) -> i64 {
        let tx = self.db.store().begin(Speaker::Tenant(&self.tenant)).await.unwrap();
        report::unfinished(&tx, None).await.unwrap().batches_to_match
    }

    async fn batches(&self, again_after: Duration) -> Vec<ResolveBatch> {
        let tx = self.db.store().begin(Speaker::Everybody).await.unwrap();
        let batches = resolve::take_unsent(&tx, again_after, 100).await.unwrap();
        tx.commit().await.unwrap();
        batches
    }

    async fn send(&self, batches: &[ResolveBatch]) {
        let messages = batches.iter().map(|batch| Outgoing::to_work(&RESOLVE_QUEUE, batch.encode()));
        self.publish(messages.collect()).await;
    }

    /// Stores documents one after the other, each matched before the next comes; so many were stored before.
    async fn one_by_one(&self, before: u64, documents: &[RawDocument<'_>]) {
        for (document, count) in documents.iter().zip(before + 1..) {
            self.publish(vec![message(document)]).await;
            self.until_all(count).await;
            self.match_all().await;
        }
    }

    /// Stores two copies of one meeting, `a` of Attention's and `b` of Gong's, which find one another.
    async fn recorded_twice(&self) -> [RawDocument<'static>; 2] {
        let copies = [
            by_attention(self, "a", "2026-03-01T10:00:00Z", ROOM, &PEOPLE),
            by_gong(self, "b", "2026-03-01T10:01:00Z", ROOM, &PEOPLE),
        ];
        self.one_by_one(0, &copies).await;
        assert_eq!(self.meetings().await, [["a", "b"]]);
        copies
    }

    /// Which conversations are together, by their keys, each meeting in order.
    async fn meetings(&self) -> Vec<Vec<String>> {
        let mut meetings: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        for one in self.export().await {
            meetings.entry(one.meeting_id).or_default().push(one.external_id);
        }
        let mut meetings: Vec<Vec<String>> = meetings.into_values().collect();
        for copies in &mut meetings {
            copies.sort();
        }
        meetings.sort();
        meetings
    }

    /// Puts a conversation on an account of this name.
    async fn decide(&self, id: ConversationId, name: &str) {
        let tx = self.db.store().begin(Speaker::Tenant(&self.tenant)).await.unwrap();
        let record = AccountRecord {
            external_id: name.to_owned(),
            name: name.to_owned(),
            domains: [].into(),
            created_at: None,
        };
        account::import(&tx, &self.tenant, "csv", &[record], &[]).await.unwrap();
        let account = AccountId::derive(&self.tenant, "csv", name);
        assert!(decision::put(&tx, id, Some(account), "kim").await.unwrap());
        tx.commit().await.unwrap();
    }

    /// The account that a conversation is shown on, and by which rule.
    async fn account_of(&self, key: &str) -> Option<(String, String)> {
        let one = self.export().await.into_iter().find(|one| one.external_id == key).unwrap();
        one.account.map(|account| (account.name, account.rule))
    }

    async fn unmatched(&self) -> i64 {
        let tx = self.db.store().begin(Speaker::Tenant(&self.tenant)).await.unwrap();
        let groups = unmatched::unmatched(&tx, &self.tenant, 100).await.unwrap();
        groups.iter().map(|group| group.conversations).sum()
    }

    async fn meeting_of(&self, key: &str) -> Uuid {
        self.export().await.into_iter().find(|one| one.external_id == key).unwrap().meeting_id
    }
}

/// Two months of weekly meetings in one room, a pair of calls back to back with the same people, and two calls at once.
fn many(stand: &Stand) -> Vec<RawDocument<'static>> {
    let mut all = Vec::new();
    for week in 0..4 {
        let (here, there) =
            (format!("2026-03-0{}T10:00:00Z", week + 1), format!("2026-03-0{}T10:01:10Z", week + 1));
        all.push(by_attention(stand, &format!("w{week}-a"), &here, ROOM, &PEOPLE));
        all.push(by_gong(
            stand,
            &format!("w{week}-g"),
            &there,
            "https://zoom.us/j/97763643886",
            &PEOPLE[1..],
        ));
    }
    for (call, start) in [("b1", "2026-03-09T09:00"), ("b2", "2026-03-09T09:30")] {
        all.push(by_attention(stand, &format!("{call}-a"), &format!("{start}:40Z"), "", &PEOPLE));
        all.push(by_gong(stand, &format!("{call}-g"), &format!("{start}:00Z"), "", &PEOPLE));
    }
    let elsewhere = ["bob@acme.com", "eve@acme.com", "dan@other.com"];
    all.push(by_attention(
        stand,
        "p1-a",
        "2026-03-10T09:00:00Z",
        "",
        &["bob@acme.com", "eve@acme.com", PEOPLE[1]],
    ));
    all.push(by_gong(stand, "p2-g", "2026-03-10T09:00:00Z", "", &elsewhere));
    all
}

fn pairs() -> Vec<Vec<String>> {
    let mut pairs: Vec<Vec<String>> = ["b1", "b2", "w0", "w1", "w2", "w3"]
        .iter()
        .map(|name| vec![format!("{name}-a"), format!("{name}-g")])
        .collect();
    pairs.extend([vec!["p1-a".to_owned()], vec!["p2-g".to_owned()]]);
    pairs.sort();
    pairs
}

#[tokio::test]
async fn copies_find_one_another_and_the_order_in_which_they_come_changes_nothing() {
    let mut ids: Vec<BTreeMap<String, Uuid>> = Vec::new();
    for order in 0..3 {
        let stand = Stand::fresh().await;
        let running = stand.start();
        let mut documents = many(&stand);
        match order {
            0 => {}
            1 => documents.reverse(),
            _ => documents.rotate_left(5),
        }
        stand.one_by_one(0, &documents).await;
        assert_eq!(stand.meetings().await, pairs());
        assert_eq!(stand.unmatched().await, 8, "each meeting waits for an account once");
        let exported = stand.export().await;
        ids.push(exported.into_iter().map(|one| (one.external_id, one.meeting_id)).collect());
        running.stop().await;
        stand.finish().await;
    }
    assert!(ids.windows(2).all(|two| two[0] == two[1]), "even the ids are the same");
}

#[tokio::test]
async fn copies_that_two_normalizers_store_at_once_find_one_another() {
    let stand = Stand::fresh().await;
    let running = [stand.start(), stand.start()];
    let documents = many(&stand);
    stand.publish(documents.iter().map(message).collect()).await;
    stand.until_all(documents.len() as u64).await;
    // all at once, and each message twice
    let batches = stand.batches(Duration::ZERO).await;
    stand.send(&batches).await;
    stand.send(&batches).await;
    stand.match_all().await;
    assert_eq!(stand.meetings().await, pairs());
    for one in running {
        one.stop().await;
    }
    stand.finish().await;
}

#[tokio::test]
async fn who_is_matched_before_its_copy_is_stored_is_found_by_the_copy_even_by_matchers_at_once() {
    let stand = Stand::fresh().await;
    let running = [stand.start(), stand.start()];
    let room = |key, start| by_attention(&stand, key, start, ROOM, &[]);
    stand.publish(vec![message(&room("first", "2026-03-01T10:00:00Z"))]).await;
    stand.until_all(1).await;
    let holder = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
    meeting::lock(&holder, &stand.tenant).await.unwrap();
    let first = stand.batches(Duration::ZERO).await;
    stand.send(&first).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    stand.until_so("one waits", async || stand.db.number(waiting).await > 0).await;
    // its transaction began before the copy was there, and has read nothing yet
    stand.publish(vec![message(&by_gong(&stand, "second", "2026-03-01T10:00:30Z", ROOM, &[]))]).await;
    stand.until_all(2).await;
    let second = stand.batches(Duration::from_mins(1)).await;
    assert_eq!(second.len(), 1);
    stand.send(&second).await;
    stand.until_so("both wait", async || stand.db.number(waiting).await > 1).await;
    holder.commit().await.unwrap();
    stand.match_all().await;
    assert_eq!(stand.meetings().await, [["first", "second"]]);
    for one in running {
        one.stop().await;
    }
    stand.finish().await;
}

#[tokio::test]
async fn a_chain_of_copies_is_one_meeting_and_falls_apart_when_its_middle_is_withdrawn() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    // the ends are too far apart for the people alone, and the middle is in the room of one of them
    let ends = [
        by_attention(&stand, "a", "2026-03-01T10:00:00Z", ROOM, &[]),
        by_gong(&stand, "b", "2026-03-01T10:02:00Z", ROOM, &PEOPLE),
    ];
    stand.one_by_one(0, &ends).await;
    let other = VendorAccount::of("company-2");
    let connection =
        store::testing::connected_to(stand.db.store(), &stand.tenant, Vendor::Gong, &other).await;
    let third = by_gong(&stand, "c", "2026-03-01T10:06:00Z", "", &PEOPLE);
    let third = RawDocument { vendor_account: other, connection_id: connection, ..third };
    stand.one_by_one(2, &[third]).await;
    assert_eq!(stand.meetings().await, [["a", "b", "c"]]);
    let private = by_gong(&stand, "b", "2026-03-01T10:02:00Z", ROOM, &PEOPLE);
    let body = json!({ "metaData": { "id": "b", "isPrivate": true } }).to_string();
    let private =
        RawDocument { source: stand.raw("b", 2, &body).source, asked_at: model::Version(2), ..private };
    stand.one_by_one(3, &[private]).await;
    assert_eq!(stand.meetings().await, [["a"], ["c"]], "the rest is shown, each by itself");
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn a_meeting_is_named_after_its_first_copy_and_its_older_ids_lead_to_it() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    let later = by_gong(&stand, "later", "2026-03-01T10:01:00Z", ROOM, &[]);
    stand.one_by_one(0, std::slice::from_ref(&later)).await;
    let (later_id, alias) = (later.conversation_id().0, "SELECT meeting_id::text FROM meeting_aliases");
    assert_eq!(stand.meeting_of("later").await, later_id);
    let earlier = by_attention(&stand, "earlier", "2026-03-01T10:00:00Z", ROOM, &[]);
    stand.one_by_one(1, std::slice::from_ref(&earlier)).await;
    let earlier_id = earlier.conversation_id().0;
    assert_eq!(stand.meeting_of("later").await, earlier_id);
    assert_eq!(stand.db.text(alias).await, earlier_id.to_string());

    let archived = json!({ "id": "earlier", "attributes": { "archived": true } }).to_string();
    stand.one_by_one(2, &[stand.raw("earlier", 2, &archived)]).await;
    assert_eq!(stand.meeting_of("later").await, later_id, "what is left is named after its own first");
    assert_eq!(stand.db.text(alias).await, later_id.to_string(), "and the other id leads to it");
    let again = RawDocument { asked_at: model::Version(3), ..earlier };
    stand.one_by_one(3, &[again]).await;
    assert_eq!(stand.meeting_of("later").await, earlier_id);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn what_a_person_has_parted_stays_apart_whatever_comes() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    let copies = stand.recorded_twice().await;
    let ids: Vec<ConversationId> = copies.iter().map(RawDocument::conversation_id).collect();
    let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
    assert_eq!(meeting::split(&tx, &stand.tenant, ids[1], &ids).await.unwrap(), 1);
    tx.commit().await.unwrap();
    stand.match_all().await;
    assert_eq!(stand.meetings().await, [["a"], ["b"]]);
    let renamed = by_attention(&stand, "a", "2026-03-01T10:00:50Z", ROOM, &PEOPLE);
    stand.one_by_one(2, &[RawDocument { asked_at: model::Version(2), ..renamed }]).await;
    assert_eq!(stand.meetings().await, [["a"], ["b"]]);
    running.stop().await;
    stand.finish().await;
}

/// A copy is withdrawn, the one after which the meeting is named or another, and with its content or without.
#[tokio::test]
async fn what_a_person_decided_about_a_meeting_outlives_the_copy_of_which_it_was_said() {
    let archived = json!({ "id": "a", "attributes": { "archived": true } }).to_string();
    let private = json!({ "metaData": { "id": "b", "isPrivate": true } }).to_string();
    for (of, withdrawn, left) in [(0, archived, "b"), (1, private, "a")] {
        let stand = Stand::fresh().await;
        let running = stand.start();
        let copies = stand.recorded_twice().await;
        stand.decide(copies[of].conversation_id(), "Chosen").await;
        let decided = Some(("Chosen".to_owned(), "person".to_owned()));
        assert_eq!(stand.account_of(left).await, decided);

        let source = stand.raw(&copies[of].vendor_key.to_string(), 2, &withdrawn).source;
        let withdrawn = RawDocument { source, asked_at: model::Version(2), ..copies[of].clone() };
        stand.publish(vec![message(&withdrawn)]).await;
        stand.until_all(3).await;
        assert_eq!(stand.account_of(left).await, decided, "before anything is matched");
        stand.match_all().await;
        assert_eq!(stand.meetings().await, [[left]]);
        assert_eq!(stand.account_of(left).await, decided, "and after it");

        let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
        let heir = copies[1 - of].conversation_id();
        assert!(decision::take_back(&tx, &stand.tenant, heir).await.unwrap(), "it can be taken back there");
        tx.commit().await.unwrap();
        stand
            .until_so("the account has gone with it", async || {
                let batches = stand.batches(Duration::from_millis(500)).await;
                stand.send(&batches).await;
                stand.account_of(left).await.is_none()
            })
            .await;
        running.stop().await;
        stand.finish().await;
    }
}

#[tokio::test]
async fn a_copy_whose_start_is_corrected_leaves_its_meeting_and_comes_back_with_it() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    stand.recorded_twice().await;
    for (version, start, together) in [
        (2, "2026-03-01T14:00:00Z", false),
        (3, "2026-03-01T10:00:10Z", true),
        (4, "2026-03-08T10:00:00Z", false),
    ] {
        let corrected = by_attention(&stand, "a", start, ROOM, &PEOPLE);
        let corrected = RawDocument { asked_at: model::Version(version), ..corrected };
        stand.one_by_one(version.unsigned_abs(), &[corrected]).await;
        assert_eq!(stand.meetings().await.len() == 1, together, "it began at {start}");
    }
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn what_was_stored_before_copies_were_looked_for_finds_them_after_the_rules_changed() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    let event = |document: RawDocument<'static>, key: &str, started_at: &str| {
        let body = json!({ "metaData": { "id": key, "started": started_at, "duration": 1790,
            "calendarEventId": "4k2u@google.com" } });
        RawDocument { source: stand.raw(key, 1, &body.to_string()).source, ..document }
    };
    let by_event = by_gong(&stand, "event-1", "2026-03-03T10:00:00Z", "", &[]);
    let other = VendorAccount::of("company-2");
    let elsewhere = store::testing::connected_to(stand.db.store(), &stand.tenant, Vendor::Gong, &other).await;
    let by_event_too = RawDocument {
        vendor_account: other,
        connection_id: elsewhere,
        ..by_gong(&stand, "event-2", "2026-03-03T10:00:00Z", "", &[])
    };
    let documents = [
        by_attention(&stand, "room-a", "2026-03-01T10:00:00Z", ROOM, &[]),
        by_gong(&stand, "room-g", "2026-03-01T10:01:00Z", ROOM, &[]),
        by_attention(&stand, "people-a", "2026-03-02T10:00:00Z", "", &PEOPLE),
        by_gong(&stand, "people-g", "2026-03-02T10:01:00Z", "", &PEOPLE),
        event(by_event, "event-1", "2026-03-03T10:00:00Z"),
        event(by_event_too, "event-2", "2026-03-03T10:00:30Z"),
    ];
    stand.one_by_one(0, &documents).await;
    let together = stand.meetings().await;
    assert_eq!(together.len(), 3, "{together:?}");
    running.stop().await;

    // as an older program left them; about one a person has decided
    for older in [
        "UPDATE conversations SET meeting_id = conversation_id, meeting_evidence = '[]', join_key = NULL, calendar_key = NULL,
             rules_applied = 0, link_rule_version = 1",
        "UPDATE conversations SET link_rule = 'person', link_rule_version = 0 WHERE external_id = 'room-a'",
        "UPDATE participants SET started_at = NULL",
        "DELETE FROM meeting_aliases",
        "DELETE FROM rule_walks",
    ] {
        stand.db.execute(older).await;
    }
    assert_eq!(stand.meetings().await.len(), 6);
    let running = [stand.start(), stand.start()];
    stand
        .until_so("they are together", async || {
            let batches = stand.batches(Duration::from_millis(500)).await;
            stand.send(&batches).await;
            stand.meetings().await == together
        })
        .await;
    stand
        .until_so("none is left", async || stand.db.number("SELECT count(*) FROM resolve_batches").await == 0)
        .await;
    let left = "SELECT count(*) FROM conversations WHERE rules_applied = 0
                   OR link_rule <> 'person' AND link_rule_version = 1";
    assert_eq!(stand.db.number(left).await, 0);
    for one in running {
        one.stop().await;
    }
    // the next pass finds nothing any more, and is the last
    stand.db.execute("UPDATE rule_walks SET next_at = now()").await;
    let running = stand.start();
    stand
        .until_so("the walk is over", async || {
            stand.db.number("SELECT count(*) FROM rule_walks WHERE done_at IS NOT NULL").await == 1
        })
        .await;
    assert_eq!(stand.db.number("SELECT count(*) FROM resolve_batches").await, 0);
    running.stop().await;
    stand.finish().await;
}
