//! Dead letters of the fetcher: runs that failed, records that could not be had.

use model::{DeadLetterId, VendorKey};
use queue::{JobHeaders, Outgoing, QueueError, WorkQueue, fingerprint};
use store::run_claim::ClaimedRun;

use crate::Shared;

/// Why something is given up.
pub(crate) struct Cause<'a> {
    /// Where: fetch, detail.
    pub(crate) stage: &'static str,
    /// Short name.
    pub(crate) class: &'a str,
    /// In words.
    pub(crate) reason: &'a str,
    /// Attempts made.
    pub(crate) attempts: u32,
    /// The record it is about.
    pub(crate) vendor_key: Option<&'a VendorKey>,
}

/// Leaves a letter, awaits the confirm, and gives the id it will be filed under, with its queue.
pub(crate) async fn leave_letter(
    shared: &Shared,
    run: &ClaimedRun,
    body: Vec<u8>,
    cause: Cause<'_>,
) -> Result<(DeadLetterId, &'static str), QueueError> {
    let queue = WorkQueue::fetch(run.lane);
    let now = shared.deps.clock.now();
    let headers = JobHeaders {
        attempt: cause.attempts,
        first_failed_at: Some(now),
        failed_at: Some(now),
        error_class: Some(cause.class.to_owned()),
        error: Some(cause.reason.to_owned()),
        fingerprint: Some(fingerprint(cause.reason)),
        origin_queue: Some(queue.name.to_owned()),
        worker: Some(shared.deps.worker.clone()),
        vendor: Some(run.vendor.to_string()),
        tenant: Some(run.tenant.to_string()),
        run_id: Some(run.id.to_string()),
        vendor_key: cause.vendor_key.map(ToString::to_string),
        stage: Some(cause.stage.to_owned()),
        ..JobHeaders::default()
    };
    let id = DeadLetterId::derive(queue.name, &body);
    shared.deps.publisher.publish(Outgoing::to_queue(queue.dead(), body).with_headers(headers)).await?;
    Ok((id, queue.name))
}
