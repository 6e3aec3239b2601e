//! Customer accounts and their people, as a CRM or a file tells them.

pub(crate) mod change;
mod import;

use jiff::Timestamp;
use model::{AccountId, TenantId};
use serde::Serialize;

use crate::{StoreError, Tx};
pub use import::{AccountRecord, ContactRecord, ImportCounts, import};

/// An account, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Where it comes from.
    pub source: String,
    /// Its id there.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// The domains it owns.
    pub domains: Vec<String>,
    /// When it came to be at its source.
    pub created_at: Option<Timestamp>,
    /// Its contacts.
    pub contacts: i64,
    /// Conversations on it, as its timeline has them: of a meeting's copies one.
    pub conversations: i64,
}

/// An account that a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// Its id.
    pub id: AccountId,
    /// Where it comes from.
    pub source: String,
    /// Its name.
    pub name: String,
}

/// The accounts that are there under an id: their own, or the one at their source; in the place of merged ones those that took it.
pub async fn meant(tx: &Tx, tenant: &TenantId, text: &str) -> Result<Vec<Meant>, StoreError> {
    let rows = tx
        .query(
            "SELECT DISTINCT s.account_id, s.source, s.name
             FROM accounts a JOIN standing_accounts s ON s.tenant_id = a.tenant_id AND s.found_id = a.account_id
             WHERE a.tenant_id = $1 AND (a.external_id = $2 OR a.account_id::text = lower($2))
             ORDER BY s.source, s.account_id",
            &[&tenant.as_str(), &text],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Meant { id: AccountId(row.try_get(0)?), source: row.try_get(1)?, name: row.try_get(2)? })
        })
        .collect()
}

/// Which accounts are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only those with this in their name, or with this very id or domain.
    pub named: Option<String>,
    /// At most so many, the first by name.
    pub limit: i64,
}

/// Lists a tenant's accounts by name, and counts what is on those alone: of a large tenant nobody waits for what is on all of them.
pub async fn list(tx: &Tx, tenant: &TenantId, filter: &AccountFilter) -> Result<Vec<Account>, StoreError> {
    let rows = tx
        .query(
            // each meeting once, at the copy that decides; a conversation without copies decides itself, and most have none
            "WITH listed AS MATERIALIZED (
                 SELECT a.account_id, a.source, a.external_id, a.name, a.created_at FROM accounts a
                 WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND a.merged_into IS NULL
                   AND ($2::text IS NULL OR position(lower($2) IN lower(a.name)) > 0 OR a.external_id = $2
                        OR a.account_id IN (SELECT d.account_id FROM account_domains d
                                            WHERE d.tenant_id = $1 AND d.domain = lower($2)))
                 ORDER BY lower(a.name), a.source, a.external_id LIMIT $3)
             SELECT l.account_id, l.source, l.external_id, l.name,
                    ARRAY (SELECT d.domain FROM account_domains d
                           WHERE d.tenant_id = $1 AND d.account_id = l.account_id ORDER BY d.domain),
                    l.created_at,
                    (SELECT count(*) FROM contacts p
                     WHERE p.tenant_id = $1 AND p.account_id = l.account_id AND p.deleted_at IS NULL AND p.merged_into IS NULL),
                    (SELECT count(*) FROM conversations c
                     WHERE c.tenant_id = $1 AND c.account_id = l.account_id AND c.withdrawn_at IS NULL
                       AND c.conversation_id = CASE
                           WHEN c.meeting_id = c.conversation_id AND c.meeting_evidence = '[]' THEN c.conversation_id
                           ELSE (SELECT m.decided_by FROM meeting_links m WHERE m.conversation_id = c.conversation_id) END)
             FROM listed l ORDER BY lower(l.name), l.source, l.external_id",
            &[&tenant.as_str(), &filter.named, &filter.limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Account {
                account_id: AccountId(row.try_get(0)?),
                source: row.try_get(1)?,
                external_id: row.try_get(2)?,
                name: row.try_get(3)?,
                domains: row.try_get(4)?,
                created_at: row.try_get(5)?,
                contacts: row.try_get(6)?,
                conversations: row.try_get(7)?,
            })
        })
        .collect()
}
