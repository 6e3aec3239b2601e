//! Records that a CRM says are deleted, or that two complete walks did not see: few are taken for gone at once, very many are held
//! for a person, because an outage or a wrong permission looks the same.

use model::{ConnectionId, Stream, TenantId};
use serde_json::json;
use uuid::Uuid;

use super::merges::with_merged;
use crate::account::change::Change;
use crate::{StoreError, Tx, outbox};

/// So many are never too many.
const AT_ONCE_MAX: i64 = 20;

/// Records of a connection that are gone and still count.
struct Gone {
    tenant: TenantId,
    connection_id: ConnectionId,
    source: String,
    stream: Stream,
    count: i64,
    of: i64,
}

/// Applies what is gone, or holds it for a person when it is more than `share` of what is there; returns how many were applied.
pub async fn apply_or_hold(tx: &Tx, share: f64) -> Result<u64, StoreError> {
    mark_missed(tx).await?;
    release_stale_holds(tx).await?;
    let mut applied = 0;
    for one in gone(tx).await? {
        if one.count > AT_ONCE_MAX && one.count as f64 > share * one.of as f64 {
            hold(tx, &one).await?;
        } else {
            applied += apply(tx, &one).await?;
        }
    }
    Ok(applied)
}

/// What two complete walks in a row did not see is gone, although nothing says so.
async fn mark_missed(tx: &Tx) -> Result<(), StoreError> {
    for Place { table, stream, .. } in PLACES {
        tx.execute(
            &format!(
                // without its hashes the record is taken in again, should it ever be listed again
                "WITH missed AS (
                     UPDATE intake k SET missed_walks = 0, stored_hash = NULL, content_hash = NULL FROM connections c
                     WHERE k.missed_walks > 1 AND k.stream = $1 AND c.connection_id = k.connection_id
                     RETURNING k.tenant_id, c.vendor || ':' || c.vendor_account AS source, k.vendor_key)
                 UPDATE {table} t SET gone_at = coalesce(t.gone_at, now()) FROM missed m
                 WHERE t.tenant_id = m.tenant_id AND t.source = m.source AND $1 || '/' || t.external_id = m.vendor_key
                   AND t.gone_at IS NULL"
            ),
            &[&stream.as_str()],
        )
        .await?;
    }
    Ok(())
}

/// Where a stream's records are.
struct Place {
    stream: Stream,
    table: &'static str,
    /// Which of the table's rows `t` are the stream's.
    which: &'static str,
}

const PLACES: [Place; 4] = [
    Place { stream: Stream::Accounts, table: "accounts", which: "true" },
    Place { stream: Stream::Contacts, table: "contacts", which: "t.kind = 'contact'" },
    Place { stream: Stream::Leads, table: "contacts", which: "t.kind = 'lead'" },
    Place { stream: Stream::Deals, table: "deals", which: "true" },
];

async fn gone(tx: &Tx) -> Result<Vec<Gone>, StoreError> {
    let mut found = Vec::new();
    for Place { table, stream, which } in PLACES {
        let rows = tx
            .query(
                &format!(
                    "SELECT g.tenant_id, c.connection_id, g.source, g.gone,
                            (SELECT count(*) FROM {table} t WHERE t.tenant_id = g.tenant_id AND t.source = g.source
                                AND t.deleted_at IS NULL AND t.merged_into IS NULL AND {which})
                     FROM (SELECT tenant_id, source, count(*) AS gone FROM {table} t
                           WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND {which} GROUP BY tenant_id, source) AS g
                     JOIN connections c ON c.tenant_id = g.tenant_id AND c.vendor || ':' || c.vendor_account = g.source
                     JOIN streams s ON s.connection_id = c.connection_id AND s.stream = $1
                     WHERE s.vanished_held IS DISTINCT FROM g.gone"
                ),
                &[&stream.as_str()],
            )
            .await?;
        for row in &rows {
            found.push(Gone {
                tenant: TenantId::parse(row.try_get(0)?)?,
                connection_id: ConnectionId(row.try_get(1)?),
                source: row.try_get(2)?,
                stream,
                count: row.try_get(3)?,
                of: row.try_get(4)?,
            });
        }
    }
    Ok(found)
}

/// What was held and has come back needs nobody's word.
async fn release_stale_holds(tx: &Tx) -> Result<(), StoreError> {
    for Place { table, stream, which } in PLACES {
        tx.execute(
            &format!(
                "UPDATE streams s SET vanished_held = NULL FROM connections c
                 WHERE c.connection_id = s.connection_id AND s.stream = $1 AND s.vanished_held > (
                     SELECT count(*) FROM {table} t WHERE t.tenant_id = c.tenant_id
                        AND t.source = c.vendor || ':' || c.vendor_account AND t.gone_at IS NOT NULL AND t.deleted_at IS NULL
                        AND {which})"
            ),
            &[&stream.as_str()],
        )
        .await?;
    }
    Ok(())
}

async fn hold(tx: &Tx, one: &Gone) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE streams SET vanished_held = $3 WHERE connection_id = $1 AND stream = $2",
        &[&one.connection_id.0, &one.stream.as_str(), &one.count],
    )
    .await?;
    let body = json!({
        "connection_id": one.connection_id, "stream": one.stream, "vanished": one.count, "of": one.of,
    });
    let key = format!("{}:{}:{}", one.connection_id, one.stream, one.count);
    outbox::emit(tx, &one.tenant, "sync.mass_vanish_held", &key, &body).await?;
    Ok(())
}

/// Applies what a connection's streams hold, by a person's word; returns how many records it was.
pub async fn apply_held(tx: &Tx, connection: ConnectionId) -> Result<u64, StoreError> {
    let row = tx
        .query_opt(
            "SELECT tenant_id, vendor || ':' || vendor_account FROM connections WHERE connection_id = $1",
            &[&connection.0],
        )
        .await?;
    let Some(row) = row else { return Ok(0) };
    let (tenant, source) = (TenantId::parse(row.try_get(0)?)?, row.try_get::<_, String>(1)?);
    let mut applied = 0;
    for Place { stream, .. } in PLACES {
        let one = Gone {
            tenant: tenant.clone(),
            connection_id: connection,
            source: source.clone(),
            stream,
            count: 0,
            of: 0,
        };
        applied += apply(tx, &one).await?;
    }
    Ok(applied)
}

async fn apply(tx: &Tx, one: &Gone) -> Result<u64, StoreError> {
    let Some(Place { table, which, .. }) = PLACES.iter().find(|place| place.stream == one.stream) else {
        return Ok(0);
    };
    let rows = tx
        .query(
            &format!(
                "UPDATE {table} t SET deleted_at = now(), updated_at = now()
                 WHERE tenant_id = $1 AND source = $2 AND gone_at IS NOT NULL AND deleted_at IS NULL AND {which}
                 RETURNING external_id"
            ),
            &[&one.tenant.as_str(), &one.source],
        )
        .await?;
    tx.execute(
        "UPDATE streams SET vanished_held = NULL WHERE connection_id = $1 AND stream = $2",
        &[&one.connection_id.0, &one.stream.as_str()],
    )
    .await?;
    let ids: Vec<String> = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, StoreError>>()?;
    let mut change = Change::default();
    match one.stream {
        Stream::Accounts => add_accounts(tx, one, &ids, &mut change).await?,
        Stream::Contacts | Stream::Leads => add_contacts(tx, one, &ids, &mut change).await?,
        _ => {
            let ids = with_merged(tx, Stream::Deals, (&one.tenant, &one.source), ids.clone()).await?;
            change.external_ids.extend(ids);
        }
    }
    change.note(tx, &one.tenant).await?;
    Ok(ids.len() as u64)
}

async fn add_accounts(tx: &Tx, one: &Gone, ids: &[String], change: &mut Change) -> Result<(), StoreError> {
    let rows = tx
        .query(
            // what was merged into one that is gone leads nowhere either
            "SELECT a.account_id, a.external_id, ARRAY (
                 SELECT domain FROM account_domains d WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id)
             FROM accounts w JOIN accounts a
                  ON a.tenant_id = w.tenant_id AND (a.account_id = w.account_id OR a.merged_into = w.account_id)
             WHERE w.tenant_id = $1 AND w.source = $2 AND w.external_id = ANY ($3)",
            &[&one.tenant.as_str(), &one.source, &ids],
        )
        .await?;
    let mut accounts: Vec<Uuid> = Vec::new();
    for row in &rows {
        accounts.push(row.try_get(0)?);
        change.external_ids.insert(row.try_get(1)?);
        change.domains.extend(row.try_get::<_, Vec<String>>(2)?);
    }
    change.account_ids.extend(accounts.iter().copied());
    change.add_dependents_of(tx, &one.tenant, &accounts).await
}

async fn add_contacts(tx: &Tx, one: &Gone, ids: &[String], change: &mut Change) -> Result<(), StoreError> {
    let rows = tx
        .query(
            "SELECT email_key FROM contacts
             WHERE tenant_id = $1 AND source = $2 AND external_id = ANY ($3) AND email_key IS NOT NULL
             UNION
             SELECT email_key FROM contact_emails WHERE tenant_id = $1 AND source = $2 AND external_id = ANY ($3)",
            &[&one.tenant.as_str(), &one.source, &ids],
        )
        .await?;
    for row in &rows {
        change.email_keys.insert(row.try_get(0)?);
    }
    let ids = with_merged(tx, Stream::Contacts, (&one.tenant, &one.source), ids.to_vec()).await?;
    change.external_ids.extend(ids);
    Ok(())
}
