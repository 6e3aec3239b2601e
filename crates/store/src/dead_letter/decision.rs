//! What people decide about letters without sending them: given up for good, or not after all.

use std::time::Duration;

use model::DeadLetterId;

use super::LetterFilter;
use super::search::MATCHES;
use crate::{StoreError, Tx};

/// Discards the letters that are dead and fit; returns how many. Whatever waits for them goes on waiting until they are forgotten.
pub async fn discard(tx: &Tx, filter: &LetterFilter, reason: &str) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE dead_letters d SET state = 'discarded', resolution = $2, resolved_at = now()
         WHERE {MATCHES} AND d.state = 'dead'"
    );
    tx.execute(&sql, &[&filter.as_json(), &reason]).await
}

/// Takes back that letters were discarded, of those that fit and are not forgotten; returns how many.
pub async fn restore(tx: &Tx, filter: &LetterFilter) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE dead_letters d SET state = 'dead', resolution = NULL, resolved_at = NULL
         WHERE {MATCHES} AND d.state = 'discarded' AND d.forgotten_at IS NULL"
    );
    tx.execute(&sql, &[&filter.as_json()]).await
}

/// Lets something else be sent instead of a letter's message, or the message itself again; false when the letter is closed or forgotten.
pub async fn edit(tx: &Tx, id: DeadLetterId, body: Option<&[u8]>) -> Result<bool, StoreError> {
    let sql = "UPDATE dead_letters SET edited_body = $2
               WHERE dead_letter_id = $1 AND state <> 'closed' AND forgotten_at IS NULL";
    Ok(tx.execute(sql, &[&id.0, &body]).await? == 1)
}

/// Forgets the messages of letters that were discarded so long ago, and the work that waited for them. The letter stays and says why.
pub async fn forget_discarded(tx: &Tx, kept_for: Duration) -> Result<u64, StoreError> {
    let row = tx
        .query_one(
            "WITH forgotten AS (
                 UPDATE dead_letters SET forgotten_at = now(), body = '', edited_body = NULL
                 WHERE state = 'discarded' AND forgotten_at IS NULL AND resolved_at < now() - make_interval(secs => $1)
                 RETURNING dead_letter_id),
             dropped AS (
                 DELETE FROM resolve_batches b USING forgotten f WHERE b.dead_letter_id = f.dead_letter_id)
             SELECT count(*) FROM forgotten",
            &[&kept_for.as_secs_f64()],
        )
        .await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0))
}
