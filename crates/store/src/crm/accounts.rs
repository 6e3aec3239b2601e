//! Companies, and the domains they own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::{AccountId, CrmAccount, TenantId};
use uuid::Uuid;

use super::columns::Columns;
use super::{Changes, Row, leave};
use crate::{StoreError, Tx};

/// What of an account conversations are found by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    stands: bool,
    created_at: Option<Timestamp>,
    domains: BTreeSet<String>,
}

/// Writes accounts, and notes what of it can move a conversation.
pub(super) async fn write(
    tx: &Tx,
    rows: &[Row<'_, CrmAccount>],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let before = standings(tx, rows).await?;
    let rows = leave(tx, "accounts", rows, |row| before.contains_key(&key(row))).await?;
    let ids: Vec<Uuid> = rows.iter().map(id).collect();
    upsert(tx, &rows, &ids).await?;
    replace_domains(tx, &rows, &ids).await?;
    let mut come_or_gone: BTreeMap<&TenantId, Vec<Uuid>> = BTreeMap::new();
    for (row, id) in rows.iter().zip(&ids) {
        let before = before.get(&key(row));
        let after = Standing {
            stands: row.stands(),
            created_at: row.record.created_at.or(before.and_then(|before| before.created_at)),
            domains: row.body.domains.clone(),
        };
        if before == Some(&after) || (before.is_none() && !after.stands) {
            continue;
        }
        let change = changes.entry(row.tenant.clone()).or_default();
        change.domains.extend(before.into_iter().flat_map(|before| before.domains.iter().cloned()));
        change.domains.extend(after.domains.iter().cloned());
        change.external_ids.insert(row.record.external_id.clone());
        change.account_ids.insert(*id);
        let same = |before: &Standing| (before.stands, before.created_at) == (after.stands, after.created_at);
        if !before.is_some_and(same) {
            come_or_gone.entry(row.tenant).or_default().push(*id);
        }
    }
    for (tenant, ids) in come_or_gone {
        note_dependents(tx, tenant, &ids, changes).await?;
    }
    Ok(())
}

/// Tenant and our id.
type Key = (String, Uuid);

fn key(row: &Row<'_, CrmAccount>) -> Key {
    (row.tenant.as_str().to_owned(), id(row))
}

fn id(row: &Row<'_, CrmAccount>) -> Uuid {
    AccountId::derive(row.tenant, row.source, &row.record.external_id).0
}

/// Notes who depends on accounts that come, go or grow older: their people and deals, and the accounts that were merged into them.
pub(super) async fn note_dependents(
    tx: &Tx,
    tenant: &TenantId,
    accounts: &[Uuid],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let merged = tx
        .query(
            "SELECT account_id, external_id, ARRAY (
                 SELECT domain FROM account_domains d WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id)
             FROM accounts a WHERE tenant_id = $1 AND merged_into = ANY ($2)",
            &[&tenant.as_str(), &accounts],
        )
        .await?;
    let change = changes.entry(tenant.clone()).or_default();
    let mut depended_on = accounts.to_vec();
    for row in &merged {
        depended_on.push(row.try_get(0)?);
        change.external_ids.insert(row.try_get(1)?);
        change.domains.extend(row.try_get::<_, Vec<String>>(2)?);
    }
    change.add_dependents_of(tx, tenant, &depended_on).await
}

async fn standings(tx: &Tx, rows: &[Row<'_, CrmAccount>]) -> Result<HashMap<Key, Standing>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(id).collect();
    let tenants: Vec<&str> = rows.iter().map(|row| row.tenant.as_str()).collect();
    let known = tx
        .query(
            "SELECT tenant_id, account_id, a.deleted_at IS NULL AND a.merged_into IS NULL, a.created_at, ARRAY (
                 SELECT domain FROM account_domains d WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id)
             FROM unnest($1::text[], $2::uuid[]) AS w (tenant_id, account_id) JOIN accounts a USING (tenant_id, account_id)",
            &[&tenants, &ids],
        )
        .await?;
    known
        .iter()
        .map(|row| {
            let standing = Standing {
                stands: row.try_get(2)?,
                created_at: row.try_get(3)?,
                domains: row.try_get::<_, Vec<String>>(4)?.into_iter().collect(),
            };
            Ok(((row.try_get(0)?, row.try_get(1)?), standing))
        })
        .collect()
}

async fn upsert(tx: &Tx, rows: &[Row<'_, CrmAccount>], ids: &[Uuid]) -> Result<(), StoreError> {
    let Columns { tenants, sources, ids: external_ids, owners, created, gone, .. } = Columns::of(rows);
    let names: Vec<&str> = rows.iter().map(|row| row.body.name.as_str()).collect();
    let parents: Vec<Option<&str>> = rows.iter().map(|row| row.body.parent_external_id.as_deref()).collect();
    let merged = rows.iter().zip(ids).filter(|(row, _)| row.is_merged());
    let merged: Vec<Uuid> = merged.map(|(_, id)| *id).collect();
    tx.execute(
        // who is gone when first seen never was there; who was there stays until that is applied, unless it was merged
        "INSERT INTO accounts (tenant_id, account_id, source, external_id, name, created_at, owner_external_id,
                               parent_external_id, gone_at, deleted_at)
         SELECT tenant_id, account_id, source, external_id, name, created_at, owner, parent,
                CASE WHEN gone THEN now() END, CASE WHEN gone THEN now() END
         FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
                     $9::boolean[])
             AS n (tenant_id, account_id, source, external_id, name, created_at, owner, parent, gone)
         ON CONFLICT (tenant_id, account_id) DO UPDATE SET
             name = excluded.name, created_at = coalesce(excluded.created_at, accounts.created_at),
             owner_external_id = excluded.owner_external_id, parent_external_id = excluded.parent_external_id,
             gone_at = CASE WHEN excluded.gone_at IS NOT NULL THEN coalesce(accounts.gone_at, excluded.gone_at) END,
             deleted_at = CASE WHEN excluded.gone_at IS NULL THEN NULL
                               WHEN accounts.account_id = ANY ($10) THEN now()
                               ELSE accounts.deleted_at END,
             updated_at = now()",
        &[
            &tenants, &ids, &sources, &external_ids, &names, &created, &owners, &parents, &gone, &merged,
        ],
    )
    .await?;
    Ok(())
}

async fn replace_domains(tx: &Tx, rows: &[Row<'_, CrmAccount>], ids: &[Uuid]) -> Result<(), StoreError> {
    let tenants: Vec<&str> = rows.iter().map(|row| row.tenant.as_str()).collect();
    let (mut domain_tenants, mut owners, mut domains) = (Vec::new(), Vec::new(), Vec::new());
    for (row, id) in rows.iter().zip(ids) {
        for domain in &row.body.domains {
            domain_tenants.push(row.tenant.as_str());
            owners.push(*id);
            domains.push(domain.as_str());
        }
    }
    tx.execute_pipelined(&[
        (
            "DELETE FROM account_domains d USING unnest($1::text[], $2::uuid[]) AS o (tenant_id, account_id)
             WHERE d.tenant_id = o.tenant_id AND d.account_id = o.account_id AND NOT EXISTS (
                 SELECT FROM unnest($3::text[], $4::uuid[], $5::text[]) AS n (tenant_id, account_id, domain)
                 WHERE n.tenant_id = d.tenant_id AND n.account_id = d.account_id AND n.domain = d.domain)",
            &[&tenants, &ids, &domain_tenants, &owners, &domains],
        ),
        (
            "INSERT INTO account_domains (tenant_id, domain, account_id)
             SELECT tenant_id, domain, account_id
             FROM unnest($1::text[], $2::uuid[], $3::text[]) AS n (tenant_id, account_id, domain)
             ORDER BY tenant_id, domain, account_id
             ON CONFLICT DO NOTHING",
            &[&domain_tenants, &owners, &domains],
        ),
    ])
    .await?;
    Ok(())
}
