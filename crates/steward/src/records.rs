//! A dead message of a CRM's records: whichever of them were stored all the same stay so, the others are dead.

use model::DeadLetterId;
use model::message::RecordBatch;
use store::{StoreError, Tx, intake};

/// Notes that the records of a message are dead; nothing, if it is another message.
pub(crate) async fn mark_dead(tx: &Tx, body: &[u8], letter: DeadLetterId) -> Result<(), StoreError> {
    let Ok(batch) = RecordBatch::decode(body) else { return Ok(()) };
    for record in &batch.records {
        let (key, hash) = (&record.key, Some(record.hash));
        intake::mark_dead(tx, batch.connection_id, key, batch.asked_at, hash, letter).await?;
    }
    Ok(())
}
