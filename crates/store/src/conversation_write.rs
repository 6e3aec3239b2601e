//! The write of a batch of documents, of any tenants, in one transaction.
//!
//! First the intake rows are locked, in key order; each document is judged by what they say; then everything is written in one
//! round trip of set statements. Whoever holds the intake row of a record is the only one who writes anything about it.

mod conversations;
pub(crate) mod intake;
mod parts;
mod standing;

use jiff::Timestamp;
use model::{
    Attendee, ConnectionId, ContentHash, Conversation, ConversationId, Side, SkipReason, Stream, TenantId,
    Vendor, VendorAccount, VendorKey, Version,
};

use crate::conversation::Link;
use crate::meeting::{self, MeetingKeys};
use crate::{StoreError, Tx};
pub use intake::raw_versions;
pub use standing::{Found, Locked, Standing, Verdict, lock_standings};

/// A document that arrived: of which record, from when.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Whose record it is.
    pub tenant: &'a TenantId,
    /// The connection it came through.
    pub connection_id: ConnectionId,
    /// What kind of record it is.
    pub stream: Stream,
    /// The record's id at the vendor.
    pub vendor_key: &'a VendorKey,
    /// The conversation it becomes; of another stream the id that one would have, for the order of rows.
    pub conversation_id: ConversationId,
    /// When the vendor was asked for it.
    pub asked_at: Version,
    /// Hash of the list row that led to it.
    pub listed_hash: ContentHash,
}

/// When a follow-up shall look at a record by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLook {
    /// When.
    pub at: Timestamp,
    /// Why: `transcript` or `second-look`.
    pub reason: &'static str,
}

/// A record whose stored content is confirmed or replaced by a document.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The document.
    pub arrival: Arrival<'a>,
    /// Hash of everything that is stored.
    pub content_hash: ContentHash,
    /// The transcript is still to come.
    pub awaits_transcript: bool,
    /// The next look.
    pub look: Option<NextLook>,
}

/// A conversation that is to be written in full.
#[derive(Debug, Clone)]
pub struct Changed<'a> {
    /// The document and its standing.
    pub stored: Stored<'a>,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: &'a VendorAccount,
    /// The content.
    pub conversation: &'a Conversation,
    /// By which the copies of its meeting are found.
    pub keys: MeetingKeys,
    /// The owner's address in normal form.
    pub owner_email_key: Option<String>,
    /// Only the tenant's own people took part.
    pub internal: bool,
    /// The people, in the vendor's order.
    pub participants: Vec<Participant<'a>>,
    /// The account; a person's decision stands against it.
    pub link: Link,
    /// The document as the vendor sent it, as JSON.
    pub raw: &'a [u8],
}

/// An attendee with what was found out about them.
#[derive(Debug, Clone)]
pub struct Participant<'a> {
    /// As the vendor names them.
    pub attendee: &'a Attendee,
    /// The address in normal form.
    pub email_key: Option<String>,
    /// Registrable domain of the address, if it can find an account.
    pub domain: Option<String>,
    /// Takes part in finding the account; false for bots and rooms.
    pub votes: bool,
    /// Whose people they belong to.
    pub side: Side,
    /// The CRM's contact.
    pub contact_external_id: Option<String>,
    /// The tenant's user.
    pub user_external_id: Option<String>,
}

/// A record that is not kept.
#[derive(Debug, Clone, Copy)]
pub struct Skipped<'a> {
    /// The document.
    pub arrival: Arrival<'a>,
    /// Why.
    pub reason: SkipReason,
    /// The document as the vendor sent it; none of a private one.
    pub raw: Option<&'a [u8]>,
}

/// What a batch comes to, each record once.
#[derive(Debug, Clone, Default)]
pub struct Writes<'a> {
    /// To be written in full.
    pub changed: Vec<Changed<'a>>,
    /// Known as they are: they cost the intake row only.
    pub unchanged: Vec<Stored<'a>>,
    /// Not kept.
    pub skipped: Vec<Skipped<'a>>,
}

/// Writes a batch whose intake rows this transaction has locked.
pub async fn write(tx: &Tx, writes: &mut Writes<'_>) -> Result<(), StoreError> {
    // key order, everywhere: two batches never wait for one another in a circle
    writes.changed.sort_by_key(|changed| changed.stored.arrival.conversation_id);
    writes.skipped.sort_by_key(|skipped| skipped.arrival.conversation_id);
    let arrivals = writes.changed.iter().map(|changed| &changed.stored.arrival);
    let mut touched: Vec<_> =
        arrivals.map(|arrival| (arrival.tenant.as_str(), arrival.conversation_id.0)).collect();
    if !writes.changed.is_empty() {
        conversations::upsert(tx, &writes.changed).await?;
        parts::replace(tx, &writes.changed).await?;
    }
    if !writes.skipped.is_empty() {
        touched.extend(conversations::withdraw(tx, &writes.skipped).await?);
    }
    if !touched.is_empty() {
        meeting::note(tx, &touched).await?;
    }
    intake::keep_raw(tx, writes).await?;
    intake::note(tx, writes).await
}
