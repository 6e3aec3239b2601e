//! Meetings: which conversations are to be matched, what could be a copy of what, and where each belongs.
//!
//! Whoever writes a conversation leaves a batch for it in the same transaction, so it is matched after it was committed: of two copies
//! that are stored at once, the one matched later sees the other. Matching of one tenant goes one at a time (`lock`), and reads only
//! after it has the lock, so no older answer is written over a newer one. What is written while it is matched leaves a batch of its own.

mod aliases;
mod near;
mod source;
mod split;

use jiff::Timestamp;
use model::{ConversationId, MeetingId, TenantId, Vendor, VendorAccount};
use serde_json::Value;
use uuid::Uuid;

use crate::{StoreError, Tx};
pub use near::{Near, Reach, near};
pub use source::{Found, Source, find, sources};
pub use split::{parted_from, rejoin, split, splits};

/// Names by which copies of a meeting are found; equal ones are the same room or event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeetingKeys {
    /// The room.
    pub join: Option<String>,
    /// The calendar's event.
    pub calendar: Option<String>,
}

/// Leaves batches for conversations whose meetings are to be found again: written in the transaction that changed them.
pub(crate) async fn note(tx: &Tx, changed: &[(&str, Uuid)]) -> Result<(), StoreError> {
    let (tenants, ids): (Vec<&str>, Vec<Uuid>) = changed.iter().copied().unzip();
    let most = i64::try_from(model::message::ResolveBatch::CONVERSATIONS_MAX).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, relinks)
         SELECT gen_random_uuid(), tenant_id, array_agg(id), now(), false
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS c (tenant_id, id, place)
         GROUP BY tenant_id, place / $3",
        &[&tenants, &ids, &most],
    )
    .await?;
    Ok(())
}

/// Lets one transaction at a time find the meetings of a tenant; what is read from here on is what the one before has written.
pub async fn lock(tx: &Tx, tenant: &TenantId) -> Result<(), StoreError> {
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended('meetings of ' || $1, 0))";
    tx.query_one(sql, &[&tenant.as_str()]).await?;
    Ok(())
}

/// A conversation as matching needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeetingCopy {
    /// Its id.
    pub id: ConversationId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// Start; without one it is a meeting by itself.
    pub started_at: Option<Timestamp>,
    /// End.
    pub ended_at: Option<Timestamp>,
    /// Not shown any more, and in no meeting.
    pub is_withdrawn: bool,
    /// Where it belongs as it is stored.
    pub meeting: MeetingId,
    /// Room and event.
    pub keys: MeetingKeys,
    /// Addresses of everybody but bots and rooms, and whether they are guests.
    pub people: Vec<(String, bool)>,
}

/// Loads conversations, in ascending order.
pub async fn load(tx: &Tx, ids: &[ConversationId]) -> Result<Vec<MeetingCopy>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = tx
        .query(
            "SELECT conversation_id, vendor, vendor_account, started_at,
                    coalesce(ended_at, started_at + make_interval(secs => least(duration_s, 1e6))),
                    withdrawn_at IS NOT NULL, join_key, calendar_key,
                    ARRAY (SELECT email_key FROM participants p WHERE p.conversation_id = c.conversation_id AND votes
                           AND email_key IS NOT NULL AND side = 'external'),
                    ARRAY (SELECT email_key FROM participants p WHERE p.conversation_id = c.conversation_id AND votes
                           AND email_key IS NOT NULL AND side <> 'external'),
                    meeting_id
             FROM conversations c WHERE conversation_id = ANY ($1) ORDER BY conversation_id",
            &[&ids],
        )
        .await?;
    rows.iter().map(copy).collect()
}

fn copy(row: &tokio_postgres::Row) -> Result<MeetingCopy, StoreError> {
    let (guests, hosts): (Vec<String>, Vec<String>) = (row.try_get(8)?, row.try_get(9)?);
    let people = |all: Vec<String>, is_guest| all.into_iter().map(move |email_key| (email_key, is_guest));
    Ok(MeetingCopy {
        id: ConversationId(row.try_get(0)?),
        vendor: row.try_get::<_, &str>(1)?.parse()?,
        vendor_account: VendorAccount::of(row.try_get(2)?),
        started_at: row.try_get(3)?,
        ended_at: row.try_get(4)?,
        is_withdrawn: row.try_get(5)?,
        meeting: MeetingId(row.try_get(10)?),
        keys: MeetingKeys { join: row.try_get(6)?, calendar: row.try_get(7)? },
        people: people(guests, true).chain(people(hosts, false)).collect(),
    })
}

/// Where a conversation belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The conversation.
    pub id: ConversationId,
    /// Its meeting.
    pub meeting: MeetingId,
    /// The copies it matches, and why.
    pub evidence: Value,
}

/// Writes where conversations belong, where that differs from what is stored; returns how many moved to another meeting.
pub async fn place(tx: &Tx, tenant: &TenantId, placements: &[Placement]) -> Result<usize, StoreError> {
    let ids: Vec<Uuid> = placements.iter().map(|one| one.id.0).collect();
    let meetings: Vec<Uuid> = placements.iter().map(|one| one.meeting.0).collect();
    let evidence: Vec<String> = placements.iter().map(|one| one.evidence.to_string()).collect();
    let rows = tx
        .query(
            // locked in the order in which everybody locks conversations
            "WITH placed AS (
                 SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS p (id, meeting, evidence)),
             known AS MATERIALIZED (
                 SELECT c.conversation_id, c.meeting_id FROM conversations c JOIN placed ON placed.id = c.conversation_id
                 WHERE c.tenant_id = $1 AND (c.meeting_id, c.meeting_evidence) IS DISTINCT FROM (placed.meeting, placed.evidence::jsonb)
                 ORDER BY c.conversation_id FOR NO KEY UPDATE OF c)
             UPDATE conversations c SET meeting_id = p.meeting, meeting_evidence = p.evidence::jsonb,
                 updated_at = CASE WHEN known.meeting_id <> p.meeting THEN now() ELSE c.updated_at END
             FROM known JOIN placed p ON p.id = known.conversation_id
             WHERE c.conversation_id = known.conversation_id
             RETURNING known.meeting_id, c.meeting_id",
            &[&tenant.as_str(), &ids, &meetings, &evidence],
        )
        .await?;
    let moves = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let moves = moves.collect::<Result<Vec<(Uuid, Uuid)>, StoreError>>()?;
    let moves: Vec<(Uuid, Uuid)> = moves.into_iter().filter(|(from, to)| from != to).collect();
    if !moves.is_empty() {
        aliases::follow(tx, tenant, &moves).await?;
    }
    Ok(moves.len())
}
