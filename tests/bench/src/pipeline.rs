//! From the vendor's pages to committed rows, and the same pages again unchanged: processor time of everything together.

use model::Lane;
use queue::WorkQueue;
use queue::testing::TestVhost;
use secrecy::ExposeSecret as _;
use simulator::DocumentSize;
use store::testing::TestDatabase;

use crate::child::Bare;
use crate::cpu::{Cpu, Programs};
use crate::stage::{KEY, Stage, TENANT, workspace};

/// One round: ours and bare, one after the other.
pub(crate) struct Round {
    pub(crate) ours: Cpu,
    pub(crate) again: Cpu,
    pub(crate) bare: Cpu,
}

/// Measures once.
pub(crate) async fn measure(size: DocumentSize, documents: u64) -> anyhow::Result<Round> {
    let stage = Stage::set(&["scheduler", "fetcher", "normalizer", "steward"]).await?;
    stage.add_tenant(workspace(size, documents)).await;
    let ours = stage
        .spent(async {
            stage.connect().await;
            stage.settled("bootstrap", documents).await
        })
        .await?;
    let again = stage
        .spent(async {
            stage.stand.sync_days(TENANT, 91).await;
            stage.settled("backfill", documents).await
        })
        .await?;
    let bare = spent_bare(&stage, "pipeline", &stage.stand.base_url(), KEY).await?;
    stage.clear().await;
    Ok(Round { ours, again, bare })
}

/// What a bare pipeline spends on the same pages and rows.
pub(crate) async fn spent_bare(stage: &Stage, task: &str, vendor: &str, key: &str) -> anyhow::Result<Cpu> {
    let (target, vhost) = (TestDatabase::fresh().await, TestVhost::fresh().await);
    let queue = WorkQueue::normalize(Lane::Backfill).name;
    let more = [("base-url", vendor), ("key", key), ("amqp", vhost.url()), ("queue", queue)];
    let source = stage.stand.database.admin_url();
    let mut bare = Bare::start(task, source.expose_secret(), &target, TENANT, &more).await?;
    stage.checkpoint().await?;
    let programs = Programs::with_servers(vec![("bare".to_owned(), bare.pid)])?;
    let before = programs.read()?;
    bare.work().await?;
    let spent = programs.read()? - before;
    bare.end().await?;
    target.finish().await;
    vhost.finish().await;
    Ok(spent)
}
