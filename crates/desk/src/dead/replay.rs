//! Sending dead letters again.

use anyhow::Context as _;
use model::{DeadLetterId, VendorKey};
use queue::{JobHeaders, Outgoing, Publisher, WorkQueue};
use runtime::failpoint;
use serde::Serialize;
use store::dead_letter::{self, FiledLetter, LetterFilter};
use store::run::Reopened;
use store::{Speaker, Store, intake, resolve, run};

/// Letters taken at a time: bodies may be large.
const BATCH: i64 = 20;

/// What became of replayed letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Sent again: published, planned again, or to be looked at again.
    pub replayed: u64,
    /// Closed, because newer work has taken their place.
    pub superseded: u64,
    /// Left alone: closed before, or somebody else was faster.
    pub closed: u64,
    /// Not possible, with the reason in the log: their queue is unknown to this program.
    pub impossible: u64,
}

/// Replays the letters that are dead and fit. A letter that dies again comes back to the dead letters; it is not replayed twice
/// in one call.
pub async fn replay(store: &Store, publisher: &Publisher, filter: &LetterFilter) -> anyhow::Result<Replayed> {
    let mut report = Replayed::default();
    for ids in ids(store, filter).await?.chunks(usize::try_from(BATCH)?) {
        let these =
            LetterFilter { ids: Some(ids.to_vec()), any_state: filter.any_state, ..LetterFilter::default() };
        let tx = store.begin(Speaker::Everybody).await?;
        let letters = dead_letter::list(&tx, &these, true, BATCH).await?;
        tx.commit().await?;
        for letter in &letters {
            match replay_one(store, publisher, letter).await? {
                Fate::Replayed => report.replayed += 1,
                Fate::Superseded => report.superseded += 1,
                Fate::Impossible => report.impossible += 1,
                Fate::Taken => report.closed += 1,
            }
        }
    }
    Ok(report)
}

/// The set is fixed before the first is sent.
async fn ids(store: &Store, filter: &LetterFilter) -> anyhow::Result<Vec<DeadLetterId>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let letters =
        dead_letter::list(&tx, filter, false, i64::MAX).await.context("failed to list dead letters")?;
    tx.commit().await?;
    Ok(letters.into_iter().map(|filed| filed.letter.id).collect())
}

enum Fate {
    Replayed,
    Superseded,
    Impossible,
    /// Closed before, or somebody else was faster.
    Taken,
}

async fn replay_one(store: &Store, publisher: &Publisher, filed: &FiledLetter) -> anyhow::Result<Fate> {
    match filed.letter.stage.as_str() {
        "fetch" if filed.letter.run_id.is_some() => reopen_run(store, filed).await,
        "detail" => look_again(store, filed).await,
        _ => match link_again(store, filed).await? {
            Some(fate) => Ok(fate),
            None => publish_again(store, publisher, filed).await,
        },
    }
}

/// A batch of conversations to be linked again: its row says that it is to be sent; the scheduler sends it. `None`: it has no row.
async fn link_again(store: &Store, filed: &FiledLetter) -> anyhow::Result<Option<Fate>> {
    let tx = store.begin(Speaker::Everybody).await?;
    if !resolve::reopen(&tx, filed.letter.id).await? {
        return Ok(None);
    }
    let words = "its conversations are linked again";
    if !dead_letter::resolve(&tx, filed, "replayed", words, true).await? {
        tx.rollback().await?;
        return Ok(Some(Fate::Taken));
    }
    tx.commit().await?;
    Ok(Some(Fate::Replayed))
}

/// A nudge: its run is planned again by compare-and-set; the scheduler nudges it.
async fn reopen_run(store: &Store, filed: &FiledLetter) -> anyhow::Result<Fate> {
    let Some(id) = filed.letter.run_id else { return Ok(Fate::Impossible) };
    let tx = store.begin(Speaker::Everybody).await?;
    let (fate, state, words) = match run::reopen(&tx, id).await? {
        Reopened::Planned => (Fate::Replayed, "replayed", "the run is planned again"),
        Reopened::NotFailed => (Fate::Superseded, "closed", "the run is not failed any more"),
        Reopened::Superseded => {
            (Fate::Superseded, "closed", "another run of its kind is open and does its work")
        }
    };
    if !dead_letter::resolve(&tx, filed, state, words, true).await? {
        tx.rollback().await?;
        return Ok(Fate::Taken);
    }
    tx.commit().await?;
    Ok(fate)
}

/// A record: a follow-up asks the vendor again, with fresh attempts.
async fn look_again(store: &Store, filed: &FiledLetter) -> anyhow::Result<Fate> {
    let letter = &filed.letter;
    let (Some(connection), Some(key)) = (letter.connection_id, &letter.vendor_key) else {
        return Ok(Fate::Impossible);
    };
    let tx = store.begin(Speaker::Everybody).await?;
    let known = intake::look_now(&tx, connection, &[VendorKey::of(key).as_str()], "replayed").await?;
    if known == 0 {
        return Ok(Fate::Impossible);
    }
    if !dead_letter::resolve(&tx, filed, "replayed", "a follow-up asks the vendor again", true).await? {
        tx.rollback().await?;
        return Ok(Fate::Taken);
    }
    tx.commit().await?;
    Ok(Fate::Replayed)
}

/// A document, or bytes nobody could read: an ordinary delivery, published with its confirm before it is marked. Killed in between, it is
/// sent twice, which is harmless.
async fn publish_again(store: &Store, publisher: &Publisher, filed: &FiledLetter) -> anyhow::Result<Fate> {
    let letter = &filed.letter;
    if filed.state == "closed" {
        return Ok(Fate::Taken);
    }
    let Some(queue) = WorkQueue::named(&letter.origin_queue) else {
        tracing::warn!(letter.id = %letter.id, queue = letter.origin_queue, "no such queue: cannot be replayed");
        return Ok(Fate::Impossible);
    };
    let headers = JobHeaders {
        replayed: u32::try_from(filed.next_replay()).unwrap_or(1),
        vendor: letter.vendor.clone(),
        tenant: letter.tenant.as_ref().map(ToString::to_string),
        vendor_key: letter.vendor_key.clone(),
        ..JobHeaders::default()
    };
    let message = Outgoing::to_work(queue, letter.body.clone()).with_headers(headers);
    publisher
        .publish(message)
        .await
        .context("failed to publish; nothing is marked, run the same command again")?;
    failpoint!("replay.published");
    let tx = store.begin(Speaker::Everybody).await?;
    let sent = dead_letter::sent_again(&tx, filed).await?;
    tx.commit().await?;
    Ok(if sent { Fate::Replayed } else { Fate::Taken })
}
