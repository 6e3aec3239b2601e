//! A person's word about the account of a conversation. No machine overrules it; a person can take it back.

use model::{AccountId, ConversationId, MeetingId, TenantId};
use serde_json::json;
use uuid::Uuid;

use crate::{StoreError, Tx, resolve};

/// Whose a conversation is, for deciding about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its tenant.
    pub tenant: TenantId,
    /// Name of the account it is on, by all copies of its meeting.
    pub account: Option<String>,
    /// How its own was found.
    pub rule: String,
    /// The copy of its meeting whose account that is, where a person decided about it.
    pub decided_of: Option<ConversationId>,
}

/// What is decided about a conversation now; `None` when there is none. It stays so until the transaction ends.
pub async fn current(tx: &Tx, id: ConversationId) -> Result<Option<Decided>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT c.tenant_id, a.name, c.link_rule, CASE WHEN l.link_rule = 'person' THEN l.decided_by END
             FROM conversations c
             JOIN meeting_links l ON l.conversation_id = c.conversation_id
             LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.account_id = l.account_id
             WHERE c.conversation_id = $1 FOR NO KEY UPDATE OF c",
            &[&id.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Decided {
        tenant: TenantId::parse(row.try_get(0)?)?,
        account: row.try_get(1)?,
        rule: row.try_get(2)?,
        decided_of: row.try_get::<_, Option<Uuid>>(3)?.map(ConversationId),
    }))
}

/// Puts a conversation on an account, or on none; `person` is told to whoever asks why. The account is kept with their word: another may
/// take its place, and give it back. False when there is no such conversation or account.
pub async fn put(
    tx: &Tx,
    id: ConversationId,
    account: Option<AccountId>,
    person: &str,
) -> Result<bool, StoreError> {
    let linked = tx
        .execute(
            "UPDATE conversations c SET account_id = $2, link_rule = 'person', link_rule_version = 0,
                 link_evidence = $3 || jsonb_build_object('at', now()), linked_at = now(), updated_at = now()
             WHERE conversation_id = $1 AND ($2::uuid IS NULL OR EXISTS (
                 SELECT FROM accounts a WHERE a.tenant_id = c.tenant_id AND a.account_id = $2))",
            &[&id.0, &account.map(|account| account.0), &json!({ "person": person, "account_id": account })],
        )
        .await?;
    Ok(linked == 1)
}

/// Hands what a person decided about withdrawn conversations on to the copies they were together with, each given with the meeting it was
/// in: to one of each meeting that these are in now. The meeting it was said of outlives the copy it was said of.
pub async fn hand_on(
    tx: &Tx,
    tenant: &TenantId,
    copies: &[(ConversationId, MeetingId)],
) -> Result<u64, StoreError> {
    let (ids, meetings): (Vec<Uuid>, Vec<Uuid>) =
        copies.iter().map(|(id, meeting)| (id.0, meeting.0)).unzip();
    tx.execute(
        "WITH copies AS (SELECT * FROM unnest($2::uuid[], $3::uuid[]) AS c (id, was_in)),
         heirs AS (
             SELECT DISTINCT ON (h.meeting_id) h.conversation_id, h.meeting_id, w.account_id, w.linked_at,
                    w.link_evidence || jsonb_build_object('handed_on_by', w.conversation_id) AS link_evidence
             FROM conversations w JOIN copies gone ON gone.id = w.conversation_id
             JOIN copies left_there ON left_there.was_in = gone.was_in
             JOIN conversations h ON h.conversation_id = left_there.id AND h.withdrawn_at IS NULL
             WHERE w.tenant_id = $1 AND h.tenant_id = $1 AND w.withdrawn_at IS NOT NULL AND w.link_rule = 'person'
             ORDER BY h.meeting_id, w.linked_at DESC, h.started_at, h.conversation_id)
         UPDATE conversations c SET account_id = h.account_id, link_rule = 'person', link_rule_version = 0,
             link_evidence = h.link_evidence, linked_at = h.linked_at, updated_at = now()
         FROM heirs h
         WHERE c.conversation_id = h.conversation_id AND NOT EXISTS (
             -- a later word stands, and so does this one where it was handed on before
             SELECT FROM conversations o
             WHERE o.tenant_id = $1 AND o.meeting_id = h.meeting_id AND o.withdrawn_at IS NULL
               AND o.link_rule = 'person' AND o.linked_at >= h.linked_at)",
        &[&tenant.as_str(), &ids, &meetings],
    )
    .await
}

/// Takes a person's word back: the rules decide again, at once. False when nobody had decided.
pub async fn take_back(tx: &Tx, tenant: &TenantId, id: ConversationId) -> Result<bool, StoreError> {
    let sql =
        "UPDATE conversations SET link_rule = 'none' WHERE conversation_id = $1 AND link_rule = 'person'";
    let taken_back = tx.execute(sql, &[&id.0]).await? == 1;
    if taken_back {
        resolve::again(tx, tenant, &[id]).await?;
    }
    Ok(taken_back)
}
