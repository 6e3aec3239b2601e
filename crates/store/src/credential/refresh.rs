//! Whose turn it is to refresh a credential: one at a time, across all processes.

use std::time::Duration;

use model::{ConnectionId, TenantId};

use crate::{StoreError, Tx};

/// After an interrupted refresh there is one more.
const ATTEMPTS_MAX: i32 = 2;

/// The answer to asking for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The caller's, once this transaction has committed.
    Mine {
        /// The one before was interrupted: the vendor may have spent the token without our knowing the next.
        after_interruption: bool,
    },
    /// Somebody else's, for this long at most.
    Another(Duration),
    /// That generation is not the current one any more, or was found invalid meanwhile: look again.
    Passed,
    /// Interrupted twice: nobody knows the token.
    Lost,
}

/// Asks for the turn to refresh a generation; the intent is written and counts when the transaction commits.
pub async fn take_turn(
    tx: &Tx,
    tenant: &TenantId,
    id: ConnectionId,
    generation: i32,
    lease: Duration,
) -> Result<Turn, StoreError> {
    // the connection's lock puts everybody in one line
    let sql = "SELECT credential_generation = $2 AND credential_state = 'valid' FROM connections
               WHERE connection_id = $1 FOR UPDATE";
    if !tx.query_one(sql, &[&id.0, &generation]).await?.try_get::<_, bool>(0)? {
        return Ok(Turn::Passed);
    }
    let known = tx
        .query_opt(
            "SELECT attempts, greatest(extract(epoch FROM expires_at - clock_timestamp()), 0)::float8
             FROM credential_refreshes WHERE connection_id = $1 AND generation = $2",
            &[&id.0, &generation],
        )
        .await?;
    let (attempts, left_s) = match known {
        Some(row) => (row.try_get::<_, i32>(0)?, row.try_get::<_, f64>(1)?),
        None => (0, 0.0),
    };
    if left_s > 0.0 {
        return Ok(Turn::Another(Duration::from_secs_f64(left_s)));
    }
    if attempts >= ATTEMPTS_MAX {
        return Ok(Turn::Lost);
    }
    tx.execute(
        "INSERT INTO credential_refreshes (connection_id, tenant_id, generation, attempts, expires_at)
         VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
         ON CONFLICT (connection_id) DO UPDATE
         SET generation = excluded.generation, attempts = excluded.attempts, expires_at = excluded.expires_at",
        &[&id.0, &tenant.as_str(), &generation, &(attempts + 1), &lease.as_secs_f64()],
    )
    .await?;
    Ok(Turn::Mine { after_interruption: attempts > 0 })
}

/// Takes a turn back in which the vendor was not asked: everything is as before it.
pub async fn take_back_turn(tx: &Tx, id: ConnectionId, generation: i32) -> Result<(), StoreError> {
    let sql = "UPDATE credential_refreshes SET attempts = attempts - 1, expires_at = clock_timestamp()
               WHERE connection_id = $1 AND generation = $2";
    tx.execute(sql, &[&id.0, &generation]).await?;
    Ok(())
}

/// Ends a turn whose outcome is known: the vendor refuses, or the successor is stored by this very transaction.
pub async fn end_turn(tx: &Tx, id: ConnectionId, generation: i32) -> Result<(), StoreError> {
    let sql = "DELETE FROM credential_refreshes WHERE connection_id = $1 AND generation = $2";
    tx.execute(sql, &[&id.0, &generation]).await?;
    Ok(())
}

/// Gives a turn up whose outcome is not known: the next one may begin, and counts as the one after an interruption.
pub async fn give_up_turn(tx: &Tx, id: ConnectionId, generation: i32) -> Result<(), StoreError> {
    let sql = "UPDATE credential_refreshes SET expires_at = clock_timestamp() WHERE connection_id = $1 AND generation = $2";
    tx.execute(sql, &[&id.0, &generation]).await?;
    Ok(())
}
