//! Conversations as people and programs read them: a timeline, one in full, everything page by page.

mod export;

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{AccountId, ConversationId, MeetingId, TenantId, Vendor};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::meeting::{self, Source};
use crate::report::{self, Whereabouts};
use crate::{StoreError, Tx};
pub use export::{
    ExportCursor, ExportedAccount, ExportedConversation, ExportedInsight, ExportedParticipant,
    ExportedSegment, ExportedTranscript, export_page,
};

/// Which conversations a timeline shows.
#[derive(Debug, Clone, Default)]
pub struct TimelineFilter {
    /// On this account: its id at its source, or its own id.
    pub account: Option<String>,
    /// With a copy of this vendor; that copy is shown.
    pub source: Option<Vendor>,
    /// Newest first, at most so many.
    pub limit: i64,
}

/// A meeting on a timeline, as one of its copies tells it: one with a transcript, if there is one, else the one that began first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineEntry {
    /// The meeting.
    pub meeting_id: MeetingId,
    /// All its copies, the first to begin first.
    pub sources: Vec<Source>,
    /// The copy that is shown.
    pub conversation_id: ConversationId,
    /// The vendor.
    pub vendor: String,
    /// The vendor's id.
    pub external_id: String,
    /// Title.
    pub title: Option<String>,
    /// Start.
    pub started_at: Option<Timestamp>,
    /// Length in seconds.
    pub duration_s: Option<f64>,
    /// Where it took place.
    pub platform: Option<String>,
    /// Only the tenant's own people took part.
    pub internal: bool,
    /// Name of the account it is on, by all its copies.
    pub account: Option<String>,
    /// That account's id at its source.
    pub account_external_id: Option<String>,
    /// How the account was found.
    pub rule: String,
    /// External people took part: their names, or their addresses.
    pub people: Vec<String>,
    /// Whether the transcript is there.
    pub transcript_status: String,
    /// Summary.
    pub summary: Option<String>,
}

/// The copy that is shown of each meeting, on the account of all of them.
const SHOWN: &str = "SELECT c.conversation_id, c.vendor, c.external_id, c.title, c.started_at, c.duration_s, c.platform, c.internal,
           a.name, l.link_rule, ARRAY (
               SELECT coalesce(p.name, p.email) FROM participants p
               WHERE p.conversation_id = c.conversation_id AND p.side = 'external' AND p.votes
                 AND coalesce(p.name, p.email) IS NOT NULL ORDER BY p.ordinal),
           c.transcript_status, c.summary, c.meeting_id, a.external_id
    FROM conversations c
    JOIN meeting_links l ON l.conversation_id = c.conversation_id
    LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.account_id = l.account_id
    WHERE c.tenant_id = $1 AND c.withdrawn_at IS NULL AND ($2::text IS NULL OR c.vendor = $2)
      AND c.conversation_id = (
          SELECT m.conversation_id FROM conversations m
          WHERE m.tenant_id = $1 AND m.meeting_id = c.meeting_id AND m.withdrawn_at IS NULL
            AND ($2::text IS NULL OR m.vendor = $2)
          ORDER BY m.transcript_status <> 'ready', m.started_at, m.conversation_id LIMIT 1)";

/// A tenant's meetings, newest first, without what was withdrawn.
pub async fn timeline(
    tx: &Tx,
    tenant: &TenantId,
    filter: &TimelineFilter,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let rows = match &filter.account {
        Some(account) => of_account(tx, tenant, filter, account).await?,
        None => of_all(tx, tenant, filter).await?,
    };
    let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let meetings: Vec<MeetingId> = entries.iter().map(|entry| entry.meeting_id).collect();
    let mut sources = meeting::sources(tx, tenant, &meetings).await?;
    for entry in &mut entries {
        entry.sources = sources.remove(&entry.meeting_id).unwrap_or_default();
    }
    Ok(entries)
}

/// The index of starts is read backwards, so no more conversations are looked at than are shown; those without a start come last.
async fn of_all(tx: &Tx, tenant: &TenantId, filter: &TimelineFilter) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for is_dated in ["c.started_at IS NOT NULL", "c.started_at IS NULL"] {
        let missing = filter.limit - i64::try_from(rows.len()).unwrap_or(filter.limit);
        if missing > 0 {
            let sql = format!(
                "{SHOWN} AND {is_dated}
                 ORDER BY c.started_at DESC, c.external_id COLLATE \"C\" DESC, c.conversation_id DESC LIMIT $3"
            );
            rows.extend(
                tx.query(&sql, &[&tenant.as_str(), &filter.source.map(Vendor::as_str), &missing]).await?,
            );
        }
    }
    Ok(rows)
}

/// Only a meeting with a copy on the account can be on it: these are found by an index.
async fn of_account(
    tx: &Tx,
    tenant: &TenantId,
    filter: &TimelineFilter,
    account: &str,
) -> Result<Vec<Row>, StoreError> {
    let found = tx
        .query(
            "SELECT account_id FROM accounts WHERE tenant_id = $1 AND external_id = $2
             UNION SELECT account_id FROM accounts WHERE tenant_id = $1 AND account_id = $3",
            &[&tenant.as_str(), &account, &account.parse::<Uuid>().ok()],
        )
        .await?;
    let accounts = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
    let sql = format!(
        "WITH touched AS MATERIALIZED (
             SELECT DISTINCT meeting_id FROM conversations WHERE tenant_id = $1 AND account_id = ANY ($4))
         {SHOWN} AND l.account_id = ANY ($4) AND c.meeting_id IN (SELECT meeting_id FROM touched)
         ORDER BY c.started_at DESC NULLS LAST, c.external_id COLLATE \"C\" DESC, c.conversation_id DESC LIMIT $3"
    );
    tx.query(&sql, &[&tenant.as_str(), &filter.source.map(Vendor::as_str), &filter.limit, &accounts]).await
}

fn entry(row: &Row) -> Result<TimelineEntry, StoreError> {
    Ok(TimelineEntry {
        meeting_id: MeetingId(row.try_get(13)?),
        sources: Vec::new(),
        conversation_id: ConversationId(row.try_get(0)?),
        vendor: row.try_get(1)?,
        external_id: row.try_get(2)?,
        title: row.try_get(3)?,
        started_at: row.try_get(4)?,
        duration_s: row.try_get(5)?,
        platform: row.try_get(6)?,
        internal: row.try_get(7)?,
        account: row.try_get(8)?,
        rule: row.try_get(9)?,
        people: row.try_get(10)?,
        transcript_status: row.try_get(11)?,
        summary: row.try_get(12)?,
        account_external_id: row.try_get(14)?,
    })
}

/// Who owns a recording, as the vendor says, and which of the tenant's users that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Name; the user's, where the vendor of the recording says none.
    pub name: Option<String>,
    /// Address, likewise.
    pub email: Option<String>,
    /// The tenant's user, by its id at the vendor that knows it.
    pub user: Option<String>,
    /// That vendor.
    pub user_of: Option<String>,
}

/// A conversation in full, with what led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationDetail {
    /// Its id.
    pub conversation_id: ConversationId,
    /// The conversation.
    pub conversation: ExportedConversation,
    /// When the vendor was asked for this content, microseconds since 1970.
    pub version: i64,
    /// By which version of the rules its own account was found; 0 is a person's decision.
    pub link_rule_version: i32,
    /// What spoke for the account, and the candidates that lost.
    pub link_evidence: Value,
    /// Names of the accounts that the evidence tells of.
    pub candidates: BTreeMap<AccountId, String>,
    /// When it was put on the account.
    pub linked_at: Option<Timestamp>,
    /// Its account itself, by our id.
    pub account_id: Option<AccountId>,
    /// Since when that does not count any more: a person has put it there, and the CRM has deleted it.
    pub account_deleted_at: Option<Timestamp>,
    /// The copies of its meeting, this one too.
    pub sources: Vec<Source>,
    /// The copies it matches, and what speaks for each.
    pub meeting_evidence: Value,
    /// Conversations that a person has parted from it.
    pub parted_from: Vec<ConversationId>,
    /// The copy whose account the meeting is on.
    pub decided_by: ConversationId,
    /// Who owns the recording.
    pub owner: Option<Owner>,
    /// Telephone numbers of the participants, in their order.
    pub phones: Vec<Option<String>>,
    /// What the vendor says beside.
    pub attributes: Value,
    /// NUL characters taken out.
    pub nul_characters_removed: i32,
    /// Not shown in timelines any more, since when.
    pub withdrawn_at: Option<Timestamp>,
    /// Why not.
    pub withdrawn_reason: Option<String>,
    /// Where the record stands.
    pub standing: Option<Whereabouts>,
}

/// Loads one conversation, withdrawn or not; `None` when there is none.
pub async fn conversation(tx: &Tx, id: ConversationId) -> Result<Option<ConversationDetail>, StoreError> {
    let Some(conversation) = export::by_id(tx, id).await? else { return Ok(None) };
    let row = tx
        .query_one(
            "SELECT c.version, c.link_evidence, c.linked_at, c.attributes, c.nul_characters_removed, c.withdrawn_at,
                    c.withdrawn_reason, c.meeting_evidence, l.decided_by, c.tenant_id, c.meeting_id,
                    coalesce(c.owner_name, o.name), coalesce(c.owner_email, o.email), o.external_id, o.vendor,
                    coalesce(c.owner_name, c.owner_email, c.owner_user_id) IS NOT NULL,
                    ARRAY (SELECT p.phone FROM participants p WHERE p.conversation_id = c.conversation_id ORDER BY p.ordinal),
                    c.link_rule_version, a.account_id, a.deleted_at
             FROM conversations c JOIN meeting_links l USING (conversation_id)
             LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.account_id = l.account_id
             LEFT JOIN conversation_owners o USING (conversation_id) WHERE c.conversation_id = $1",
            &[&id.0],
        )
        .await?;
    let (tenant, meeting) = (TenantId::parse(row.try_get(9)?)?, MeetingId(row.try_get(10)?));
    let mut sources = meeting::sources(tx, &tenant, &[meeting]).await?;
    let mut standings = report::find(tx, &id.to_string()).await?;
    Ok(Some(ConversationDetail {
        conversation_id: id,
        conversation,
        version: row.try_get(0)?,
        link_rule_version: row.try_get(17)?,
        link_evidence: row.try_get(1)?,
        candidates: candidates(tx, id).await?,
        linked_at: row.try_get(2)?,
        account_id: row.try_get::<_, Option<Uuid>>(18)?.map(AccountId),
        account_deleted_at: row.try_get(19)?,
        sources: sources.remove(&meeting).unwrap_or_default(),
        meeting_evidence: row.try_get(7)?,
        parted_from: meeting::parted_from(tx, id).await?,
        decided_by: ConversationId(row.try_get(8)?),
        owner: owner(&row)?,
        phones: row.try_get(16)?,
        attributes: row.try_get(3)?,
        nul_characters_removed: row.try_get(4)?,
        withdrawn_at: row.try_get(5)?,
        withdrawn_reason: row.try_get(6)?,
        standing: standings.pop(),
    }))
}

fn owner(row: &tokio_postgres::Row) -> Result<Option<Owner>, StoreError> {
    let is_known: bool = row.try_get(15)?;
    let (name, email) = (row.try_get(11)?, row.try_get(12)?);
    let owner = Owner { name, email, user: row.try_get(13)?, user_of: row.try_get(14)? };
    Ok(is_known.then_some(owner))
}

async fn candidates(tx: &Tx, id: ConversationId) -> Result<BTreeMap<AccountId, String>, StoreError> {
    let rows = tx
        .query(
            "SELECT DISTINCT a.account_id, a.name
             FROM conversations c, jsonb_path_query(c.link_evidence, '$.**.account_id') AS told
             JOIN accounts a ON a.account_id = (told #>> '{}')::uuid
             WHERE c.conversation_id = $1 AND a.tenant_id = c.tenant_id",
            &[&id.0],
        )
        .await?;
    rows.iter().map(|row| Ok((AccountId(row.try_get(0)?), row.try_get(1)?))).collect()
}
