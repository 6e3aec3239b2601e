//! Records that two complete walks in a row did not see: gone at the vendor.

use model::{ConnectionId, TenantId};
use serde_json::json;
use uuid::Uuid;

use crate::{StoreError, Tx, meeting, outbox};

/// More than so many at once, and more than a tenth of all, is held for a person: an outage looks the same.
const AT_ONCE_MAX: i64 = 20;

/// Connections with vanished records that are not held, with how many of how many.
struct Vanished {
    tenant: TenantId,
    connection_id: ConnectionId,
    gone: i64,
    all: i64,
}

/// Withdraws vanished records of every connection, or holds them for a person; returns how many were withdrawn.
pub async fn withdraw_or_hold(tx: &Tx) -> Result<u64, StoreError> {
    release_stale_holds(tx).await?;
    let mut withdrawn = 0;
    for one in vanished(tx).await? {
        if one.gone > AT_ONCE_MAX && one.gone * 10 > one.all {
            hold(tx, &one).await?;
        } else {
            withdrawn += withdraw(tx, one.connection_id).await?;
        }
    }
    Ok(withdrawn)
}

async fn vanished(tx: &Tx) -> Result<Vec<Vanished>, StoreError> {
    let rows = tx
        .query(
            "SELECT n.tenant_id, n.connection_id, g.gone,
                    (SELECT count(*) FROM conversations c WHERE c.connection_id = n.connection_id AND c.withdrawn_at IS NULL)
             FROM (SELECT connection_id, count(*) AS gone FROM intake
                   WHERE missed_walks > 1 AND stream = 'conversations' GROUP BY connection_id) AS g
             JOIN connections n USING (connection_id)
             WHERE NOT EXISTS (SELECT FROM streams s WHERE s.connection_id = n.connection_id AND s.stream = 'conversations'
                               AND s.vanished_held = g.gone)",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Vanished {
                tenant: TenantId::parse(row.try_get(0)?)?,
                connection_id: ConnectionId(row.try_get(1)?),
                gone: row.try_get(2)?,
                all: row.try_get(3)?,
            })
        })
        .collect()
}

/// What was held and has been seen again needs nobody's word.
async fn release_stale_holds(tx: &Tx) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE streams s SET vanished_held = NULL WHERE stream = 'conversations' AND vanished_held > (
             SELECT count(*) FROM intake k
             WHERE k.connection_id = s.connection_id AND k.missed_walks > 1 AND k.stream = 'conversations')",
        &[],
    )
    .await?;
    Ok(())
}

async fn hold(tx: &Tx, one: &Vanished) -> Result<(), StoreError> {
    let sql = "UPDATE streams SET vanished_held = $2 WHERE connection_id = $1 AND stream = 'conversations'";
    tx.execute(sql, &[&one.connection_id.0, &one.gone]).await?;
    let body = json!({ "connection_id": one.connection_id, "vanished": one.gone, "of": one.all });
    let key = format!("{}:{}", one.connection_id, one.gone);
    outbox::emit(tx, &one.tenant, "sync.mass_vanish_held", &key, &body).await?;
    Ok(())
}

/// Withdraws a connection's vanished records: by a machine when they are few, by a person's word when they were held.
pub async fn withdraw(tx: &Tx, connection: ConnectionId) -> Result<u64, StoreError> {
    let rows = tx
        .query(
            // without its hashes the record is fetched again, should the vendor ever list it again
            "WITH gone AS (
                 UPDATE intake SET missed_walks = 0, stored_hash = NULL, content_hash = NULL, look_at = NULL
                 WHERE connection_id = $1 AND missed_walks > 1 AND stream = 'conversations' RETURNING connection_id, vendor_key)
             UPDATE conversations c SET withdrawn_at = now(), withdrawn_reason = 'vanished', updated_at = now()
             FROM gone g WHERE c.connection_id = g.connection_id AND c.external_id = g.vendor_key AND c.withdrawn_at IS NULL
             RETURNING c.tenant_id, c.conversation_id",
            &[&connection.0],
        )
        .await?;
    let sql = "UPDATE streams SET vanished_held = NULL WHERE connection_id = $1 AND stream = 'conversations'";
    tx.execute(sql, &[&connection.0]).await?;
    let withdrawn = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let withdrawn = withdrawn.collect::<Result<Vec<(&str, Uuid)>, StoreError>>()?;
    meeting::note(tx, &withdrawn).await?;
    Ok(withdrawn.len() as u64)
}

/// Connections whose vanished records wait for a person, of whatever stream, with how many.
pub async fn held(tx: &Tx) -> Result<Vec<(ConnectionId, i64)>, StoreError> {
    let sql = "SELECT connection_id, sum(vanished_held)::bigint FROM streams WHERE vanished_held IS NOT NULL
               GROUP BY connection_id ORDER BY connection_id";
    let rows = tx.query(sql, &[]).await?;
    rows.iter().map(|row| Ok((ConnectionId(row.try_get(0)?), row.try_get(1)?))).collect()
}
