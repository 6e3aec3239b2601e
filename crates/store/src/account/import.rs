//! Importing accounts and contacts: what is given is compared with what is there, and only the difference is written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{AccountId, TenantId};
use serde::Serialize;
use uuid::Uuid;

use super::change::Change;
use crate::{StoreError, Tx};

/// An account as its source tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its id at the source.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// The domains it owns, in normal form; they replace those it had.
    pub domains: BTreeSet<String>,
    /// When it came to be at the source, if that is known.
    pub created_at: Option<Timestamp>,
}

/// A contact as its source tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    /// Its id at the source; of an imported one, its address in normal form.
    pub external_id: String,
    /// The account's id at the same source.
    pub account_external_id: String,
    /// Name.
    pub name: Option<String>,
    /// Address as given.
    pub email: String,
    /// Address in normal form.
    pub email_key: String,
}

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    /// Accounts that were not there before.
    pub accounts_added: u64,
    /// Accounts that were different.
    pub accounts_changed: u64,
    /// Accounts known as they are.
    pub accounts_unchanged: u64,
    /// Contacts that were not there before.
    pub contacts_added: u64,
    /// Contacts that were different.
    pub contacts_changed: u64,
    /// Contacts known as they are.
    pub contacts_unchanged: u64,
    /// Ids of contacts whose account is neither given nor there: they were left out.
    pub contacts_without_account: Vec<String>,
}

/// Imports accounts and contacts of one source. What is not given stays; of an id given twice the last counts.
///
/// All that changed goes into one row of `account_changes`, from which the conversations it touches are found and linked again.
pub async fn import(
    tx: &Tx,
    tenant: &TenantId,
    source: &str,
    accounts: &[AccountRecord],
    contacts: &[ContactRecord],
) -> Result<ImportCounts, StoreError> {
    // one import of a tenant at a time: each compares with what the one before has written; rows that refer to the tenant
    // are still written beside it
    tx.query("SELECT FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", &[&tenant.as_str()]).await?;
    let scope = Scope { tx, tenant, source };
    let mut counts = ImportCounts::default();
    let mut change = Change::default();
    scope.import_accounts(accounts, &mut counts, &mut change).await?;
    scope.import_contacts(contacts, &mut counts, &mut change).await?;
    change.note(tx, tenant).await?;
    Ok(counts)
}

#[derive(PartialEq, Eq)]
struct KnownAccount {
    name: String,
    created_at: Option<Timestamp>,
    domains: BTreeSet<String>,
}

#[derive(PartialEq, Eq)]
struct KnownContact {
    account: Uuid,
    name: Option<String>,
    email: String,
    email_key: String,
}

struct Scope<'a> {
    tx: &'a Tx,
    tenant: &'a TenantId,
    source: &'a str,
}

impl Scope<'_> {
    fn account_id(&self, external_id: &str) -> Uuid {
        AccountId::derive(self.tenant, self.source, external_id).0
    }

    async fn import_accounts(
        &self,
        records: &[AccountRecord],
        counts: &mut ImportCounts,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let given: BTreeMap<&str, &AccountRecord> =
            records.iter().map(|record| (record.external_id.as_str(), record)).collect();
        let known = self.known_accounts(&given).await?;
        let mut different = Vec::new();
        let mut reordered = Vec::new();
        for (external_id, record) in given {
            let before = known.get(external_id);
            // a source that does not say when leaves what is known
            let created_at = record.created_at.or(before.and_then(|before| before.created_at));
            let after =
                KnownAccount { name: record.name.clone(), created_at, domains: record.domains.clone() };
            if before == Some(&after) {
                counts.accounts_unchanged += 1;
                continue;
            }
            match before {
                Some(before) => {
                    counts.accounts_changed += 1;
                    change.domains.extend(before.domains.iter().cloned());
                    if before.created_at != after.created_at {
                        reordered.push(self.account_id(external_id));
                    }
                }
                None => counts.accounts_added += 1,
            }
            change.domains.extend(after.domains.iter().cloned());
            change.external_ids.insert(external_id.to_owned());
            change.account_ids.insert(self.account_id(external_id));
            different.push((external_id, after));
        }
        self.write_accounts(&different).await?;
        // a tie goes to the oldest: whoever has a contact there may have to change
        change.add_dependents_of(self.tx, self.tenant, &reordered).await
    }

    async fn known_accounts(
        &self,
        given: &BTreeMap<&str, &AccountRecord>,
    ) -> Result<BTreeMap<String, KnownAccount>, StoreError> {
        let ids: Vec<&str> = given.keys().copied().collect();
        let rows = self
            .tx
            .query(
                "SELECT external_id, name, created_at, ARRAY (
                     SELECT domain FROM account_domains d WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id)
                 FROM accounts a WHERE tenant_id = $1 AND source = $2 AND external_id = ANY ($3)",
                &[&self.tenant.as_str(), &self.source, &ids],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let domains: Vec<String> = row.try_get(3)?;
                let known = KnownAccount {
                    name: row.try_get(1)?,
                    created_at: row.try_get(2)?,
                    domains: domains.into_iter().collect(),
                };
                Ok((row.try_get(0)?, known))
            })
            .collect()
    }

    async fn write_accounts(&self, different: &[(&str, KnownAccount)]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = different.iter().map(|(external_id, _)| self.account_id(external_id)).collect();
        let external_ids: Vec<&str> = different.iter().map(|(external_id, _)| *external_id).collect();
        let names: Vec<&str> = different.iter().map(|(_, account)| account.name.as_str()).collect();
        let created: Vec<Option<Timestamp>> =
            different.iter().map(|(_, account)| account.created_at).collect();
        let owned = || {
            different.iter().zip(&ids).flat_map(|((_, account), id)| {
                account.domains.iter().map(move |domain| (*id, domain.as_str()))
            })
        };
        let (owners, domains): (Vec<Uuid>, Vec<&str>) = owned().unzip();
        let tenant = self.tenant.as_str();
        self.tx
            .execute_pipelined(&[
                (
                    "INSERT INTO accounts (tenant_id, account_id, source, external_id, name, created_at)
                     SELECT $1, id, $2, external_id, name, created_at
                     FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) AS n (id, external_id, name, created_at)
                     ORDER BY id
                     ON CONFLICT (tenant_id, account_id)
                     DO UPDATE SET name = excluded.name, created_at = excluded.created_at, updated_at = now()",
                    &[&tenant, &self.source, &ids, &external_ids, &names, &created],
                ),
                (
                    "DELETE FROM account_domains d
                     WHERE d.tenant_id = $1 AND d.account_id = ANY ($2) AND NOT EXISTS (
                         SELECT FROM unnest($3::uuid[], $4::text[]) AS n (account_id, domain)
                         WHERE n.account_id = d.account_id AND n.domain = d.domain)",
                    &[&tenant, &ids, &owners, &domains],
                ),
                (
                    "INSERT INTO account_domains (tenant_id, domain, account_id)
                     SELECT $1, domain, account_id FROM unnest($2::uuid[], $3::text[]) AS n (account_id, domain)
                     ORDER BY domain, account_id
                     ON CONFLICT DO NOTHING",
                    &[&tenant, &owners, &domains],
                ),
            ])
            .await?;
        Ok(())
    }

    async fn import_contacts(
        &self,
        records: &[ContactRecord],
        counts: &mut ImportCounts,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let given: BTreeMap<&str, &ContactRecord> =
            records.iter().map(|record| (record.external_id.as_str(), record)).collect();
        let there = self.accounts_there(&given).await?;
        let known = self.known_contacts(&given).await?;
        let mut different = Vec::new();
        for (external_id, record) in given {
            let account = self.account_id(&record.account_external_id);
            if !there.contains(&account) {
                counts.contacts_without_account.push(external_id.to_owned());
                continue;
            }
            let after = KnownContact {
                account,
                name: record.name.clone(),
                email: record.email.clone(),
                email_key: record.email_key.clone(),
            };
            let before = known.get(external_id);
            if before == Some(&after) {
                counts.contacts_unchanged += 1;
                continue;
            }
            match before {
                Some(before) => {
                    counts.contacts_changed += 1;
                    change.email_keys.insert(before.email_key.clone());
                }
                None => counts.contacts_added += 1,
            }
            change.email_keys.insert(after.email_key.clone());
            change.external_ids.insert(external_id.to_owned());
            different.push((external_id, after));
        }
        self.write_contacts(&different).await
    }

    async fn accounts_there(
        &self,
        given: &BTreeMap<&str, &ContactRecord>,
    ) -> Result<BTreeSet<Uuid>, StoreError> {
        let ids: Vec<Uuid> =
            given.values().map(|record| self.account_id(&record.account_external_id)).collect();
        let sql = "SELECT account_id FROM accounts WHERE tenant_id = $1 AND account_id = ANY ($2)";
        let rows = self.tx.query(sql, &[&self.tenant.as_str(), &ids]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn known_contacts(
        &self,
        given: &BTreeMap<&str, &ContactRecord>,
    ) -> Result<BTreeMap<String, KnownContact>, StoreError> {
        let ids: Vec<&str> = given.keys().copied().collect();
        let rows = self
            .tx
            .query(
                "SELECT external_id, account_id, name, email, email_key FROM contacts
                 WHERE tenant_id = $1 AND source = $2 AND external_id = ANY ($3)",
                &[&self.tenant.as_str(), &self.source, &ids],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let known = KnownContact {
                    account: row.try_get(1)?,
                    name: row.try_get(2)?,
                    email: row.try_get(3)?,
                    email_key: row.try_get(4)?,
                };
                Ok((row.try_get(0)?, known))
            })
            .collect()
    }

    async fn write_contacts(&self, different: &[(&str, KnownContact)]) -> Result<(), StoreError> {
        let external_ids: Vec<&str> = different.iter().map(|(external_id, _)| *external_id).collect();
        let accounts: Vec<Uuid> = different.iter().map(|(_, contact)| contact.account).collect();
        let names: Vec<Option<&str>> = different.iter().map(|(_, contact)| contact.name.as_deref()).collect();
        let emails: Vec<&str> = different.iter().map(|(_, contact)| contact.email.as_str()).collect();
        let keys: Vec<&str> = different.iter().map(|(_, contact)| contact.email_key.as_str()).collect();
        self.tx
            .execute(
                "INSERT INTO contacts (tenant_id, source, external_id, account_id, name, email, email_key)
                 SELECT $1, $2, external_id, account_id, name, email, email_key
                 FROM unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
                     AS n (external_id, account_id, name, email, email_key)
                 ORDER BY external_id
                 ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET account_id = excluded.account_id,
                     name = excluded.name, email = excluded.email, email_key = excluded.email_key, updated_at = now()",
                &[&self.tenant.as_str(), &self.source, &external_ids, &accounts, &names, &emails, &keys],
            )
            .await?;
        Ok(())
    }
}
