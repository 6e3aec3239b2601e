//! Plans the slices of a history that is wanted and not planned yet: bootstraps, newest slice first.

use anyhow::Context as _;
use jiff::SignedDuration;
use model::RunKind;
use store::{Speaker, run_plan};

use super::BATCH;
use crate::Deps;

/// How far a slice reaches back into its older neighbour.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let due =
        run_plan::take_history_due(&tx, BATCH.cast_signed()).await.context("failed to take what is due")?;
    let length = SignedDuration::from_hours(24 * deps.config.slice_days.max(1));
    let mut planned = 0;
    for history in &due {
        for slice in history.window.slices(length, OVERLAP) {
            let (tenant, connection) = (&history.tenant, history.connection_id);
            run_plan::plan(&tx, tenant, connection, history.stream, RunKind::Bootstrap, slice)
                .await
                .context("failed to plan a slice")?;
            planned += 1;
        }
        tracing::info!(connection.id = %history.connection_id, from = %history.window.from,
            to = %history.window.to, "planned a bootstrap");
    }
    tx.commit().await?;
    Ok(planned)
}
