//! The questions an operator asks of the whole: what is parked, what is left, where a record is.

mod by_vendor;
mod doing;
mod freshness;
mod gaps;
mod kept;
mod past;
mod pulse;
mod schedule;
mod unfinished;
mod whereabouts;

use jiff::Timestamp;
use model::TenantId;
use serde::Serialize;

use crate::{StoreError, Tx};

pub use by_vendor::{
    AccountsBusy, BackfillPace, DayFreshness, DeadOf, Whose, accounts_busy, backfill_paces, day_freshness,
    dead_by_tenant, dead_by_vendor,
};
pub use doing::{Doing, OneDoing, blocked, doings};
pub use freshness::{Freshness, Lookback, Spread, freshness};
pub(crate) use gaps::LISTED_SINCE;
pub use gaps::{Day, Missing, What, days, missing};
pub use kept::{Kept, kept};
pub use past::{Past, PastRun, Stop, Then, pasts};
pub use pulse::{Away, Closed, Failing, Pulse, Refused, pulses};
pub use schedule::{Outlook, Scheduled, schedule};
pub use unfinished::{Unfinished, unfinished};
pub use whereabouts::{RunOfRecord, Whereabouts, find};

/// How many of something, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// Open runs by state; parked ones by their cause.
pub async fn runs_by_state(tx: &Tx) -> Result<Vec<Count>, StoreError> {
    let sql = "SELECT CASE WHEN state = 'parked' THEN 'parked: ' || parked_cause ELSE state END, count(*)
               FROM sync_runs WHERE state IN ('planned', 'listing', 'listed', 'parked') GROUP BY 1 ORDER BY 1";
    counts(tx, sql).await
}

/// Dead letters by error class.
pub async fn dead_by_class(tx: &Tx) -> Result<Vec<Count>, StoreError> {
    counts(
        tx,
        "SELECT error_class, count(*) FROM dead_letters WHERE state = 'dead' GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .await
}

async fn counts(tx: &Tx, sql: &str) -> Result<Vec<Count>, StoreError> {
    let rows = tx.query(sql, &[]).await?;
    rows.iter().map(|row| Ok(Count { name: row.try_get(0)?, count: row.try_get(1)? })).collect()
}

/// Whether a tenant has an account, named by its id at its source or by its own.
pub async fn has_account(tx: &Tx, tenant: &TenantId, account: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM accounts
               WHERE tenant_id = $1 AND (external_id = $2 OR account_id::text = lower($2)))";
    Ok(tx.query_one(sql, &[&tenant.as_str(), &account]).await?.try_get(0)?)
}

/// Seconds that the oldest record without an outcome has waited; `None` when there is none.
pub async fn oldest_waiting(tx: &Tx) -> Result<Option<f64>, StoreError> {
    let row = tx
        .query_one(
            "SELECT extract(epoch FROM clock_timestamp())::float8 - min(version)::float8 / 1000000
             FROM run_item_outcomes WHERE outcome IS NULL AND decision = 'published'",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// What the ledger knows of a queue's messages, wherever they are: ready, in somebody's hand, or in its delay queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWork {
    /// The queue.
    pub queue: String,
    /// Messages that a worker has claimed; `None` where nobody claims.
    pub in_hand: Option<i64>,
    /// Since when the oldest one waits that is not claimed: nudges since they were sent first, documents since the vendor was asked for
    /// them, calls to be linked again since the accounts changed, dead letters since they were left.
    pub oldest_since: Option<Timestamp>,
    /// The same in whole seconds, by the database's clock.
    pub oldest_s: Option<i64>,
}

/// Tells what waits in each queue, of all the transaction speaks for. The broker has no answer to that: over AMQP it tells how many
/// messages are ready, not how old they are.
pub async fn queue_work(tx: &Tx) -> Result<Vec<QueueWork>, StoreError> {
    let rows = tx
        .query(
            "WITH waiting (queue, in_hand, since) AS (
                 SELECT 'fetch.' || lane, count(*) FILTER (WHERE claim_expires_at > now()),
                        min(greatest(waiting_since, claim_expires_at)) FILTER (WHERE coalesce(claim_expires_at, '-infinity') <= now())
                 FROM sync_runs
                 WHERE state = 'listing' AND nudged_at >= coalesce(next_attempt_at, '-infinity') GROUP BY lane
                 UNION ALL
                 SELECT 'normalize.' || r.lane, NULL, to_timestamp(min(o.version) / 1000000.0)
                 FROM run_item_outcomes o JOIN sync_runs r USING (run_id)
                 WHERE o.decision = 'published' AND o.outcome IS NULL GROUP BY r.lane
                 UNION ALL
                 SELECT origin_queue, NULL, min(resolved_at) FROM dead_letters
                 WHERE state = 'replayed' AND replay_settled < replays GROUP BY origin_queue
                 UNION ALL
                 SELECT 'resolve', NULL, changed_at FROM account_changes
                 UNION ALL
                 SELECT 'resolve', NULL, changed_at FROM resolve_batches WHERE dead_letter_id IS NULL
                 UNION ALL
                 SELECT origin_queue || '.dead', NULL, left_at FROM expected_letters e
                 WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = e.dead_letter_id))
             SELECT queue, sum(in_hand)::bigint, min(since), floor(extract(epoch FROM clock_timestamp() - min(since)))::bigint
             FROM waiting GROUP BY queue ORDER BY queue",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(QueueWork {
                queue: row.try_get(0)?,
                in_hand: row.try_get(1)?,
                oldest_since: row.try_get(2)?,
                oldest_s: row.try_get(3)?,
            })
        })
        .collect()
}
