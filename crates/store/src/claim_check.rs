//! Documents too large for a message.

use std::time::Duration;

use model::{ContentHash, TenantId};

use crate::{StoreError, Tx};

/// Puts a document away under its hash; again is harmless.
pub async fn put(tx: &Tx, tenant: &TenantId, claim: ContentHash, body: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO claim_checks (tenant_id, claim, body) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, claim) DO UPDATE SET claimed_at = now()",
        &[&tenant.as_str(), &claim.as_bytes(), &body],
    )
    .await?;
    Ok(())
}

/// Fetches a document; `None` when it is not there.
pub async fn get(tx: &Tx, tenant: &TenantId, claim: ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT body FROM claim_checks WHERE tenant_id = $1 AND claim = $2",
            &[&tenant.as_str(), &claim.as_bytes()],
        )
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Forgets documents older than `age`, except those a dead letter may still need; returns how many.
pub async fn sweep(tx: &Tx, age: Duration) -> Result<u64, StoreError> {
    tx.execute(
        // a dead letter's body is JSON that names its claim in hexadecimal; there are few of either
        "DELETE FROM claim_checks c
         WHERE claimed_at < now() - make_interval(secs => $1)
           AND NOT EXISTS (
               SELECT FROM dead_letters d
               WHERE (d.state IN ('dead', 'discarded') OR d.resolved_at > now() - make_interval(secs => $1)) AND d.tenant_id = c.tenant_id
                 AND position(convert_to(encode(c.claim, 'hex'), 'UTF8') IN d.body) > 0)",
        &[&age.as_secs_f64()],
    )
    .await
}
