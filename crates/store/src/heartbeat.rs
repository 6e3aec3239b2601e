//! Signs of life of roles that the broker does not see: whoever consumes a queue is counted there.

use jiff::Timestamp;

use crate::{StoreError, Tx};

/// A role leaves a sign of life every few seconds; one that has left none for so many is away.
pub const AWAY_S: i64 = 60;

/// When a role was last at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSeen {
    /// When.
    pub at: Timestamp,
    /// So many seconds ago, by the database's clock.
    pub ago_s: i64,
}

/// Notes that a role is at work; the first that comes back after a while notes how long nobody was.
pub async fn beat(tx: &Tx, role: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO absences (role, since, until)
         SELECT role, seen_at, clock_timestamp() FROM heartbeats
         WHERE role = $1 AND seen_at < clock_timestamp() - $2::bigint * interval '1 second'
         ON CONFLICT DO NOTHING",
        &[&role, &AWAY_S],
    )
    .await?;
    tx.execute(
        "INSERT INTO heartbeats (role, seen_at) VALUES ($1, clock_timestamp())
         ON CONFLICT (role) DO UPDATE SET seen_at = greatest(heartbeats.seen_at, excluded.seen_at)",
        &[&role],
    )
    .await?;
    Ok(())
}

/// When a role was last at work; `None` if it never was.
pub async fn last_seen(tx: &Tx, role: &str) -> Result<Option<LastSeen>, StoreError> {
    let sql = "SELECT seen_at, greatest(0, floor(extract(epoch FROM clock_timestamp() - seen_at)))::bigint
               FROM heartbeats WHERE role = $1";
    let row = tx.query_opt(sql, &[&role]).await?;
    row.map(|row| Ok(LastSeen { at: row.try_get(0)?, ago_s: row.try_get(1)? })).transpose()
}
