//! Messages that came out of the dead letters: the ledger is told that they are worked off.

use model::DeadLetterId;
use queue::{Delivery, WorkQueue};
use store::{Speaker, Store, StoreError, dead_letter};

/// Settles the replays among deliveries that are done. Comes before their ack: what is repeated settles once more.
pub(crate) async fn settle<'a>(
    store: &Store,
    queue: &WorkQueue,
    done: impl IntoIterator<Item = &'a Delivery>,
) -> Result<(), StoreError> {
    let replayed = done.into_iter().filter(|delivery| delivery.headers.replayed > 0);
    let replays: Vec<(DeadLetterId, i32)> = replayed
        .map(|delivery| {
            let number = i32::try_from(delivery.headers.replayed).unwrap_or(i32::MAX);
            (delivery.headers.dead_letter_id(queue.name, &delivery.body), number)
        })
        .collect();
    if replays.is_empty() {
        return Ok(());
    }
    // letters may be nobody's
    let tx = store.begin(Speaker::Everybody).await?;
    dead_letter::settle_replays(&tx, &replays).await?;
    tx.commit().await
}
