//! The circuit of a vendor's account: opened by failures in a row, asked through by one probe at a time, closed by its answer.

use std::time::Duration;

use model::{Vendor, VendorAccount};
use store::budget::{self, CIRCUIT_WAIT, CircuitProbe, Noted};
use store::{Speaker, StoreError, Tx};
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::ask::Setback;
use crate::source::{NO_TOKEN, Source};

/// How often is looked for a probe that is due: as long as nobody knows whether the vendor is away, all its work waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A probe that could not be made, for want of a slot or of the key to a credential, is made by somebody else.
const PUT_OFF: Duration = Duration::from_secs(2);

/// Notes what an answer says of the vendor. In good times nothing is written.
pub(crate) async fn note<T>(
    shared: &Shared,
    vendor: Vendor,
    account: &VendorAccount,
    answer: &Result<T, VendorError>,
    after_trouble: bool,
) -> Result<(), Setback> {
    match answer {
        Err(error) if error.may_be_away() => note_failure(shared, vendor, account, &error.to_string()).await,
        // a 429 closes the account, and is no end of trouble
        Err(error) if error.failure == Failure::RateLimited => Ok(()),
        _ if after_trouble => {
            budget::note_answer(&shared.deps.store, vendor, account).await.map_err(Setback::Store)
        }
        _ => Ok(()),
    }
}

/// Notes that nobody answered. One of several in a row is nobody's failure until a probe has told whose it is: the step comes back later,
/// and no attempt is counted.
pub(crate) async fn note_failure(
    shared: &Shared,
    vendor: Vendor,
    account: &VendorAccount,
    reason: &str,
) -> Result<(), Setback> {
    let noted =
        budget::note_failure(&shared.deps.store, vendor, account, reason).await.map_err(Setback::Store)?;
    match noted {
        Noted::Asked => Ok(()),
        Noted::Open => Err(Setback::NotBefore(CIRCUIT_WAIT)),
        Noted::Opened => {
            tracing::warn!(%vendor, vendor.account = %account, error = reason,
                "several requests in a row failed: nobody asks the vendor before a probe has");
            Err(Setback::NotBefore(CIRCUIT_WAIT))
        }
    }
}

/// Probes until the shutdown begins, one vendor's account at a time.
pub(crate) async fn keep_asking(shared: &Shared) {
    while !shared.shutdown.is_begun() {
        match ask_next(shared).await {
            Ok(true) => continue,
            Ok(false) => {}
            // whoever took the probe has left it to the next
            Err(error) => tracing::warn!(%error, "failed to look after vendors that are away"),
        }
        shared.shutdown.rest(LOOK_EVERY).await;
    }
}

/// Makes a probe that is due; false when none is.
async fn ask_next(shared: &Shared) -> Result<bool, StoreError> {
    let tx = shared.deps.store.begin(Speaker::Everybody).await?;
    let taken = budget::take_probe(&tx).await?;
    tx.commit().await?;
    let Some(taken) = taken else { return Ok(false) };
    let said = said(ask(shared, &taken).await);
    let tx = shared.deps.store.begin(Speaker::Everybody).await?;
    conclude(shared, &tx, &taken, said).await?;
    tx.commit().await?;
    Ok(true)
}

/// Asks for what the credential is there for, and for what else the work asks for: one of the two may be away alone.
async fn ask(shared: &Shared, taken: &CircuitProbe) -> Result<(), Setback> {
    let source = Source::open_to_probe(shared, &taken.probe).await?;
    source.answers(shared, &taken.probe).await?;
    source.answers_work(shared, &taken.probe, taken.record.as_ref()).await
}

/// What a probe says of the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// It is there, whatever it thinks of the credential or of what was asked for.
    There,
    /// It is away.
    Away(String),
    /// The probe could not be made.
    Nothing,
}

fn said(asked: Result<(), Setback>) -> Said {
    let away = [Failure::Transient.class(), Failure::TooLong.class(), NO_TOKEN];
    match asked {
        Err(Setback::Page { class, reason }) if away.contains(&class) => Said::Away(reason),
        Err(Setback::NotBefore(_) | Setback::Handback | Setback::Unopened(_) | Setback::Store(_)) => {
            Said::Nothing
        }
        _ => Said::There,
    }
}

async fn conclude(shared: &Shared, tx: &Tx, taken: &CircuitProbe, said: Said) -> Result<(), StoreError> {
    let (vendor, account) = (taken.probe.vendor, &taken.probe.vendor_account);
    match said {
        Said::Nothing => budget::put_off_probe(tx, vendor, account, PUT_OFF).await?,
        Said::There => {
            if let Some(since) = budget::close_circuit(tx, vendor, account).await? {
                tracing::info!(%vendor, vendor.account = %account, %since,
                    "the vendor is back: its work goes on, one request at a time to begin with");
            }
        }
        Said::Away(reason) => {
            let wait = shared.deps.config.probes.delay(taken.failed);
            if budget::keep_circuit_open(tx, vendor, account, &reason, wait).await? {
                tracing::warn!(%vendor, vendor.account = %account, error = reason, delay_ms = wait.as_millis(),
                    "the vendor is away: the work of its account is parked until a probe is answered");
            }
        }
    }
    Ok(())
}
