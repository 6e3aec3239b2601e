//! A person's word about the account of a conversation. No machine overrules it; a person can take it back.

use model::{AccountId, ConversationId, TenantId};
use serde_json::json;

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
}

/// What is decided about a conversation now; `None` when there is none. It stays so until the transaction ends.
pub async fn current(tx: &Tx, id: ConversationId) -> Result<Option<Decided>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT c.tenant_id, a.name, c.link_rule FROM conversations c
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
    }))
}

/// Puts a conversation on an account, or on none; `person` is told to whoever asks why. False when there is no such conversation or
/// account.
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
            &[&id.0, &account.map(|account| account.0), &json!({ "person": person })],
        )
        .await?;
    Ok(linked == 1)
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
