//! Settling: once every record of a run has an outcome, its sums are fixed and its items compacted.

use std::time::Duration;

use model::{ConnectionId, RunId, RunState, Stream, TenantId};
use serde_json::json;

use crate::run::Sums;
use crate::{StoreError, Tx, outbox};

/// Records of a run that are looked at before all of them are counted.
const LAST: i64 = 100;

/// Takes one run whose outcomes are to be counted, and settles it if none is missing. `None` when no run is due.
pub async fn settle_next(tx: &Tx) -> Result<Option<bool>, StoreError> {
    let due = tx
        .query_opt(
            "SELECT run_id, tenant_id, connection_id, kind, state, stream FROM sync_runs
             WHERE settle_look_at <= now() AND state IN ('listed', 'failed')
             ORDER BY settle_look_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            &[],
        )
        .await?;
    let Some(due) = due else { return Ok(None) };
    let run = RunId(due.try_get(0)?);
    if is_last_under_way(tx, run).await? {
        look_again(tx, run).await?;
        return Ok(Some(false));
    }
    let sums = count(tx, run).await?;
    if sums.under_way > 0 {
        look_again(tx, run).await?;
        return Ok(Some(false));
    }
    let state: RunState = due.try_get::<_, &str>(4)?.parse()?;
    fix(tx, run, sums).await?;
    if state == RunState::Listed {
        let tenant = TenantId::parse(due.try_get(1)?)?;
        let body = json!({
            "run_id": run, "connection_id": ConnectionId(due.try_get(2)?), "kind": due.try_get::<_, &str>(3)?,
            "sums": sums,
        });
        outbox::emit(tx, &tenant, "run.settled", &run.to_string(), &body).await?;
        let stream: Stream = due.try_get::<_, &str>(5)?.parse()?;
        if stream.is_of_records() {
            open_gate(tx, &tenant, ConnectionId(due.try_get(2)?)).await?;
        }
    }
    Ok(Some(true))
}

/// Lets the tenant's conversations in once a CRM's companies and people have been listed to their end, and every record of them has
/// an outcome. A stream that the connection does not have (a permission is missing) is not waited for.
async fn open_gate(tx: &Tx, tenant: &TenantId, connection: ConnectionId) -> Result<(), StoreError> {
    let opened = tx
        .execute(
            "UPDATE tenants SET gate_opened_at = now()
             WHERE tenant_id = $1 AND gate_opened_at IS NULL
               AND EXISTS (SELECT FROM streams WHERE connection_id = $2 AND stream = 'accounts')
               AND NOT EXISTS (
                   SELECT FROM streams s WHERE s.connection_id = $2 AND s.stream IN ('accounts', 'contacts')
                      AND NOT EXISTS (SELECT FROM sync_runs r WHERE r.connection_id = $2 AND r.stream = s.stream
                                      AND r.kind IN ('bootstrap', 'walk') AND r.state = 'settled'))",
            &[&tenant.as_str(), &connection.0],
        )
        .await?;
    if opened == 1 {
        let body = json!({ "connection_id": connection });
        outbox::emit(tx, tenant, "tenant.gate_opened", tenant.as_str(), &body).await?;
    }
    Ok(())
}

/// Whether one of the run's last records by key has no outcome yet. A CRM is listed by id, so its last records are stored last; to count
/// hundreds of thousands in order to find that out would cost as much as storing some of them.
async fn is_last_under_way(tx: &Tx, run: RunId) -> Result<bool, StoreError> {
    let row = tx
        .query_one(
            "SELECT EXISTS (
                 SELECT FROM (SELECT outcome FROM run_item_outcomes WHERE run_id = $1
                              ORDER BY vendor_key DESC LIMIT $2) AS o
                 WHERE outcome IS NULL)",
            &[&run.0, &LAST],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn count(tx: &Tx, run: RunId) -> Result<Sums, StoreError> {
    let row = tx
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE outcome = 'stored'),
                    count(*) FILTER (WHERE outcome = 'unchanged'), count(*) FILTER (WHERE outcome = 'skipped'),
                    count(*) FILTER (WHERE outcome = 'pending'), count(*) FILTER (WHERE outcome = 'dead'),
                    count(*) FILTER (WHERE outcome IS NULL)
             FROM run_item_outcomes WHERE run_id = $1",
            &[&run.0],
        )
        .await?;
    Ok(Sums {
        listed: row.try_get(0)?,
        stored: row.try_get(1)?,
        unchanged: row.try_get(2)?,
        skipped: row.try_get(3)?,
        pending: row.try_get(4)?,
        dead: row.try_get(5)?,
        under_way: row.try_get(6)?,
    })
}

/// The next count comes soon for a young run and at most every half minute for an old one.
async fn look_again(tx: &Tx, run: RunId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sync_runs SET settle_look_at = clock_timestamp() + make_interval(secs => least(30, greatest(0.5,
             extract(epoch FROM clock_timestamp() - coalesce(listed_at, ended_at))::float8 / 10)))
         WHERE run_id = $1",
        &[&run.0],
    )
    .await?;
    Ok(())
}

async fn fix(tx: &Tx, run: RunId, sums: Sums) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sync_runs SET listed = $2, stored = $3, unchanged = $4, skipped = $5, pending = $6, dead = $7,
             settle_look_at = NULL, ended_at = coalesce(ended_at, clock_timestamp()),
             state = CASE state WHEN 'listed' THEN 'settled' ELSE state END
         WHERE run_id = $1",
        &[&run.0, &sums.listed, &sums.stored, &sums.unchanged, &sums.skipped, &sums.pending, &sums.dead],
    )
    .await?;
    tx.execute("DELETE FROM run_items WHERE run_id = $1", &[&run.0]).await?;
    Ok(())
}

/// Gives records that were published long ago and have no outcome a look of their own: after the checkpoint a document must not
/// hang on one message. Returns how many.
pub async fn look_after_lost(tx: &Tx, age: Duration) -> Result<u64, StoreError> {
    tx.execute(
        // a row that somebody holds is about to have an outcome; waiting for it, others held, could become a circle
        "WITH lost AS (
             SELECT k.connection_id, k.vendor_key
             FROM sync_runs r JOIN run_item_outcomes o USING (run_id)
             JOIN intake k ON k.connection_id = r.connection_id AND k.vendor_key = o.vendor_key
             WHERE r.state IN ('listed', 'failed') AND coalesce(r.listed_at, r.ended_at) < now() - make_interval(secs => $1)
               AND r.settle_look_at IS NOT NULL AND o.outcome IS NULL AND o.decision = 'published'
               AND o.version < (extract(epoch FROM now()) * 1000000)::bigint - ($1 * 1000000)::bigint
               AND k.look_at IS NULL
               AND NOT EXISTS (SELECT FROM run_items p WHERE p.connection_id = k.connection_id
                               AND p.vendor_key = k.vendor_key AND p.decision = 'planned')
             FOR UPDATE OF k SKIP LOCKED)
         UPDATE intake k SET look_at = now(), look_reason = 'no-outcome'
         FROM lost WHERE k.connection_id = lost.connection_id AND k.vendor_key = lost.vendor_key",
        &[&age.as_secs_f64()],
    )
    .await
}

/// Gives calls that wait for a transcript without a date a look: whatever took theirs, they must not wait for ever. Returns how many.
pub async fn date_the_undated(tx: &Tx) -> Result<u64, StoreError> {
    tx.execute(
        "WITH undated AS (
             SELECT connection_id, vendor_key FROM intake k
             WHERE awaits_transcript AND look_at IS NULL
               AND NOT EXISTS (SELECT FROM run_items i WHERE i.connection_id = k.connection_id
                               AND i.vendor_key = k.vendor_key AND i.decision IN ('planned', 'published'))
             FOR UPDATE SKIP LOCKED)
         UPDATE intake k SET look_at = now(), look_reason = 'transcript'
         FROM undated u WHERE k.connection_id = u.connection_id AND k.vendor_key = u.vendor_key",
        &[],
    )
    .await
}
