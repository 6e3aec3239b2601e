//! Events, written in the transaction of what they tell, published afterwards.

use jiff::Timestamp;
use model::{EventId, TenantId};
use serde_json::Value;

use crate::{StoreError, Tx};

/// An event as it stands in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id, also on the wire.
    pub id: EventId,
    /// Position, in order of writing.
    pub sequence: i64,
    /// Whose event it is.
    pub tenant: TenantId,
    /// Dotted name, also the routing key.
    pub kind: String,
    /// What it tells.
    pub body: Value,
    /// When.
    pub occurred_at: Timestamp,
}

/// Writes an event. The key makes its id: a second event with the same key is no event, and false.
pub async fn emit(
    tx: &Tx,
    tenant: &TenantId,
    kind: &str,
    key: &str,
    body: &Value,
) -> Result<bool, StoreError> {
    let id = EventId::derive(&format!("{kind}:{key}"));
    let emitted = tx
        .execute(
            "INSERT INTO outbox (event_id, tenant_id, type, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            &[&id.0, &tenant.as_str(), &kind, body],
        )
        .await?;
    Ok(emitted == 1)
}

/// Takes unpublished events, oldest first; other relays pass over them until this transaction ends.
pub async fn take_unpublished(tx: &Tx, limit: i64) -> Result<Vec<Event>, StoreError> {
    let rows = tx
        .query(
            "SELECT event_id, sequence, tenant_id, type, body, occurred_at FROM outbox
             WHERE published_at IS NULL ORDER BY sequence LIMIT $1 FOR UPDATE SKIP LOCKED",
            &[&limit],
        )
        .await?;
    rows.iter().map(event).collect()
}

/// Marks events as published.
pub async fn mark_published(tx: &Tx, ids: &[EventId]) -> Result<(), StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    tx.execute("UPDATE outbox SET published_at = now() WHERE event_id = ANY ($1)", &[&ids]).await?;
    Ok(())
}

/// Seconds that the oldest event has waited for being published; none waits where it is zero.
pub async fn oldest_unpublished_s(tx: &Tx) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(floor(extract(epoch FROM clock_timestamp() - min(occurred_at))), 0)::bigint
               FROM outbox WHERE published_at IS NULL";
    Ok(tx.query_one(sql, &[]).await?.try_get(0)?)
}

/// Reads events after a position, oldest first.
pub async fn after(tx: &Tx, sequence: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
    let rows = tx
        .query(
            "SELECT event_id, sequence, tenant_id, type, body, occurred_at FROM outbox
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            &[&sequence, &limit],
        )
        .await?;
    rows.iter().map(event).collect()
}

/// The position after which the last `count` events lie.
pub async fn position_before_last(tx: &Tx, count: i64) -> Result<i64, StoreError> {
    let row = tx
        .query_one(
            "SELECT coalesce(min(sequence), 1) - 1 FROM
             (SELECT sequence FROM outbox ORDER BY sequence DESC LIMIT $1) AS newest",
            &[&count],
        )
        .await?;
    Ok(row.try_get(0)?)
}

fn event(row: &tokio_postgres::Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: EventId(row.try_get(0)?),
        sequence: row.try_get(1)?,
        tenant: TenantId::parse(row.try_get(2)?)?,
        kind: row.try_get(3)?,
        body: row.try_get(4)?,
        occurred_at: row.try_get(5)?,
    })
}
