//! Throughput from the vendor's pages to rows with one and with several processes of each role.

use simulator::DocumentSize;
use tokio::time::Instant;

use crate::stage::{ROLES, Stage, workspace};

/// Documents a second, from `connect` until every run has settled.
pub(crate) async fn measure(processes: usize, documents: u64) -> anyhow::Result<f64> {
    let stage = Stage::set(&ROLES.repeat(processes)).await?;
    stage.add_tenant(workspace(DocumentSize::Small, documents)).await;
    stage.checkpoint().await?;
    let began = Instant::now();
    stage.connect().await;
    stage.settled("bootstrap", documents).await?;
    let rate = documents as f64 / began.elapsed().as_secs_f64();
    stage.clear().await;
    Ok(rate)
}
