//! What changed about accounts, by everything that old and new values could have been found by.

use std::collections::{BTreeMap, BTreeSet};

use model::{Stream, TenantId};
use uuid::Uuid;

use crate::crm::with_merged;
use crate::{StoreError, Tx};

/// What conversations are found by that a change touches.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) email_keys: BTreeSet<String>,
    pub(crate) domains: BTreeSet<String>,
    /// Of accounts, contacts and deals: whatever a vendor may have linked.
    pub(crate) external_ids: BTreeSet<String>,
    pub(crate) account_ids: BTreeSet<Uuid>,
    /// Of users, as the vendor that recorded a conversation names them.
    pub(crate) user_ids: BTreeSet<String>,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.account_ids.is_empty()
            && self.email_keys.is_empty()
            && self.domains.is_empty()
            && self.external_ids.is_empty()
            && self.user_ids.is_empty()
    }

    /// Puts the change into one row, from which the conversations it touches are found and linked again.
    pub(crate) async fn note(&self, tx: &Tx, tenant: &TenantId) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let texts = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        let accounts: Vec<Uuid> = self.account_ids.iter().copied().collect();
        tx.execute(
            "INSERT INTO account_changes (tenant_id, email_keys, domains, external_ids, account_ids, user_ids)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &tenant.as_str(),
                &texts(&self.email_keys),
                &texts(&self.domains),
                &texts(&self.external_ids),
                &accounts,
                &texts(&self.user_ids),
            ],
        )
        .await?;
        Ok(())
    }

    /// Adds the addresses of everybody at these accounts: whose account comes, goes, or grows older may have to change. And their deals,
    /// which may have come before them.
    pub(crate) async fn add_dependents_of(
        &mut self,
        tx: &Tx,
        tenant: &TenantId,
        accounts: &[Uuid],
    ) -> Result<(), StoreError> {
        if accounts.is_empty() {
            return Ok(());
        }
        let rows = tx
            .query(
                "WITH people AS (
                     SELECT source, external_id, email_key FROM contacts WHERE tenant_id = $1 AND account_id = ANY ($2))
                 SELECT email_key FROM people WHERE email_key IS NOT NULL
                 UNION
                 SELECT e.email_key FROM people p JOIN contact_emails e USING (source, external_id) WHERE e.tenant_id = $1",
                &[&tenant.as_str(), &accounts],
            )
            .await?;
        for row in &rows {
            self.email_keys.insert(row.try_get(0)?);
        }
        // by their ids, people are found who have no address; and those in whose place they and the deals stand, wherever these were
        let named = "SELECT 'deals', source, external_id FROM deals WHERE tenant_id = $1 AND account_id = ANY ($2)
                     UNION ALL
                     SELECT 'contacts', source, external_id FROM contacts WHERE tenant_id = $1 AND account_id = ANY ($2)";
        let rows = tx.query(named, &[&tenant.as_str(), &accounts]).await?;
        let mut ids: BTreeMap<(Stream, &str), Vec<String>> = BTreeMap::new();
        for row in &rows {
            let stream = row.try_get::<_, &str>(0)?.parse()?;
            ids.entry((stream, row.try_get(1)?)).or_default().push(row.try_get(2)?);
        }
        for ((stream, source), ids) in ids {
            self.external_ids.extend(with_merged(tx, stream, (tenant, source), ids).await?);
        }
        Ok(())
    }
}
