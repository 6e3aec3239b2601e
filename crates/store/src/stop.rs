//! What kept connections from their work: noted while it does, and kept for whoever asks later why something did not run.

use std::time::Duration;

use crate::{StoreError, Tx};

/// Notes what began to keep connections from their work, and what has ended; returns how many changed.
///
/// The owners of the causes are compared with what was noted, so nobody who pauses, parks or closes has to think of it.
pub async fn note(tx: &Tx) -> Result<u64, StoreError> {
    // first the ends: one is open at a time, by a unique index. A second scheduler waits for the row, and finds it ended
    let ended = tx
        .execute(
            &with_standing(
                "UPDATE connection_stops s SET until = clock_timestamp() FROM standing n
                 WHERE n.connection_id = s.connection_id AND s.until IS NULL AND n.reason IS DISTINCT FROM s.reason",
            ),
            &[],
        )
        .await?;
    let begun = tx
        .execute(
            &with_standing(
                "INSERT INTO connection_stops (connection_id, tenant_id, reason, since)
                 SELECT n.connection_id, n.tenant_id, n.reason,
                        greatest(n.since, (SELECT max(until) FROM connection_stops p WHERE p.connection_id = n.connection_id))
                 FROM standing n
                 WHERE n.reason IS NOT NULL
                   AND NOT EXISTS (SELECT FROM connection_stops o WHERE o.connection_id = n.connection_id AND o.until IS NULL)
                 ON CONFLICT DO NOTHING",
            ),
            &[],
        )
        .await?;
    Ok(ended + begun)
}

/// The statement, after what keeps each connection from its work now, and since when as far as that is known.
fn with_standing(statement: &str) -> String {
    format!(
        "WITH standing AS (
             SELECT c.connection_id, c.tenant_id,
                    CASE WHEN c.disconnected_at IS NOT NULL THEN 'disconnected' WHEN NOT c.enabled THEN 'disabled'
                         WHEN c.paused_at IS NOT NULL THEN 'paused' WHEN b.cause IS NOT NULL THEN b.cause
                         WHEN v.left_over = 0 THEN 'quota' END AS reason,
                    CASE WHEN c.disconnected_at IS NOT NULL THEN c.disconnected_at WHEN NOT c.enabled THEN clock_timestamp()
                         WHEN c.paused_at IS NOT NULL THEN c.paused_at
                         WHEN b.cause = 'credential' THEN coalesce(k.invalid_at, clock_timestamp())
                         WHEN b.cause = 'vendor-down' THEN coalesce(g.away_since, clock_timestamp())
                         WHEN b.cause = 'crm' THEN c.created_at ELSE clock_timestamp() END AS since
             FROM connections c
             JOIN connection_blocks b USING (connection_id)
             LEFT JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
             LEFT JOIN vendor_budgets g ON g.vendor = c.vendor AND g.vendor_account = c.vendor_account
             LEFT JOIN vendor_shares v ON v.vendor = c.vendor AND v.vendor_account = c.vendor_account AND v.share = 'live')
         {statement}"
    )
}

/// Forgets what ended so long ago; returns how many.
pub async fn sweep(tx: &Tx, age: Duration) -> Result<u64, StoreError> {
    let sql = "DELETE FROM connection_stops WHERE until < now() - make_interval(secs => $1)";
    let stops = tx.execute(sql, &[&age.as_secs_f64()]).await?;
    let sql = "DELETE FROM absences WHERE until < now() - make_interval(secs => $1)";
    Ok(stops + tx.execute(sql, &[&age.as_secs_f64()]).await?)
}
