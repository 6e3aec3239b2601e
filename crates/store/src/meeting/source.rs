//! Meetings as they are shown: which copies there are.

use std::collections::HashMap;

use jiff::Timestamp;
use model::{ConversationId, MeetingId, TenantId};
use serde::Serialize;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// A copy of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The vendor.
    pub vendor: String,
    /// The vendor's id.
    pub external_id: String,
    /// Start.
    pub started_at: Option<Timestamp>,
}

/// The copies of meetings, without what was withdrawn, the first to begin first.
pub async fn sources(
    tx: &Tx,
    tenant: &TenantId,
    meetings: &[MeetingId],
) -> Result<HashMap<MeetingId, Vec<Source>>, StoreError> {
    let meetings: Vec<Uuid> = meetings.iter().map(|meeting| meeting.0).collect();
    let rows = tx
        .query(
            "SELECT meeting_id, conversation_id, vendor, external_id, started_at FROM conversations
             WHERE tenant_id = $1 AND meeting_id = ANY ($2) AND withdrawn_at IS NULL ORDER BY started_at, conversation_id",
            &[&tenant.as_str(), &meetings],
        )
        .await?;
    let mut sources: HashMap<MeetingId, Vec<Source>> = HashMap::new();
    for row in &rows {
        sources.entry(MeetingId(row.try_get(0)?)).or_default().push(Source {
            conversation_id: ConversationId(row.try_get(1)?),
            vendor: row.try_get(2)?,
            external_id: row.try_get(3)?,
            started_at: row.try_get(4)?,
        });
    }
    Ok(sources)
}

/// A meeting that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whose.
    pub tenant: TenantId,
    /// The id it has now.
    pub meeting_id: MeetingId,
    /// Its copies.
    pub sources: Vec<Source>,
}

/// The meeting of an id: that of one of its conversations, or one that the meeting had before; `None` when there is none.
pub async fn find(tx: &Tx, id: Uuid) -> Result<Option<Found>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT tenant_id, meeting_id FROM (
                 SELECT tenant_id, meeting_id, withdrawn_at IS NOT NULL AS is_withdrawn, 0 AS place
                 FROM conversations WHERE conversation_id = $1
                 UNION ALL
                 SELECT tenant_id, meeting_id, false, 1 FROM meeting_aliases WHERE alias_id = $1) AS known
             ORDER BY is_withdrawn, place LIMIT 1",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (tenant, meeting_id) = (TenantId::parse(row.try_get(0)?)?, MeetingId(row.try_get(1)?));
    let mut all = sources(tx, &tenant, &[meeting_id]).await?;
    Ok(Some(Found { tenant, meeting_id, sources: all.remove(&meeting_id).unwrap_or_default() }))
}
