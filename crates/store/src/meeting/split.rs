//! Meetings that a person has parted.

use std::collections::BTreeSet;

use model::{ConversationId, TenantId};
use uuid::Uuid;

use super::note;
use crate::{StoreError, Tx};

/// Parts one conversation from others of its tenant for good, and leaves them to be matched again; returns how many pairs were not
/// parted before.
pub async fn split(
    tx: &Tx,
    tenant: &TenantId,
    one: ConversationId,
    others: &[ConversationId],
) -> Result<u64, StoreError> {
    let others: Vec<Uuid> = others.iter().map(|id| id.0).filter(|id| *id != one.0).collect();
    let parted = tx
        .execute(
            "INSERT INTO meeting_splits (tenant_id, one_id, other_id)
             SELECT $1, least($2, conversation_id), greatest($2, conversation_id)
             FROM conversations WHERE tenant_id = $1 AND conversation_id = ANY ($3)
             ORDER BY 2, 3 ON CONFLICT DO NOTHING",
            &[&tenant.as_str(), &one.0, &others],
        )
        .await?;
    let changed: Vec<(&str, Uuid)> = others.iter().chain([&one.0]).map(|id| (tenant.as_str(), *id)).collect();
    note(tx, &changed).await?;
    Ok(parted)
}

/// Takes a person's word back: the two may be matched again. False when nobody had parted them.
pub async fn rejoin(
    tx: &Tx,
    tenant: &TenantId,
    one: ConversationId,
    other: ConversationId,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM meeting_splits WHERE tenant_id = $1 AND one_id = least($2::uuid, $3) AND other_id = greatest($2, $3)";
    let taken_back = tx.execute(sql, &[&tenant.as_str(), &one.0, &other.0]).await? == 1;
    note(tx, &[(tenant.as_str(), one.0), (tenant.as_str(), other.0)]).await?;
    Ok(taken_back)
}

/// Conversations that a person has parted from one.
pub async fn parted_from(tx: &Tx, id: ConversationId) -> Result<Vec<ConversationId>, StoreError> {
    let sql = "SELECT other_id FROM meeting_splits WHERE one_id = $1
               UNION ALL SELECT one_id FROM meeting_splits WHERE other_id = $1 ORDER BY 1";
    let rows = tx.query(sql, &[&id.0]).await?;
    rows.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect()
}

/// Pairs of these conversations that a person has parted.
pub async fn splits(
    tx: &Tx,
    ids: &[ConversationId],
) -> Result<BTreeSet<(ConversationId, ConversationId)>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let sql = "SELECT one_id, other_id FROM meeting_splits WHERE one_id = ANY ($1) AND other_id = ANY ($1)";
    let rows = tx.query(sql, &[&ids]).await?;
    rows.iter().map(|row| Ok((ConversationId(row.try_get(0)?), ConversationId(row.try_get(1)?)))).collect()
}
