//! The questions an operator asks of the whole: what is parked, what is left, where a record is.

mod whereabouts;

use jiff::Timestamp;
use model::TenantId;
use serde::Serialize;

use crate::{StoreError, Tx};

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

/// What keeps a tenant, or everybody, from being idle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// Streams whose periodic run, walk or history is due and not planned, and failed slices due to be planned again.
    pub due: i64,
    /// Runs planned, listing or listed, and failed ones whose sums are not fixed.
    pub runs: i64,
    /// Records on their way to an outcome.
    pub records_under_way: i64,
    /// Looks that are due now.
    pub looks_due: i64,
    /// Changes of accounts not yet handed out in full, and records of a CRM that are gone without counting as gone yet.
    pub account_changes: i64,
    /// Batches of conversations that are to be linked again.
    pub batches_to_link: i64,
    /// Batches of conversations whose meetings are to be found.
    pub batches_to_match: i64,
    /// Replayed dead letters whose message is not worked off.
    pub replays_under_way: i64,
    /// Dead letters on their way to the steward.
    pub letters_unfiled: i64,
    /// Events not yet published.
    pub events: i64,
    /// Runs parked by what still blocks them, by cause: not counted as work left, but named.
    pub parked: Vec<Count>,
    /// Calls that wait for a transcript or for details: not counted either.
    pub records_pending: i64,
    /// Failed slices that are planned again at a later date: not counted either.
    pub slices_to_replan: i64,
}

impl Unfinished {
    /// Nothing is due, queued, running or retrying.
    pub fn is_idle(&self) -> bool {
        let relinking = self.account_changes + self.batches_to_link + self.batches_to_match;
        let letters = self.replays_under_way + self.letters_unfiled;
        let records = self.records_under_way + self.looks_due;
        self.due + self.runs + records + relinking + letters + self.events == 0
    }
}

/// Counts what is unfinished, of one tenant or of all the transaction speaks for. In one statement, and so at one moment: work that
/// passes from one count to the next is in exactly one of them.
pub async fn unfinished(tx: &Tx, tenant: Option<&TenantId>) -> Result<Unfinished, StoreError> {
    let tenant = tenant.map(TenantId::as_str);
    let row = tx
        .query_one(
            "SELECT
                 (SELECT count(*) FROM streams s JOIN connections c USING (connection_id)
                  JOIN connection_blocks b USING (connection_id)
                  WHERE c.disconnected_at IS NULL AND b.cause IS NULL AND ($1::text IS NULL OR s.tenant_id = $1)
                    AND (s.due_at <= now() OR s.walk_due_at <= now() OR s.bootstrapped_from IS NULL
                         OR s.bootstrapped_from > s.live_from - make_interval(days => c.backfill_days)))
                 + (SELECT count(*) FROM sync_runs WHERE replan_at <= now() AND ($1::text IS NULL OR tenant_id = $1)),
                 -- a parked run that nothing blocks any more is about to be released
                 (SELECT count(*) FROM sync_runs r LEFT JOIN run_blocks b USING (run_id)
                  WHERE (r.state IN ('planned', 'listing', 'listed') OR r.state = 'failed' AND r.settle_look_at IS NOT NULL
                         OR r.state = 'parked' AND b.cause IS NULL)
                    AND ($1::text IS NULL OR r.tenant_id = $1)),
                 -- what a parked run has published is on its way all the same
                 (SELECT count(*) FROM run_item_outcomes o JOIN sync_runs r USING (run_id)
                  WHERE (r.state <> 'parked' OR o.decision = 'published') AND o.outcome IS NULL
                    AND ($1::text IS NULL OR r.tenant_id = $1)),
                 (SELECT count(*) FROM intake k JOIN connection_blocks b USING (connection_id)
                  WHERE k.look_at <= now() AND b.cause IS NULL AND ($1::text IS NULL OR k.tenant_id = $1)),
                 (SELECT count(*) FROM account_changes WHERE $1::text IS NULL OR tenant_id = $1)
                 + (SELECT count(*) FROM accounts WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
                      AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = accounts.tenant_id AND s.stream = 'accounts' AND s.vanished_held > 0))
                 + (SELECT count(*) FROM contacts WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
                      AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = contacts.tenant_id AND s.stream = contacts.kind || 's' AND s.vanished_held > 0))
                 + (SELECT count(*) FROM deals WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
                      AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = deals.tenant_id AND s.stream = 'deals' AND s.vanished_held > 0)),
                 (SELECT count(*) FROM outbox WHERE published_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)),
                 (SELECT count(*) FROM intake WHERE look_at > now() AND look_reason <> 'second-look'
                    AND ($1::text IS NULL OR tenant_id = $1)),
                 (SELECT count(*) FROM resolve_batches WHERE relinks AND dead_letter_id IS NULL AND ($1::text IS NULL OR tenant_id = $1)),
                 (SELECT count(*) FROM dead_letters
                  WHERE state = 'replayed' AND replay_settled < replays AND ($1::text IS NULL OR tenant_id = $1)),
                 (SELECT count(*) FROM expected_letters e
                  WHERE ($1::text IS NULL OR tenant_id = $1)
                    AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = e.dead_letter_id)),
                 (SELECT count(*) FROM sync_runs WHERE replan_at > now() AND ($1::text IS NULL OR tenant_id = $1)),
                 (SELECT count(*) FROM resolve_batches WHERE NOT relinks AND dead_letter_id IS NULL AND ($1::text IS NULL OR tenant_id = $1))",
            &[&tenant],
        )
        .await?;
    let parked = tx
        .query(
            "SELECT b.cause, count(*) FROM sync_runs r JOIN run_blocks b USING (run_id)
             WHERE r.state = 'parked' AND b.cause IS NOT NULL AND ($1::text IS NULL OR r.tenant_id = $1)
             GROUP BY 1 ORDER BY 1",
            &[&tenant],
        )
        .await?;
    Ok(Unfinished {
        due: row.try_get(0)?,
        runs: row.try_get(1)?,
        records_under_way: row.try_get(2)?,
        looks_due: row.try_get(3)?,
        account_changes: row.try_get(4)?,
        events: row.try_get(5)?,
        records_pending: row.try_get(6)?,
        batches_to_link: row.try_get(7)?,
        replays_under_way: row.try_get(8)?,
        letters_unfiled: row.try_get(9)?,
        slices_to_replan: row.try_get(10)?,
        batches_to_match: row.try_get(11)?,
        parked: parked
            .iter()
            .map(|row| Ok::<_, StoreError>(Count { name: row.try_get(0)?, count: row.try_get(1)? }))
            .collect::<Result<_, _>>()?,
    })
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
