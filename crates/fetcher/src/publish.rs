//! Raw documents on their way to the normalizer: collected, bounded in bytes, confirmed.

use std::borrow::Cow;

use model::message::{RawDocument, RawSource};
use model::{ContentHash, VendorKey, Version};
use queue::{Outgoing, WorkQueue};
use serde_json::value::RawValue;
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, claim_check};

use crate::Shared;
use crate::ask::Setback;

/// Bytes held before they are sent: bounds the memory of a page of large documents.
const BYTES_HELD_MAX: usize = 4 << 20;

/// The documents of one step.
pub(crate) struct Documents<'a> {
    shared: &'a Shared,
    run: &'a ClaimedRun,
    held: Vec<Outgoing>,
    held_bytes: usize,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(shared: &'a Shared, run: &'a ClaimedRun) -> Self {
        Self { shared, run, held: Vec::new(), held_bytes: 0 }
    }

    /// Adds a record: the row of the list, its details, or both.
    pub(crate) async fn add(
        &mut self,
        key: &VendorKey,
        asked_at: Version,
        hash: ContentHash,
        give_up: bool,
        listed: Option<&RawValue>,
        detail: Option<&RawValue>,
    ) -> Result<(), Setback> {
        let size = listed.map_or(0, |raw| raw.get().len()) + detail.map_or(0, |raw| raw.get().len());
        let source = RawSource::Inline { listed, detail };
        if size > self.shared.deps.config.inline_max_bytes {
            let claim = self.put_away(&source).await.map_err(Setback::Store)?;
            return self.hold(key, asked_at, hash, give_up, claim).await;
        }
        self.hold(key, asked_at, hash, give_up, source).await
    }

    /// Adds that the vendor does not know a record that it listed.
    pub(crate) async fn add_gone(
        &mut self,
        key: &VendorKey,
        asked_at: Version,
        hash: ContentHash,
        reason: &str,
    ) -> Result<(), Setback> {
        self.hold(key, asked_at, hash, false, RawSource::Gone { reason: Cow::Borrowed(reason) }).await
    }

    async fn put_away(&self, source: &RawSource<'_>) -> Result<RawSource<'static>, StoreError> {
        let body = serde_json::to_vec(source).map_err(|error| StoreError::Other(error.to_string()))?;
        let claim = ContentHash::of(&body);
        let tx = self.shared.deps.store.begin(Speaker::Tenant(&self.run.tenant)).await?;
        claim_check::put(&tx, &self.run.tenant, claim, &body).await?;
        tx.commit().await?;
        Ok(RawSource::Claim { claim, size_bytes: body.len() as u64 })
    }

    async fn hold(
        &mut self,
        key: &VendorKey,
        asked_at: Version,
        listed_hash: ContentHash,
        give_up: bool,
        source: RawSource<'_>,
    ) -> Result<(), Setback> {
        let run = self.run;
        let document = RawDocument {
            version: RawDocument::VERSION,
            tenant: run.tenant.clone(),
            connection_id: run.connection_id,
            vendor: run.vendor,
            vendor_account: run.vendor_account.clone(),
            stream: run.stream,
            vendor_key: key.clone(),
            run_id: run.id,
            lane: run.lane,
            asked_at,
            listed_hash,
            give_up,
            admit_private: run.admit_private,
            source,
        };
        let message = Outgoing::to_work(WorkQueue::normalize(run.lane), document.encode());
        self.held_bytes += message.body.len();
        self.held.push(message);
        if self.held_bytes > BYTES_HELD_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends what is held and awaits every confirm.
    pub(crate) async fn flush(&mut self) -> Result<(), Setback> {
        let held = std::mem::take(&mut self.held);
        self.shared.deps.metrics.documents.inc_by(held.len() as u64);
        self.shared.deps.metrics.document_bytes.inc_by(self.held_bytes as u64);
        self.held_bytes = 0;
        self.shared.deps.publisher.publish_all(held).await.map_err(|error| Setback::Broker(error.to_string()))
    }
}
