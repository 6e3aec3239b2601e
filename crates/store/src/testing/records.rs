//! Records of a CRM, and users, as the normalizer takes them in.

use model::{
    ConnectionId, ContentHash, ConversationId, CrmBody, CrmRecord, CrmUser, Presence, Stream, TenantId,
    Vendor, VendorAccount, VendorKey, Version,
};

use crate::conversation_write::{Arrival, Stored, lock_standings};
use crate::crm::{self, ChangedRecord, RecordWrites};
use crate::{Speaker, Store};

/// Takes records of the portal `portal` in, all at once.
pub async fn take_records(
    store: &Store,
    (tenant, connection_id): (&TenantId, ConnectionId),
    stream: Stream,
    records: &[CrmRecord],
    version: i64,
) {
    let key = |record: &CrmRecord| VendorKey::of(&format!("{stream}/{}", record.external_id));
    let keys: Vec<VendorKey> = records.iter().map(key).collect();
    let (vendor, portal) = (Vendor::HubSpot, VendorAccount::of("portal"));
    let stored = records.iter().zip(&keys).map(|(record, vendor_key)| {
        let conversation_id = ConversationId::derive(tenant, vendor, &portal, vendor_key);
        let (asked_at, listed_hash) = (Version(version), ContentHash::of(b"row"));
        let arrival =
            Arrival { tenant, connection_id, stream, vendor_key, conversation_id, asked_at, listed_hash };
        let content_hash = ContentHash::of(format!("{record:?}").as_bytes());
        Stored { arrival, content_hash, awaits_transcript: false, look: None }
    });
    let stored: Vec<Stored<'_>> = stored.collect();
    let arrivals: Vec<Arrival<'_>> = stored.iter().map(|stored| stored.arrival).collect();
    let changed = records.iter().zip(&stored).map(|(record, stored)| ChangedRecord {
        stored: *stored,
        vendor,
        vendor_account: &portal,
        record,
        raw: b"{}",
    });
    let mut writes = RecordWrites { changed: changed.collect(), unchanged: Vec::new() };
    let tx = store.begin(Speaker::Tenant(tenant)).await.expect("a transaction");
    lock_standings(&tx, &arrivals).await.expect("locked rows");
    crm::write(&tx, &mut writes).await.expect("written records");
    tx.commit().await.expect("a commit");
}

/// A user with these addresses, the main one first.
pub fn user(id: &str, emails: &[&str]) -> CrmRecord {
    let user = CrmUser {
        name: Some("Bob".to_owned()),
        email: emails.first().map(|email| (*email).to_owned()),
        email_keys: emails.iter().map(|email| email.to_lowercase()).collect(),
    };
    record(id, CrmBody::User(user))
}

/// A record that is there.
pub fn record(id: &str, body: CrmBody) -> CrmRecord {
    CrmRecord {
        external_id: id.to_owned(),
        presence: Presence::Live,
        merged_ids: [].into(),
        created_at: None,
        owner_external_id: None,
        body,
    }
}
