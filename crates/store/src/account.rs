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

/// Lists a tenant's accounts by name.
pub async fn list(tx: &Tx, tenant: &TenantId) -> Result<Vec<Account>, StoreError> {
    let rows = tx
        .query(
            // each meeting once, on the account that `meeting_links` gives it: read in one go, and not meeting by meeting
            "WITH meetings AS (
                 SELECT DISTINCT ON (meeting_id) meeting_id, account_id FROM conversations
                 WHERE tenant_id = $1 AND withdrawn_at IS NULL
                 ORDER BY meeting_id, array_position(ARRAY['person', 'vendor-record', 'contact', 'domain'], link_rule),
                          CASE WHEN link_rule = 'person' THEN linked_at END DESC, started_at, conversation_id)
             SELECT a.account_id, a.source, a.external_id, a.name,
                    ARRAY (SELECT d.domain FROM account_domains d
                           WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id ORDER BY d.domain),
                    a.created_at, coalesce(p.contacts, 0), coalesce(c.conversations, 0)
             FROM accounts a
             LEFT JOIN (SELECT account_id, count(*) AS contacts FROM contacts
                        WHERE tenant_id = $1 AND deleted_at IS NULL AND merged_into IS NULL GROUP BY account_id) AS p
                  USING (account_id)
             LEFT JOIN (SELECT account_id, count(*) AS conversations FROM meetings GROUP BY account_id) AS c
                  USING (account_id)
             WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND a.merged_into IS NULL
             ORDER BY lower(a.name), a.source, a.external_id",
            &[&tenant.as_str()],
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
