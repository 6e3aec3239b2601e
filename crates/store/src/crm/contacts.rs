//! People at companies, with all their addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{AccountId, CrmContact, Stream, TenantId};
use uuid::Uuid;

use super::columns::Columns;
use super::merges::with_merged;
use super::{Changes, Key, Row, leave};
use crate::{StoreError, Tx};

/// What of a contact conversations are found by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    stands: bool,
    account: Option<Uuid>,
    email_keys: BTreeSet<String>,
}

/// Writes contacts, and notes what of it can move a conversation.
pub(super) async fn write(
    tx: &Tx,
    rows: &[Row<'_, CrmContact>],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let before = standings(tx, rows).await?;
    let rows = leave(tx, "contacts", rows, |row| before.contains_key(&row.key())).await?;
    upsert(tx, &rows).await?;
    let known: Vec<Row<'_, CrmContact>> =
        rows.iter().copied().filter(|row| before.contains_key(&row.key())).collect();
    replace_emails(tx, &rows, &known).await?;
    let mut different: BTreeMap<(&TenantId, &str), Vec<String>> = BTreeMap::new();
    for row in &rows {
        let before = before.get(&row.key());
        let after = Standing {
            stands: row.stands(),
            account: row.account_id(row.body.account_external_id.as_deref()),
            email_keys: row.body.email_keys.iter().cloned().collect(),
        };
        if before == Some(&after) || (before.is_none() && !after.stands) {
            continue;
        }
        let change = changes.entry(row.tenant.clone()).or_default();
        change.email_keys.extend(before.into_iter().flat_map(|before| before.email_keys.iter().cloned()));
        change.email_keys.extend(after.email_keys);
        different.entry((row.tenant, row.source)).or_default().push(row.record.external_id.clone());
    }
    // a vendor may say of somebody without an address which contact it is
    for ((tenant, source), ids) in different {
        let change = changes.entry(tenant.clone()).or_default();
        change.external_ids.extend(with_merged(tx, Stream::Contacts, (tenant, source), ids).await?);
    }
    Ok(())
}

async fn standings(tx: &Tx, rows: &[Row<'_, CrmContact>]) -> Result<HashMap<Key, Standing>, StoreError> {
    let Columns { tenants, sources, ids, .. } = Columns::of(rows);
    let known = tx
        .query(
            "SELECT tenant_id, source, external_id, c.deleted_at IS NULL AND c.merged_into IS NULL, c.account_id, c.email_key,
                    ARRAY (SELECT e.email_key FROM contact_emails e
                           WHERE e.tenant_id = c.tenant_id AND e.source = c.source AND e.external_id = c.external_id)
             FROM unnest($1::text[], $2::text[], $3::text[]) AS w (tenant_id, source, external_id)
             JOIN contacts c USING (tenant_id, source, external_id)",
            &[&tenants, &sources, &ids],
        )
        .await?;
    known
        .iter()
        .map(|row| {
            let first: Option<String> = row.try_get(5)?;
            let others: Vec<String> = row.try_get(6)?;
            let standing = Standing {
                stands: row.try_get(3)?,
                account: row.try_get(4)?,
                email_keys: first.into_iter().chain(others).collect(),
            };
            Ok(((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), standing))
        })
        .collect()
}

async fn upsert(tx: &Tx, rows: &[Row<'_, CrmContact>]) -> Result<(), StoreError> {
    let Columns { tenants, sources, ids, owners, created, gone, merged } = Columns::of(rows);
    let accounts: Vec<Option<Uuid>> =
        rows.iter().map(|row| row.account_id(row.body.account_external_id.as_deref())).collect();
    let names: Vec<Option<&str>> = rows.iter().map(|row| row.body.name.as_deref()).collect();
    let emails: Vec<Option<&str>> =
        rows.iter().map(|row| row.body.emails.first().map(String::as_str)).collect();
    let keys: Vec<Option<&str>> =
        rows.iter().map(|row| row.body.email_keys.first().map(String::as_str)).collect();
    let titles: Vec<Option<&str>> = rows.iter().map(|row| row.body.title.as_deref()).collect();
    let phones: Vec<Option<&str>> = rows.iter().map(|row| row.body.phone.as_deref()).collect();
    let kinds: Vec<&str> = rows.iter().map(|row| if row.body.lead { "lead" } else { "contact" }).collect();
    let others: Vec<String> = rows.iter().map(other_account_ids).collect();
    tx.execute(
        // a merge that was told before its loser came counts at once
        "INSERT INTO contacts (tenant_id, source, external_id, account_id, name, email, email_key, title, phone, kind,
                               owner_external_id, other_account_ids, created_at, gone_at, deleted_at, merged_into)
         SELECT tenant_id, source, external_id, account_id, name, email, email_key, title, phone, kind, owner, others::uuid[],
                created_at, CASE WHEN gone THEN now() END, CASE WHEN gone THEN now() END,
                (SELECT m.winner_id FROM crm_merges m WHERE m.tenant_id = n.tenant_id AND m.source = n.source
                    AND m.stream = 'contacts' AND m.loser_id = n.external_id)
         FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::boolean[])
             AS n (tenant_id, source, external_id, account_id, name, email, email_key, title, phone, kind, owner, others,
                   created_at, gone)
         ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET
             account_id = excluded.account_id, name = excluded.name, email = excluded.email, email_key = excluded.email_key,
             title = excluded.title, phone = excluded.phone, kind = excluded.kind,
             owner_external_id = excluded.owner_external_id, other_account_ids = excluded.other_account_ids,
             created_at = coalesce(excluded.created_at, contacts.created_at),
             gone_at = CASE WHEN excluded.gone_at IS NOT NULL THEN coalesce(contacts.gone_at, excluded.gone_at) END,
             deleted_at = CASE WHEN excluded.gone_at IS NULL THEN NULL
                               WHEN (contacts.tenant_id, contacts.source, contacts.external_id) IN (
                                   SELECT * FROM unnest($1::text[], $2::text[], $15::text[])) THEN now()
                               ELSE contacts.deleted_at END,
             updated_at = now()",
        &[
            &tenants, &sources, &ids, &accounts, &names, &emails, &keys, &titles, &phones, &kinds, &owners, &others,
            &created, &gone, &merged,
        ],
    )
    .await?;
    Ok(())
}

/// As the text of an array: a column of arrays of different lengths is none for UNNEST.
fn other_account_ids(row: &Row<'_, CrmContact>) -> String {
    let others = row.body.other_account_external_ids.iter();
    let ids: Vec<String> =
        others.map(|id| AccountId::derive(row.tenant, row.source, id).to_string()).collect();
    format!("{{{}}}", ids.join(","))
}

/// Writes the further addresses; of those that are known, what they do not have any more is removed.
async fn replace_emails(
    tx: &Tx,
    rows: &[Row<'_, CrmContact>],
    known: &[Row<'_, CrmContact>],
) -> Result<(), StoreError> {
    let Columns { tenants, sources, ids, .. } = Columns::of(known);
    let others = || rows.iter().flat_map(|row| row.body.email_keys.iter().skip(1).map(move |key| (row, key)));
    let other_tenants: Vec<&str> = others().map(|(row, _)| row.tenant.as_str()).collect();
    let other_sources: Vec<&str> = others().map(|(row, _)| row.source).collect();
    let other_ids: Vec<&str> = others().map(|(row, _)| row.record.external_id.as_str()).collect();
    let keys: Vec<&str> = others().map(|(_, key)| key.as_str()).collect();
    tx.execute_pipelined(&[
        (
            "DELETE FROM contact_emails e
             USING unnest($1::text[], $2::text[], $3::text[]) AS o (tenant_id, source, external_id)
             WHERE e.tenant_id = o.tenant_id AND e.source = o.source AND e.external_id = o.external_id AND NOT EXISTS (
                 SELECT FROM unnest($4::text[], $5::text[], $6::text[], $7::text[])
                     AS n (tenant_id, source, external_id, email_key)
                 WHERE n.tenant_id = e.tenant_id AND n.source = e.source AND n.external_id = e.external_id
                   AND n.email_key = e.email_key)",
            &[&tenants, &sources, &ids, &other_tenants, &other_sources, &other_ids, &keys],
        ),
        (
            "INSERT INTO contact_emails (tenant_id, source, external_id, email_key)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
                 AS n (tenant_id, source, external_id, email_key)
             ON CONFLICT DO NOTHING",
            &[&other_tenants, &other_sources, &other_ids, &keys],
        ),
    ])
    .await?;
    Ok(())
}
