//! Draining a full `normalize` queue, beside one connection that writes the same rows bare.

use secrecy::ExposeSecret as _;
use simulator::DocumentSize;
use store::testing::TestDatabase;
use tokio::time::Instant;

use crate::child::Bare;
use crate::stage::{Stage, TENANT, workspace};

/// Documents a second, ours and bare.
pub(crate) struct Round {
    pub(crate) ours: f64,
    pub(crate) bare: f64,
}

/// Measures once.
pub(crate) async fn measure(size: DocumentSize, documents: u64) -> anyhow::Result<Round> {
    let mut stage = Stage::set(&["scheduler", "fetcher", "steward"]).await?;
    stage.add_tenant(workspace(size, documents)).await;
    stage.connect().await;
    fill(&stage, TENANT, i64::try_from(documents)?).await?;
    stage.stop().await;
    stage.checkpoint().await?;
    let ours = drain(&mut stage, documents).await?;
    let bare = bare(&stage, documents).await?;
    // a second look at a call may have come due: without a fetcher it would be open for ever
    stage.start("scheduler").await;
    stage.start("fetcher").await;
    stage.settled("bootstrap", documents).await?;
    // a scheduler that begins sends what has waited for long once more: a copy may still lie in a queue
    stage.discard().await;
    Ok(Round { ours, bare })
}

/// Fetches everything; it stays in the queue.
pub(crate) async fn fill(stage: &Stage, tenant: &str, documents: i64) -> anyhow::Result<()> {
    let listed =
        format!("SELECT count(*) FROM intake WHERE tenant_id = '{tenant}' AND listed_version IS NOT NULL");
    stage.reach("fetching", &listed, documents).await?;
    let open = "SELECT -count(*) FROM sync_runs WHERE state IN ('planned', 'listing')";
    stage.reach("listing", open, 0).await
}

/// From the first tenth on, so that the start of the process does not count.
async fn drain(stage: &mut Stage, documents: u64) -> anyhow::Result<f64> {
    let stored = "SELECT count(*) FROM conversations";
    stage.start("normalizer").await;
    stage.reach("starting to drain", stored, i64::try_from(documents / 10)?).await?;
    let (began, first) = (Instant::now(), stage.number(stored).await?);
    stage.reach("draining", stored, i64::try_from(documents)?).await?;
    Ok((documents as f64 - first as f64) / began.elapsed().as_secs_f64())
}

async fn bare(stage: &Stage, documents: u64) -> anyhow::Result<f64> {
    let target = TestDatabase::fresh().await;
    let source = stage.stand.database.admin_url();
    let mut bare = Bare::start("write", source.expose_secret(), &target, TENANT, &[]).await?;
    stage.checkpoint().await?;
    let seconds = bare.work().await?;
    bare.end().await?;
    target.finish().await;
    Ok(documents as f64 / seconds)
}
