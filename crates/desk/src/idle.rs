//! Waiting until nothing is left to do.

use std::time::Duration;

use anyhow::Context as _;
use model::TenantId;
use queue::QueueDepth;
use serde::Serialize;
use store::report::{self, Unfinished};
use store::{Speaker, Store};
use tokio::time::Instant;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What is left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// In the ledger.
    #[serde(flatten)]
    pub ledger: Unfinished,
    /// Messages in work, retry and dead-letter queues, other tenants' among them. Everything of ours that is on its way is in the ledger;
    /// what is only here is a copy, or somebody else's.
    pub messages: u64,
}

impl Left {
    fn is_idle(&self, of_one_tenant: bool) -> bool {
        self.ledger.is_idle() && (of_one_tenant || self.messages == 0)
    }
}

/// Waits until nothing is due, queued, running or retrying. `Ok(left)` names what is parked and pending; `Err(left)` is the timeout.
pub async fn wait(
    store: &Store,
    broker: &queue::Config,
    tenant: Option<&TenantId>,
    timeout: Duration,
    mut progress: impl FnMut(&Left),
) -> anyhow::Result<Result<Left, Left>> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = look(store, broker, tenant).await?;
        if left.is_idle(tenant.is_some()) {
            return Ok(Ok(left));
        }
        if Instant::now() >= deadline {
            return Ok(Err(left));
        }
        progress(&left);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(store: &Store, broker: &queue::Config, tenant: Option<&TenantId>) -> anyhow::Result<Left> {
    let depths: Vec<QueueDepth> = queue::depths(broker).await.context("failed to count messages")?;
    // the ledger last: whatever a message brought about before it was counted is in there
    // a replay of a tenant's letters may have been ordered for more than that tenant; what is counted is the tenant's
    let tx = store.begin(Speaker::Everybody).await?;
    let ledger = report::unfinished(&tx, tenant).await.context("failed to count what is left")?;
    tx.commit().await?;
    Ok(Left { ledger, messages: depths.iter().map(|one| u64::from(one.ready)).sum() })
}
