//! Sends one letter again: whatever did its work before does it again.

use anyhow::Context as _;
use model::{ReplayId, VendorKey};
use queue::{JobHeaders, Outgoing, Publisher, WorkQueue};
use runtime::failpoint;
use store::dead_letter::{self, FiledLetter};
use store::replay::{self, Sent, ToSend};
use store::run::Reopened;
use store::{Speaker, Store, Tx, intake, resolve, run};

/// How a letter can be sent.
enum Way {
    /// In the transaction, by the ledger.
    Begun(Sent, &'static str),
    /// By publishing its message.
    Publish(&'static WorkQueue),
    /// Not at all: the outcome, and why.
    Not(&'static str, &'static str),
}

/// Sends a letter whose turn it is. One that died again since it was chosen is left to whoever notes outcomes.
pub(super) async fn send(
    store: &Store,
    publisher: &Publisher,
    replay: ReplayId,
    letter: &ToSend,
) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    let filed = dead_letter::load(&tx, letter.id).await?.context("a frozen letter is not there")?;
    if filed.deaths != letter.deaths {
        return Ok(());
    }
    let marked = match way(&tx, &filed).await? {
        Way::Begun(sent, words) => {
            replay::sent(&tx, replay, letter.place, sent).await?;
            dead_letter::begun_again(&tx, &filed, words).await?
        }
        Way::Publish(queue) => {
            // published before it is marked: killed in between it is sent twice, which is harmless
            publish(publisher, queue, &filed).await?;
            failpoint!("replay.published");
            replay::sent(&tx, replay, letter.place, Sent::Message(filed.next_replay())).await?;
            dead_letter::sent_again(&tx, &filed).await?
        }
        Way::Not(outcome, words) => {
            replay::decide(&tx, replay, letter.place, outcome, words).await?;
            true
        }
    };
    // it died, or was closed, while it was sent: the next step finds that out
    if marked { Ok(tx.commit().await?) } else { Ok(tx.rollback().await?) }
}

async fn way(tx: &Tx, filed: &FiledLetter) -> anyhow::Result<Way> {
    let letter = &filed.letter;
    if let ("fetch", Some(run)) = (letter.stage.as_str(), letter.run_id) {
        // by compare-and-set; the scheduler nudges it
        return Ok(match run::reopen(tx, run).await? {
            Reopened::Planned => Way::Begun(Sent::Run, "the run is planned again"),
            Reopened::NotFailed => Way::Not("superseded", "the run is not failed any more"),
            Reopened::Superseded => {
                Way::Not("superseded", "another run of its kind is open and does its work")
            }
        });
    }
    if letter.stage == "detail" {
        let (Some(connection), Some(key)) = (letter.connection_id, &letter.vendor_key) else {
            return Ok(Way::Not("impossible", "it does not say which record it is about"));
        };
        let key = VendorKey::of(key);
        intake::look_now(tx, connection, &[key.as_str()], "replayed").await?;
        return Ok(Way::Begun(Sent::Look, "a follow-up asks the vendor again"));
    }
    if let Some(batch) = resolve::reopen(tx, letter.id).await? {
        return Ok(Way::Begun(Sent::Batch(batch), "its conversations are linked again"));
    }
    Ok(match WorkQueue::named(&letter.origin_queue) {
        Some(queue) => Way::Publish(queue),
        None => Way::Not("impossible", "its queue is unknown to this program"),
    })
}

/// An ordinary delivery, which says out of which replay it comes.
async fn publish(publisher: &Publisher, queue: &WorkQueue, filed: &FiledLetter) -> anyhow::Result<()> {
    let letter = &filed.letter;
    let headers = JobHeaders {
        replayed: u32::try_from(filed.next_replay()).unwrap_or(1),
        letter: Some(letter.id.to_string()),
        vendor: letter.vendor.clone(),
        tenant: letter.tenant.as_ref().map(ToString::to_string),
        vendor_key: letter.vendor_key.clone(),
        ..JobHeaders::default()
    };
    let body = filed.edited_body.as_ref().unwrap_or(&letter.body).clone();
    let message = Outgoing::to_work(queue, body).with_headers(headers);
    publisher.publish(message).await.context("failed to publish a letter")?;
    Ok(())
}
