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
    /// Messages in work, retry and dead-letter queues; other tenants' among them.
    pub messages: u64,
    /// Of these, batches of conversations to link again.
    pub to_link: u64,
}

impl Left {
    fn is_idle(&self, of_one_tenant: bool) -> bool {
        // batches of conversations to link again are in no ledger: they are waited for whosever they are
        self.ledger.is_idle() && self.to_link == 0 && (of_one_tenant || self.messages == 0)
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
    let mut idle_before = false;
    loop {
        let left = look(store, broker, tenant).await?;
        // twice in a row: a message between two queues is in neither
        let idle = left.is_idle(tenant.is_some());
        if idle && idle_before {
            return Ok(Ok(left));
        }
        idle_before = idle;
        if Instant::now() >= deadline {
            return Ok(Err(left));
        }
        progress(&left);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(store: &Store, broker: &queue::Config, tenant: Option<&TenantId>) -> anyhow::Result<Left> {
    let tx = store.begin(tenant.map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let ledger = report::unfinished(&tx, tenant).await.context("failed to count what is left")?;
    tx.commit().await?;
    let depths: Vec<QueueDepth> = queue::depths(broker).await.context("failed to count messages")?;
    let count = |only: &str| {
        depths.iter().filter(|one| one.queue.starts_with(only)).map(|one| u64::from(one.ready)).sum()
    };
    Ok(Left { ledger, messages: count(""), to_link: count("resolve") })
}
