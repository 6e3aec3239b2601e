//! Plans the slices of a history that is wanted and not planned yet: bootstraps, newest slice first.

use anyhow::Context as _;
use model::RunKind;
use store::Speaker;
use store::run_plan::{self, HistoryDue};

use super::BATCH;
use crate::Deps;

pub(super) async fn perform(deps: &Deps) -> anyhow::Result<u64> {
    let tx = deps.store.begin(Speaker::Everybody).await?;
    let due =
        run_plan::take_history_due(&tx, BATCH.cast_signed()).await.context("failed to take what is due")?;
    let mut planned = 0;
    for history in &due {
        let HistoryDue { tenant, connection_id, stream, window } = history;
        let (kind, length) = (RunKind::Bootstrap, deps.config.slice);
        planned += run_plan::plan_slices(&tx, tenant, *connection_id, *stream, kind, *window, length)
            .await
            .context("failed to plan the slices")?;
        tracing::info!(connection.id = %connection_id, from = %window.from, to = %window.to, "planned a bootstrap");
    }
    tx.commit().await?;
    Ok(planned)
}
