//! Everything of a tenant, page by page, in one stable shape.

use std::collections::HashMap;

use jiff::Timestamp;
use model::{ConversationId, Insight, TenantId};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conversation::TranscriptText;
use crate::{StoreError, Tx};

/// A conversation, in the shape and order of keys that programs rely on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportedConversation {
    /// Whose it is.
    pub tenant: String,
    /// The vendor.
    pub vendor: String,
    /// The vendor's id.
    pub external_id: String,
    /// Title.
    pub title: Option<String>,
    /// Where to look at it at the vendor.
    pub url: Option<String>,
    /// Start.
    pub started_at: Option<Timestamp>,
    /// Length in seconds.
    pub duration_s: Option<f64>,
    /// Where it took place.
    pub platform: Option<String>,
    /// Only the tenant's own people took part.
    pub internal: bool,
    /// The vendor marks it private.
    pub private: bool,
    /// The account it is on, by all copies of its meeting.
    pub account: Option<ExportedAccount>,
    /// Everybody, in the vendor's order.
    pub participants: Vec<ExportedParticipant>,
    /// What was said.
    pub transcript: ExportedTranscript,
    /// Summary.
    pub summary: Option<String>,
    /// The vendor's analysis.
    pub insights: Vec<ExportedInsight>,
    /// Conversations of one meeting share it.
    pub meeting_id: Uuid,
    /// Seen for the first time.
    pub first_seen_at: Timestamp,
    /// Changed last.
    pub updated_at: Timestamp,
}

/// The account of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedAccount {
    /// Its id at its source.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// How it was found.
    pub rule: String,
}

/// Somebody who took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedParticipant {
    /// Name.
    pub name: Option<String>,
    /// Address as given.
    pub email: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// `internal`, `external` or `unknown`.
    pub side: String,
    /// The CRM's contact.
    pub contact: Option<String>,
    /// The tenant's user.
    pub user: Option<String>,
}

/// A transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedTranscript {
    /// `ready`, `pending` or `none`.
    pub status: String,
    /// In order of appearance.
    pub segments: Vec<ExportedSegment>,
}

/// What one speaker said without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedSegment {
    /// The speaker's name.
    pub speaker: Option<String>,
    /// Milliseconds from the start of the recording.
    pub start_ms: Option<i32>,
    /// Milliseconds from the start of the recording.
    pub end_ms: Option<i32>,
    /// The words.
    pub text: String,
}

/// A finding of the vendor's analysis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportedInsight {
    /// The vendor's key.
    pub key: String,
    /// Its title.
    pub title: Option<String>,
    /// Any JSON.
    pub value: Value,
}

/// How far an export has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportCursor {
    started_at: Option<Timestamp>,
    external_id: String,
    id: Uuid,
}

const COLUMNS: &str = "SELECT c.conversation_id, c.tenant_id, c.vendor, c.external_id, c.title, c.url, c.started_at, c.duration_s,
        c.platform, c.internal, c.private, a.external_id, a.name, l.link_rule, c.transcript_status, c.summary, c.insights,
        c.meeting_id, c.first_seen_at, c.updated_at
    FROM conversations c JOIN meeting_links l ON l.conversation_id = c.conversation_id
    LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.account_id = l.account_id";

/// The order of an export; conversations without a start come last.
const ORDER: &str = "ORDER BY c.started_at, c.external_id COLLATE \"C\", c.conversation_id";

/// The page after a cursor, by start and then by the vendor's id, without what was withdrawn; and the cursor for the next one,
/// `None` at the end.
pub async fn export_page(
    tx: &Tx,
    tenant: &TenantId,
    after: Option<&ExportCursor>,
    page: i64,
) -> Result<(Vec<ExportedConversation>, Option<ExportCursor>), StoreError> {
    let mut rows = match after {
        Some(ExportCursor { started_at: None, .. }) => Vec::new(),
        _ => with_start(tx, tenant, after, page).await?,
    };
    let missing = page - i64::try_from(rows.len()).unwrap_or(page);
    if missing > 0 {
        let after = after.filter(|cursor| cursor.started_at.is_none());
        rows.extend(without_start(tx, tenant, after, missing).await?);
    }
    let is_full = i64::try_from(rows.len()).unwrap_or(page) == page;
    let cursor = rows.last().filter(|_| is_full).map(cursor).transpose()?;
    Ok((complete(tx, &rows).await?, cursor))
}

fn cursor(row: &Row) -> Result<ExportCursor, StoreError> {
    Ok(ExportCursor { started_at: row.try_get(6)?, external_id: row.try_get(3)?, id: row.try_get(0)? })
}

async fn with_start(
    tx: &Tx,
    tenant: &TenantId,
    after: Option<&ExportCursor>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE c.tenant_id = $1 AND c.withdrawn_at IS NULL
             AND c.started_at >= coalesce($2::timestamptz, '-infinity')
             AND ($2::timestamptz IS NULL
                  OR (c.started_at, c.external_id COLLATE \"C\", c.conversation_id) > ($2, $3::text, $4::uuid))
         {ORDER} LIMIT $5"
    );
    let started_at = after.and_then(|cursor| cursor.started_at);
    let (key, id) = after.map(|cursor| (cursor.external_id.as_str(), cursor.id)).unzip();
    tx.query(&sql, &[&tenant.as_str(), &started_at, &key, &id, &limit]).await
}

async fn without_start(
    tx: &Tx,
    tenant: &TenantId,
    after: Option<&ExportCursor>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE c.tenant_id = $1 AND c.withdrawn_at IS NULL AND c.started_at IS NULL
             AND ($2::text IS NULL OR (c.external_id COLLATE \"C\", c.conversation_id) > ($2, $3::uuid))
         {ORDER} LIMIT $4"
    );
    let (key, id) = after.map(|cursor| (cursor.external_id.as_str(), cursor.id)).unzip();
    tx.query(&sql, &[&tenant.as_str(), &key, &id, &limit]).await
}

/// One conversation, withdrawn or not.
pub(super) async fn by_id(tx: &Tx, id: ConversationId) -> Result<Option<ExportedConversation>, StoreError> {
    let rows = tx.query(&format!("{COLUMNS} WHERE c.conversation_id = $1"), &[&id.0]).await?;
    Ok(complete(tx, &rows).await?.pop())
}

async fn complete(tx: &Tx, rows: &[Row]) -> Result<Vec<ExportedConversation>, StoreError> {
    let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
    let (mut people, mut spoken) = futures::try_join!(participants(tx, &ids), transcripts(tx, &ids))?;
    rows.iter()
        .zip(&ids)
        .map(|(row, id)| {
            let participants = people.remove(id).unwrap_or_default();
            let segments = spoken.remove(id).unwrap_or_default();
            exported(row, participants, segments)
        })
        .collect()
}

fn exported(
    row: &Row,
    participants: Vec<ExportedParticipant>,
    segments: Vec<ExportedSegment>,
) -> Result<ExportedConversation, StoreError> {
    let account_id: Option<String> = row.try_get(11)?;
    let insights: Vec<Insight> =
        serde_json::from_value(row.try_get(16)?).map_err(|error| StoreError::Row(error.to_string()))?;
    let insight =
        |insight: Insight| ExportedInsight { key: insight.key, title: insight.title, value: insight.value };
    Ok(ExportedConversation {
        tenant: row.try_get(1)?,
        vendor: row.try_get(2)?,
        external_id: row.try_get(3)?,
        title: row.try_get(4)?,
        url: row.try_get(5)?,
        started_at: row.try_get(6)?,
        duration_s: row.try_get(7)?,
        platform: row.try_get(8)?,
        internal: row.try_get(9)?,
        private: row.try_get(10)?,
        account: match account_id {
            Some(external_id) => {
                Some(ExportedAccount { external_id, name: row.try_get(12)?, rule: row.try_get(13)? })
            }
            None => None,
        },
        participants,
        transcript: ExportedTranscript { status: row.try_get(14)?, segments },
        summary: row.try_get(15)?,
        insights: insights.into_iter().map(insight).collect(),
        meeting_id: row.try_get(17)?,
        first_seen_at: row.try_get(18)?,
        updated_at: row.try_get(19)?,
    })
}

async fn participants(tx: &Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<ExportedParticipant>>, StoreError> {
    let rows = tx
        .query(
            "SELECT conversation_id, name, email, title, side, contact_external_id, user_external_id FROM participants
             WHERE conversation_id = ANY ($1) ORDER BY conversation_id, ordinal",
            &[&ids],
        )
        .await?;
    let mut people: HashMap<Uuid, Vec<ExportedParticipant>> = HashMap::new();
    for row in &rows {
        people.entry(row.try_get(0)?).or_default().push(ExportedParticipant {
            name: row.try_get(1)?,
            email: row.try_get(2)?,
            title: row.try_get(3)?,
            side: row.try_get(4)?,
            contact: row.try_get(5)?,
            user: row.try_get(6)?,
        });
    }
    Ok(people)
}

async fn transcripts(tx: &Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<ExportedSegment>>, StoreError> {
    let sql =
        "SELECT conversation_id, body, segments, speakers FROM transcripts WHERE conversation_id = ANY ($1)";
    let rows = tx.query(sql, &[&ids]).await?;
    let mut spoken = HashMap::with_capacity(rows.len());
    for row in &rows {
        let text =
            TranscriptText { body: row.try_get(1)?, segments: row.try_get(2)?, speakers: row.try_get(3)? };
        let segments = text.segments()?.into_iter().map(|segment| ExportedSegment {
            speaker: segment.speaker,
            start_ms: segment.start_ms,
            end_ms: segment.end_ms,
            text: segment.text,
        });
        spoken.insert(row.try_get(0)?, segments.collect());
    }
    Ok(spoken)
}
