//! The whole role against a real broker and a real database: what is published ends in rows or in the dead letters.

#[cfg(test)]
mod meetings;
#[cfg(test)]
mod stand;

use model::message::{RawDocument, RawSource, ResolveBatch};
use model::{ConnectionId, ContentHash, Stream, Vendor, VendorAccount, VendorKey};
use queue::topology::{NORMALIZE_BACKFILL, NORMALIZE_LIVE, RESOLVE_QUEUE};
use queue::{JobError, Outgoing};
use serde_json::json;
use serde_json::value::RawValue;
use stand::{Stand, body_of, call};
use store::account::{AccountRecord, ContactRecord};
use store::testing::{connected_to, take_records, user};
use store::{Speaker, account, claim_check, timeline};

#[tokio::test]
async fn a_document_becomes_a_conversation_and_a_redelivery_changes_nothing() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    let document = stand.document("one", 1, &call("one", "A call \u{0}with ☕"));
    stand.publish(vec![document.clone()]).await;
    stand.until("changed", 1).await;
    let before = stand.export().await;
    assert_eq!(before[0].title.as_deref(), Some("A call with ☕"));
    assert_eq!(before[0].participants[0].side, "external");
    assert_eq!(before[0].transcript.segments[0].text, "Hello there.");
    stand.publish(vec![document.clone(), document]).await;
    stand.until("superseded", 2).await;
    let later = stand.document("one", 2, &call("one", "A call \u{0}with ☕"));
    stand.publish(vec![later]).await;
    stand.until("unchanged", 1).await;
    assert_eq!(stand.export().await, before);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn versions_of_one_record_in_one_batch_leave_the_newest() {
    let stand = Stand::fresh().await;
    let mut messages: Vec<Outgoing> = (1..=6)
        .rev()
        .map(|version| stand.document("one", version, &call("one", &format!("v{version}"))))
        .collect();
    messages.rotate_left(2);
    stand.publish(messages).await;
    let running = stand.start();
    stand.until_all(6).await;
    assert_eq!(stand.export().await[0].title.as_deref(), Some("v6"));
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn a_poisonous_document_dies_alone_and_the_others_of_its_batch_are_stored() {
    let stand = Stand::fresh().await;
    let mut messages: Vec<Outgoing> = (0..9)
        .map(|number| stand.document(&format!("call-{number}"), 1, &call(&format!("call-{number}"), "x")))
        .collect();
    let body = call("poison", "x");
    let poison = stand.raw("poison", 1, &body);
    // its connection does not exist: a foreign key refuses it
    let poison = RawDocument { connection_id: ConnectionId(uuid::Uuid::from_u128(7)), ..poison };
    messages.insert(4, Outgoing::to_work(&NORMALIZE_LIVE, poison.encode()));
    stand.publish(messages).await;
    let running = stand.start();
    let dead = stand.vhost.take("normalize.live.dead").await;
    assert_eq!(dead.headers.error_class.as_deref(), Some("data"));
    assert_eq!(dead.headers.stage.as_deref(), Some("normalize"));
    assert_eq!(dead.headers.tenant.as_deref(), Some("acme"));
    assert_eq!(dead.headers.vendor_key.as_deref(), Some("poison"));
    assert_eq!(dead.headers.run_id.as_deref(), Some(poison.run_id.to_string().as_str()));
    assert_eq!(dead.body, poison.encode());
    stand.until("changed", 9).await;
    assert_eq!(stand.export().await.len(), 9);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn what_cannot_be_mapped_or_read_dies_with_its_reason_and_its_bytes() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    stand.publish(vec![stand.document("odd", 1, r#"{"id":"odd","attributes":[]}"#)]).await;
    let dead = stand.vhost.take("normalize.live.dead").await;
    assert_eq!(dead.headers.error_class.as_deref(), Some("mapping"));
    assert_eq!(dead.headers.error.as_deref(), Some("the document has no readable attributes"));
    assert_eq!(dead.headers.vendor_key.as_deref(), Some("odd"));

    stand.publish(vec![stand.document("asked", 1, &call("answered", "x"))]).await;
    let dead = stand.vhost.take("normalize.live.dead").await;
    assert!(dead.headers.error.unwrap().contains("asked for was asked"));

    let garbage = b"\xff\x00{".to_vec();
    stand.publish(vec![Outgoing::to_work(&NORMALIZE_BACKFILL, garbage.clone())]).await;
    let dead = stand.vhost.take("normalize.backfill.dead").await;
    assert_eq!((dead.headers.error_class.as_deref(), dead.body), (Some(JobError::UNDECODABLE), garbage));
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn a_large_document_is_read_from_where_it_was_put() {
    let stand = Stand::fresh().await;
    let listed = RawValue::from_string(call("large", "put away")).unwrap();
    let source = serde_json::to_vec(&RawSource::Inline { listed: Some(&listed), detail: None }).unwrap();
    let claim = ContentHash::of(&source);
    let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
    claim_check::put(&tx, &stand.tenant, claim, &source).await.unwrap();
    tx.commit().await.unwrap();
    let messages = [claim, ContentHash::of(b"nobody put this")].map(|claim| {
        let source = RawSource::Claim { claim, size_bytes: source.len() as u64 };
        let document = RawDocument { source, ..stand.raw("large", 1, "{}") };
        Outgoing::to_work(&NORMALIZE_LIVE, document.encode())
    });
    stand.publish(messages.to_vec()).await;
    let running = stand.start();
    let dead = stand.vhost.take("normalize.live.dead").await;
    assert_eq!(dead.headers.error_class.as_deref(), Some("claim-missing"));
    stand.until("changed", 1).await;
    assert_eq!(stand.export().await[0].title.as_deref(), Some("put away"));
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn records_that_are_not_kept_are_skipped_and_withdrawn() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    stand.publish(vec![stand.document("one", 1, &call("one", "x"))]).await;
    stand.until("changed", 1).await;
    let gone = RawDocument { source: RawSource::Gone { reason: "404".into() }, ..stand.raw("one", 2, "{}") };
    stand.publish(vec![Outgoing::to_work(&NORMALIZE_LIVE, gone.encode())]).await;
    stand.until("skipped", 1).await;
    assert_eq!(stand.export().await.len(), 1, "what was stored stays");
    let private = call("one", "x").replace(r#""title""#, r#""private":true,"title""#);
    stand.publish(vec![stand.document("one", 3, &private)]).await;
    stand.until("skipped", 2).await;
    assert!(stand.export().await.is_empty());
    let admitted = stand.raw("one", 4, &private);
    let admitted = RawDocument { admit_private: true, ..admitted };
    stand.publish(vec![Outgoing::to_work(&NORMALIZE_LIVE, admitted.encode())]).await;
    stand.until("changed", 2).await;
    assert!(stand.export().await[0].private);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn conversations_are_linked_by_the_accounts_there_are_and_again_when_told() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    stand.publish(vec![stand.document("one", 1, &call("one", "x"))]).await;
    stand.until("changed", 1).await;
    assert_eq!(stand.export().await[0].account, None);
    let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
    let customer = AccountRecord {
        external_id: "crm-1".to_owned(),
        name: "Customer".to_owned(),
        domains: ["customer.com".to_owned()].into(),
        created_at: None,
    };
    let ana = ContactRecord {
        external_id: "contact-1".to_owned(),
        account_external_id: "crm-1".to_owned(),
        name: None,
        email: "Ana@customer.com".to_owned(),
        email_key: "ana@customer.com".to_owned(),
    };
    account::import(&tx, &stand.tenant, "csv", &[customer], &[ana]).await.unwrap();
    tx.commit().await.unwrap();
    let conversation = stand.raw("one", 1, "{}").conversation_id();
    let batch = ResolveBatch {
        batch_id: None,
        version: ResolveBatch::VERSION,
        tenant: stand.tenant.clone(),
        conversation_ids: vec![conversation],
    };
    stand.publish(vec![Outgoing::to_work(&RESOLVE_QUEUE, batch.encode())]).await;
    stand.until_metric("normalizer_relinked_total", 1).await;
    let export = stand.export().await;
    let linked = export[0].account.as_ref().unwrap();
    assert_eq!((linked.name.as_str(), linked.rule.as_str()), ("Customer", "contact"));
    assert_eq!(export[0].participants[0].contact.as_deref(), Some("contact-1"));

    stand.publish(vec![stand.document("two", 1, &call("two", "x"))]).await;
    stand.until("changed", 2).await;
    assert_eq!(stand.export().await[1].account, export[0].account);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn the_owner_of_a_conversation_is_one_of_the_tenants_users_by_id_else_by_address() {
    let stand = Stand::fresh().await;
    let running = stand.start();
    let hosted = |key: &str| {
        let body = serde_json::json!({ "metaData": { "id": key, "title": key, "primaryUserId": "77",
            "started": "2026-03-01T10:00:00Z", "duration": 60 }, "parties": [{ "id": "1", "name": "Guest" }] });
        let raw = stand.raw(key, 1, &body.to_string());
        let (vendor, vendor_account) = (Vendor::Gong, VendorAccount::of(Stand::GONG));
        RawDocument { vendor, vendor_account, connection_id: stand.gong, ..raw }
    };
    let document = r#"{"id":"two","attributes":{"title":"x","finishedAt":"2026-03-01T10:30:00Z",
        "user":{"uuid":"u-1","email":"Bob@Acme.com","firstName":"Bob","lastName":"Ito"},
        "transcript":[{"speaker":"Ana","text":"Hello.","start":0,"end":2}]}}"#;
    let (one, two) = (hosted("one"), stand.raw("two", 1, document));
    let documents = [&one, &two].map(|document| Outgoing::to_work(&NORMALIZE_LIVE, document.encode()));
    stand.publish(documents.to_vec()).await;
    stand.until("changed", 2).await;
    let read = async |document: &RawDocument<'_>| {
        let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
        let found = timeline::conversation(&tx, document.conversation_id()).await.unwrap().unwrap();
        let owner = found.owner.unwrap();
        (owner.name, owner.email, owner.user)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(read(&one).await, (None, None, None), "all that is known is an id");
    assert_eq!(read(&two).await, (text("Bob Ito"), text("Bob@Acme.com"), None));

    // whoever is known later owns it at once
    let users = [user("77", &["b@acme.com", "bob@acme.com"]), user("78", &["eve@acme.com", "e@acme.com"])];
    take_records(stand.db.store(), (&stand.tenant, stand.gong), Stream::Users, &users, 1).await;
    assert_eq!(read(&one).await, (text("Bob"), text("b@acme.com"), text("77")));
    assert_eq!(read(&two).await, (text("Bob Ito"), text("Bob@Acme.com"), text("77")), "by another address");
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn a_party_without_an_address_is_the_user_whose_id_it_has_whoever_is_known_first() {
    let stand = Stand::fresh().await;
    let document = |key: &str| {
        let body = json!({ "metaData": { "id": key, "started": "2026-03-01T10:00:00Z" }, "parties": [
            { "id": "1", "name": "Bob", "userId": "77" }, { "id": "2", "name": "Eve", "userId": "78" },
            { "id": "3", "name": "Ana", "emailAddress": "ana@customer.com" }] });
        let raw = stand.raw(key, 1, &body.to_string());
        let (vendor, vendor_account) = (Vendor::Gong, VendorAccount::of(Stand::GONG));
        RawDocument { vendor, vendor_account, connection_id: stand.gong, ..raw }
    };
    let sides = async |key: &str| -> Vec<(String, Option<String>)> {
        let exported = stand.export().await;
        let one = exported.into_iter().find(|one| one.external_id == key).expect("the call");
        one.participants.into_iter().map(|person| (person.side, person.user)).collect()
    };
    let side = |side: &str, user: Option<&str>| (side.to_owned(), user.map(str::to_owned));
    let unknown = [side("unknown", None), side("unknown", None), side("external", None)];
    let known = [side("internal", Some("77")), side("unknown", None), side("external", None)];
    let publish = async |document: RawDocument<'_>| {
        stand.publish(vec![Outgoing::to_work(&NORMALIZE_LIVE, document.encode())]).await;
    };
    let keep = async |connection: ConnectionId, id: &str| {
        let users = [user(id, &[&format!("{id}@acme.com")])];
        take_records(stand.db.store(), (&stand.tenant, connection), Stream::Users, &users, 1).await;
    };
    let running = stand.start();
    publish(document("before")).await;
    stand.until("changed", 1).await;
    assert_eq!(sides("before").await, unknown);

    // another vendor's user of that id is somebody else
    keep(stand.raw("any", 1, "{}").connection_id, "78").await;
    keep(stand.gong, "77").await;
    publish(document("after")).await;
    stand.until("changed", 2).await;
    assert_eq!(sides("after").await, known);
    stand.link_what_changed(async || sides("before").await == known).await;

    // as older programs left them; what is still on its way would make up for it at once
    running.stop().await;
    for older in [
        "UPDATE participants SET vendor_user_id = NULL, user_external_id = NULL, side = 'unknown' WHERE email IS NULL",
        "UPDATE conversations SET rules_applied = 3",
        "DELETE FROM rule_walks",
    ] {
        stand.db.execute(older).await;
    }
    assert_eq!(sides("before").await, unknown);
    let running = stand.start();
    stand.link_what_changed(async || sides("before").await == known && sides("after").await == known).await;
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn whom_a_recorder_takes_for_a_contact_votes_for_its_account_whoever_is_known_first() {
    let stand = Stand::fresh().await;
    let document = |key: &str| {
        let contact = json!({ "objectType": "Contact", "objectId": "003D000000IRFma" });
        let lead = json!({ "objectType": "Lead", "objectId": "00QD000000IRFma" });
        let body = json!({ "metaData": { "id": key, "started": "2026-03-01T10:00:00Z" }, "parties": [
            { "id": "1", "name": "Bob", "emailAddress": "bob@acme.com" },
            { "id": "2", "phoneNumber": "+1 415 555 0100",
              "context": [{ "system": "Salesforce", "objects": [lead, contact] }] }] });
        let raw = stand.raw(key, 1, &body.to_string());
        let (vendor, vendor_account) = (Vendor::Gong, VendorAccount::of(Stand::GONG));
        RawDocument { vendor, vendor_account, connection_id: stand.gong, ..raw }
    };
    let told = async |key: &str| {
        let exported = stand.export().await;
        let one = exported.into_iter().find(|one| one.external_id == key).expect("the call");
        let caller = one.participants.into_iter().nth(1).expect("the caller");
        (one.account.map(|account| account.external_id), caller.side, caller.contact)
    };
    let publish = async |document: RawDocument<'_>| {
        stand.publish(vec![Outgoing::to_work(&NORMALIZE_LIVE, document.encode())]).await;
    };
    let unknown = (None, "unknown".to_owned(), None);
    let of = |account: &str| {
        (Some(account.to_owned()), "external".to_owned(), Some("003D000000IRFmaIAH".to_owned()))
    };
    let crm = VendorAccount::of("00D");
    connected_to(stand.db.store(), &stand.tenant, Vendor::Salesforce, &crm).await;
    let running = stand.start();
    publish(document("before")).await;
    stand.until("changed", 1).await;
    assert_eq!(told("before").await, unknown);

    for known in [
        "INSERT INTO accounts (tenant_id, account_id, source, external_id, name)
         SELECT 'acme', md5(name)::uuid, 'salesforce:00D', name, name FROM unnest('{one,other}'::text[]) AS n (name)",
        "INSERT INTO contacts (tenant_id, source, external_id, account_id, name)
         VALUES ('acme', 'salesforce:00D', '003D000000IRFmaIAH', md5('one')::uuid, 'Ana')",
        "INSERT INTO account_changes (tenant_id, email_keys, domains, external_ids, account_ids)
         VALUES ('acme', '{}', '{}', '{003D000000IRFmaIAH}', '{}')",
    ] {
        stand.db.execute(known).await;
    }
    stand.link_what_changed(async || told("before").await == of("one")).await;
    publish(document("after")).await;
    stand.until("changed", 2).await;
    assert_eq!(told("after").await, of("one"));

    // as older programs left them, while the contact went to another account
    for older in [
        "UPDATE contacts SET account_id = md5('other')::uuid",
        "UPDATE participants SET vendor_contact_id = NULL",
        "UPDATE conversations SET rules_applied = 4",
        "DELETE FROM rule_walks",
    ] {
        stand.db.execute(older).await;
    }
    running.stop().await;
    let running = stand.start();
    stand
        .link_what_changed(async || told("before").await == of("other") && told("after").await == of("other"))
        .await;
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn a_database_that_is_away_costs_no_attempt() {
    let stand = Stand::fresh().await;
    let running = stand.start_without_database();
    stand.publish(vec![stand.document("one", 1, &call("one", "x"))]).await;
    stand.until("snoozed", 3).await;
    running.stop().await;
    let running = stand.start();
    stand.until("changed", 1).await;
    assert_eq!(stand.export().await.len(), 1);
    running.stop().await;
    stand.finish().await;
}

#[tokio::test]
async fn live_documents_do_not_wait_for_a_backfill_that_is_stuck() {
    let stand = Stand::fresh().await;
    let stuck = stand.raw("stuck", 1, "{}");
    let tx = stand.db.store().begin(Speaker::Tenant(&stand.tenant)).await.unwrap();
    let key = VendorKey::of("stuck");
    let arrival = store::conversation_write::Arrival {
        stream: model::Stream::Conversations,
        tenant: &stand.tenant,
        connection_id: stuck.connection_id,
        vendor_key: &key,
        conversation_id: stuck.conversation_id(),
        asked_at: stuck.asked_at,
        listed_hash: stuck.listed_hash,
    };
    store::conversation_write::lock_standings(&tx, &[arrival]).await.unwrap();
    let body = body_of(&stand.raw("stuck", 1, &call("stuck", "x")));
    stand.publish(vec![Outgoing::to_work(&NORMALIZE_BACKFILL, body)]).await;
    let running = stand.start();
    stand.publish(vec![stand.document("live", 1, &call("live", "x"))]).await;
    stand.until("changed", 1).await;
    assert_eq!(stand.export().await[0].external_id, "live");
    tx.rollback().await.unwrap();
    stand.until("changed", 2).await;
    running.stop().await;
    stand.finish().await;
}
