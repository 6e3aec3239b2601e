//! A tenant with a connection, and documents of one record at any version.

use model::{
    Attendee, ConnectionId, ContentHash, Conversation, ConversationId, Insight, LinkedRecord, Platform,
    Segment, Side, SkipReason, TenantId, Transcript, TranscriptStatus, Vendor, VendorAccount, VendorKey,
    Version,
};
use serde_json::json;
use store::account::{self, AccountFilter, AccountRecord, ContactRecord, ImportCounts};
use store::conversation::Link;
use store::conversation_write::{
    Arrival, Changed, Found, Participant, Skipped, Stored, Verdict, Writes, lock_standings, write,
};
use store::meeting::MeetingKeys;
use store::testing::{TestDatabase, connected};
use store::timeline::{self, ExportedConversation};
use store::{Speaker, Store, StoreError};

pub(crate) const CONTACT: &str = "ana@customer.com";

/// A tenant with a connection.
pub(crate) struct World {
    pub(crate) db: TestDatabase,
    pub(crate) tenant: TenantId,
    pub(crate) account: VendorAccount,
    pub(crate) connection: ConnectionId,
}

pub(crate) fn tenant_id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let db = TestDatabase::fresh().await;
        let (tenant, account) = (tenant_id("acme"), VendorAccount::of("org-1"));
        let connection = connected(db.store(), &tenant, &account).await;
        Self { db, tenant, account, connection }
    }

    /// The same; whoever made it has hung up.
    pub(crate) async fn new_and_away() -> Self {
        let db = TestDatabase::fresh().await;
        let (tenant, account) = (tenant_id("acme"), VendorAccount::of("org-1"));
        let connection = connected(&db.another_store(), &tenant, &account).await;
        Self { db, tenant, account, connection }
    }

    pub(crate) fn store(&self) -> &Store {
        self.db.store()
    }

    pub(crate) fn id_of(&self, key: &str) -> ConversationId {
        ConversationId::derive(&self.tenant, Vendor::Attention, &self.account, &VendorKey::of(key))
    }

    /// One document in a transaction of its own, as the normalizer does it.
    pub(crate) async fn take(&self, document: &Document) -> Result<Verdict, StoreError> {
        let tx = self.store().begin(Speaker::Tenant(&self.tenant)).await?;
        let verdict = take_in(self, &tx, document).await?;
        tx.commit().await?;
        Ok(verdict)
    }

    pub(crate) async fn export(&self) -> Vec<ExportedConversation> {
        let tx = self.store().begin(Speaker::Tenant(&self.tenant)).await.unwrap();
        let (rows, _) = timeline::export_page(&tx, &self.tenant, None, 100).await.unwrap();
        rows
    }
}

/// What a version of a record says.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Content(Box<Conversation>, Link),
    Skip(SkipReason),
}

/// A version of a record.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) key: VendorKey,
    pub(crate) version: Version,
    pub(crate) says: Says,
}

impl Document {
    pub(crate) fn content(key: &str, version: i64, conversation: Conversation) -> Self {
        Self::linked(key, version, conversation, no_link())
    }

    pub(crate) fn linked(key: &str, version: i64, conversation: Conversation, link: Link) -> Self {
        let says = Says::Content(Box::new(conversation), link);
        Self { key: VendorKey::of(key), version: Version(version), says }
    }

    pub(crate) fn skip(key: &str, version: i64, reason: SkipReason) -> Self {
        Self { key: VendorKey::of(key), version: Version(version), says: Says::Skip(reason) }
    }
}

pub(crate) fn all_accounts() -> AccountFilter {
    AccountFilter { named: None, limit: 1000 }
}

pub(crate) fn no_link() -> Link {
    Link { account: None, rule: "none".to_owned(), rule_version: 1, evidence: json!({}) }
}

pub(crate) fn attendee(name: &str, email: &str) -> Attendee {
    Attendee {
        vendor_person_id: None,
        vendor_user_id: None,
        vendor_contact_id: None,
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
        title: Some("CTO".to_owned()),
        phone: None,
        organizer: false,
    }
}

pub(crate) fn segment(speaker: &str, text: &str) -> Segment {
    Segment { speaker: Some(speaker.to_owned()), start_ms: Some(0), end_ms: Some(900), text: text.to_owned() }
}

pub(crate) fn conversation(key: &str, title: &str) -> Conversation {
    Conversation {
        external_id: VendorKey::of(key),
        title: Some(title.to_owned()),
        url: Some(format!("https://vendor.example/{key}")),
        started_at: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        ended_at: Some("2026-03-01T10:30:00Z".parse().unwrap()),
        duration_s: Some(1800.0),
        platform: Some(Platform::Zoom),
        join_url: None,
        calendar_event_id: None,
        private: false,
        archived: false,
        empty: false,
        owner: None,
        attendees: vec![attendee("Ana", CONTACT), attendee("Bob", "bob@acme.com")],
        transcript: Transcript {
            status: TranscriptStatus::Ready,
            segments: vec![segment("Ana", "Hello"), segment("Bob", "Grüße 👋")],
        },
        summary: Some("They greet.".to_owned()),
        insights: vec![Insight {
            key: "next".to_owned(),
            title: Some("Next steps".to_owned()),
            category: None,
            value: json!(["a", 1]),
        }],
        linked_records: vec![LinkedRecord { external_id: "crm-1".to_owned(), code: "Account".to_owned() }],
        attributes: json!({ "labels": ["x"] }),
        nul_characters_removed: 0,
    }
}

pub(crate) async fn take_in(
    world: &World,
    tx: &store::Tx,
    document: &Document,
) -> Result<Verdict, StoreError> {
    let arrival = Arrival {
        stream: model::Stream::Conversations,
        tenant: &world.tenant,
        connection_id: world.connection,
        vendor_key: &document.key,
        conversation_id: ConversationId::derive(
            &world.tenant,
            Vendor::Attention,
            &world.account,
            &document.key,
        ),
        asked_at: document.version,
        listed_hash: ContentHash::of(format!("{:?}", document.says).as_bytes()),
    };
    let locked = lock_standings(tx, &[arrival]).await?;
    let standing = locked.standing(world.connection, &document.key).unwrap();
    let mut writes = Writes::default();
    let verdict;
    match &document.says {
        Says::Skip(reason) => {
            verdict = standing.judge(document.version, arrival.listed_hash, Found::Skip(*reason));
            if verdict == Verdict::Skipped {
                writes.skipped.push(Skipped { arrival, reason: *reason, raw: Some(b"{}") });
            }
        }
        Says::Content(conversation, link) => {
            let content_hash = ContentHash::of(&serde_json::to_vec(conversation).unwrap());
            verdict = standing.judge(document.version, arrival.listed_hash, Found::Content(content_hash));
            let stored = Stored { arrival, content_hash, awaits_transcript: false, look: None };
            match verdict {
                Verdict::Changed => writes.changed.push(changed(world, stored, conversation, link)),
                Verdict::Unchanged => writes.unchanged.push(stored),
                _ => {}
            }
        }
    }
    write(tx, &mut writes).await?;
    Ok(verdict)
}

fn changed<'a>(
    world: &'a World,
    stored: Stored<'a>,
    conversation: &'a Conversation,
    link: &Link,
) -> Changed<'a> {
    Changed {
        stored,
        vendor: Vendor::Attention,
        vendor_account: &world.account,
        conversation,
        keys: MeetingKeys {
            join: conversation.join_url.clone(),
            calendar: conversation.calendar_event_id.clone(),
        },
        owner_email_key: conversation.owner.as_ref().and_then(|owner| owner.email.clone()),
        internal: false,
        participants: participants(&conversation.attendees, None),
        link: link.clone(),
        raw: b"{\"listed\":{}}",
    }
}

pub(crate) fn participants<'a>(attendees: &'a [Attendee], contact: Option<&str>) -> Vec<Participant<'a>> {
    attendees
        .iter()
        .map(|attendee| {
            let email = attendee.email.clone();
            let is_contact = email.as_deref() == Some(CONTACT);
            Participant {
                attendee,
                domain: email.as_ref().and_then(|email| Some(email.split_once('@')?.1.to_owned())),
                email_key: email,
                votes: true,
                side: if is_contact { Side::External } else { Side::Internal },
                contact_external_id: contact.filter(|_| is_contact).map(str::to_owned),
                user_external_id: None,
            }
        })
        .collect()
}

pub(crate) fn account(external_id: &str, domains: &[&str]) -> AccountRecord {
    AccountRecord {
        external_id: external_id.to_owned(),
        name: format!("Account {external_id}"),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        created_at: None,
    }
}

pub(crate) fn contact(email: &str, account: &str) -> ContactRecord {
    ContactRecord {
        external_id: email.to_owned(),
        account_external_id: account.to_owned(),
        name: None,
        email: email.to_owned(),
        email_key: email.to_owned(),
    }
}

pub(crate) async fn import(
    world: &World,
    accounts: &[AccountRecord],
    contacts: &[ContactRecord],
) -> ImportCounts {
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let counts = account::import(&tx, &world.tenant, "csv", accounts, contacts).await.unwrap();
    tx.commit().await.unwrap();
    counts
}
