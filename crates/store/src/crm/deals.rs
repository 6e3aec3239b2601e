//! Deals and opportunities: one that a vendor links to a call leads to its account.

use std::collections::{BTreeMap, HashMap};

use model::{CrmDeal, Stream, TenantId};
use uuid::Uuid;

use super::columns::Columns;
use super::merges::with_merged;
use super::{Changes, Key, Row, leave};
use crate::{StoreError, Tx};

/// Writes deals, and notes those that lead to another account than before.
pub(super) async fn write(
    tx: &Tx,
    rows: &[Row<'_, CrmDeal>],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let before = standings(tx, rows).await?;
    let rows = leave(tx, "deals", rows, |row| before.contains_key(&row.key())).await?;
    upsert(tx, &rows).await?;
    let mut different: BTreeMap<(&TenantId, &str), Vec<String>> = BTreeMap::new();
    for row in rows {
        let before = before.get(&row.key());
        let stands = row.stands();
        let after = (stands, row.account_id(row.body.account_external_id.as_deref()));
        if before != Some(&after) && (before.is_some() || stands) {
            different.entry((row.tenant, row.source)).or_default().push(row.record.external_id.clone());
        }
    }
    for ((tenant, source), ids) in different {
        let change = changes.entry(tenant.clone()).or_default();
        change.external_ids.extend(with_merged(tx, Stream::Deals, (tenant, source), ids).await?);
    }
    Ok(())
}

/// Whether each deal counts, and whose it is.
async fn standings(
    tx: &Tx,
    rows: &[Row<'_, CrmDeal>],
) -> Result<HashMap<Key, (bool, Option<Uuid>)>, StoreError> {
    let Columns { tenants, sources, ids, .. } = Columns::of(rows);
    let known = tx
        .query(
            "SELECT tenant_id, source, external_id, d.deleted_at IS NULL, d.account_id
             FROM unnest($1::text[], $2::text[], $3::text[]) AS w (tenant_id, source, external_id)
             JOIN deals d USING (tenant_id, source, external_id)",
            &[&tenants, &sources, &ids],
        )
        .await?;
    known
        .iter()
        .map(|row| {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok((key, (row.try_get(3)?, row.try_get(4)?)))
        })
        .collect()
}

async fn upsert(tx: &Tx, rows: &[Row<'_, CrmDeal>]) -> Result<(), StoreError> {
    let Columns { tenants, sources, ids, owners, created, gone, merged } = Columns::of(rows);
    let accounts: Vec<Option<Uuid>> =
        rows.iter().map(|row| row.account_id(row.body.account_external_id.as_deref())).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.body.name.as_str()).collect();
    let texts = |field: fn(&CrmDeal) -> Option<&String>| -> Vec<Option<&str>> {
        rows.iter().map(|row| field(row.body).map(String::as_str)).collect()
    };
    let stages = texts(|deal| deal.stage.as_ref());
    let amounts = texts(|deal| deal.amount.as_ref());
    let currencies = texts(|deal| deal.currency.as_ref());
    let close_dates = texts(|deal| deal.close_date.as_ref());
    let closed: Vec<bool> = rows.iter().map(|row| row.body.closed).collect();
    let won: Vec<bool> = rows.iter().map(|row| row.body.won).collect();
    tx.execute(
        "INSERT INTO deals (tenant_id, source, external_id, account_id, name, stage, amount, currency, close_date, closed, won,
                            owner_external_id, created_at, gone_at, deleted_at)
         SELECT tenant_id, source, external_id, account_id, name, stage, amount, currency, close_date, closed, won, owner,
                created_at, CASE WHEN gone THEN now() END, CASE WHEN gone THEN now() END
         FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::boolean[], $11::boolean[], $12::text[], $13::timestamptz[], $14::boolean[])
             AS n (tenant_id, source, external_id, account_id, name, stage, amount, currency, close_date, closed, won, owner,
                   created_at, gone)
         ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET
             account_id = excluded.account_id, name = excluded.name, stage = excluded.stage, amount = excluded.amount,
             currency = excluded.currency, close_date = excluded.close_date, closed = excluded.closed, won = excluded.won,
             owner_external_id = excluded.owner_external_id, created_at = coalesce(excluded.created_at, deals.created_at),
             gone_at = CASE WHEN excluded.gone_at IS NOT NULL THEN coalesce(deals.gone_at, excluded.gone_at) END,
             deleted_at = CASE WHEN excluded.gone_at IS NULL THEN NULL
                               WHEN (deals.tenant_id, deals.source, deals.external_id) IN (
                                   SELECT * FROM unnest($1::text[], $2::text[], $15::text[])) THEN now()
                               ELSE deals.deleted_at END,
             updated_at = now()",
        &[
            &tenants, &sources, &ids, &accounts, &names, &stages, &amounts, &currencies, &close_dates, &closed, &won,
            &owners, &created, &gone, &merged,
        ],
    )
    .await?;
    Ok(())
}
