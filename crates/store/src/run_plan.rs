//! What the scheduler does to runs: plan what is due, start it, nudge it, park and release it.

use std::time::Duration;

use jiff::Timestamp;
use model::{ConnectionId, RunId, RunKind, Stream, TenantId, Window, message::Nudge};
use tokio_postgres::Row;

use crate::{SliceLength, StoreError, Tx};

/// Backfill slices of one connection that may be under way at a time; the others wait as planned.
const SLICES_LISTING_MAX: i64 = 2;

/// Longest interval between nudges for a step that nobody takes.
const NUDGE_AGAIN_MAX_S: f64 = 600.0;

/// Plans the periodic run of every stream that is due, and sets when it is due next; returns how many.
///
/// Any number of schedulers may do this at once: due rows are locked and skipped, and a unique index allows one open periodic run per
/// stream. From = the earlier of the lookback and the oldest gap in what has been covered since the connection was made.
pub async fn plan_periodic(tx: &Tx, limit: i64) -> Result<u64, StoreError> {
    let row = tx
        .query_one(
            "WITH due AS (
                 SELECT s.connection_id, s.stream, s.tenant_id, s.live_from, s.covered,
                        greatest(c.interval_s, s.interval_min_s) AS interval_s, c.lookback_s
                 FROM streams s JOIN connections c USING (connection_id)
                 WHERE s.due_at <= now() AND c.disconnected_at IS NULL
                 ORDER BY s.due_at LIMIT $1 FOR UPDATE OF s SKIP LOCKED),
             moved AS (
                 UPDATE streams s
                 SET due_at = now() + make_interval(secs => d.interval_s * (0.9 + 0.2 * random()))
                 FROM due d WHERE s.connection_id = d.connection_id AND s.stream = d.stream),
             planned AS (
                 INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state)
                 SELECT gen_random_uuid(), tenant_id, connection_id, stream, 'periodic', 'live',
                        -- users have no times: every run lists them all
                        CASE stream WHEN 'users' THEN 'epoch' ELSE
                        least(now() - make_interval(secs => lookback_s),
                              -- what a CRM has just changed shows a while later: each increment reaches back into the one before
                              lower(tstzmultirange(tstzrange(live_from, greatest(now(), live_from))) - covered)
                              - make_interval(secs => CASE stream WHEN 'conversations' THEN 0 ELSE lookback_s END)) END,
                        now(), 'planned'
                 FROM due ON CONFLICT DO NOTHING RETURNING 1)
             SELECT count(*) FROM planned",
            &[&limit],
        )
        .await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0))
}

/// A stream whose history is still to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryDue {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Which stream.
    pub stream: Stream,
    /// The history that no slice covers yet.
    pub window: Window,
}

/// Takes streams whose configured history reaches farther back than what was planned so far, and marks it as planned.
pub async fn take_history_due(tx: &Tx, limit: i64) -> Result<Vec<HistoryDue>, StoreError> {
    let rows = tx
        .query(
            "WITH looked AS (
                 SELECT s.connection_id, s.stream, coalesce(s.bootstrapped_from, s.live_from) AS upto, w.wanted,
                        s.bootstrapped_from IS NULL OR s.bootstrapped_from > w.wanted AS is_due
                 FROM streams s JOIN connections c USING (connection_id)
                 -- of a CRM everything is wanted, however old
                 CROSS JOIN LATERAL (SELECT CASE s.stream WHEN 'conversations'
                     THEN s.live_from - make_interval(days => c.backfill_days) ELSE 'epoch' END AS wanted) AS w
                 WHERE s.history_unplanned AND c.disconnected_at IS NULL
                 LIMIT $1 FOR UPDATE OF s SKIP LOCKED),
             planned AS (
                 UPDATE streams s SET history_unplanned = false,
                     bootstrapped_from = CASE WHEN l.is_due THEN l.wanted ELSE s.bootstrapped_from END
                 FROM looked l WHERE s.connection_id = l.connection_id AND s.stream = l.stream
                 RETURNING s.tenant_id, s.connection_id, s.stream, l.wanted, l.upto, l.is_due)
             SELECT tenant_id, connection_id, stream, wanted, upto FROM planned WHERE is_due",
            &[&limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(HistoryDue {
                tenant: TenantId::parse(row.try_get(0)?)?,
                connection_id: ConnectionId(row.try_get(1)?),
                stream: row.try_get::<_, &str>(2)?.parse()?,
                window: Window { from: row.try_get(3)?, to: row.try_get(4)? },
            })
        })
        .collect()
}

/// Plans runs over a window, in slices, newest first; returns how many. A CRM is listed as it is, or by what changed, in one.
pub async fn plan_slices(
    tx: &Tx,
    tenant: &TenantId,
    connection_id: ConnectionId,
    stream: Stream,
    kind: RunKind,
    window: Window,
    length: SliceLength,
) -> Result<u64, StoreError> {
    let mut planned = 0;
    let slices = if stream.is_of_records() { vec![window] } else { window.slices(length.0) };
    for slice in slices {
        plan(tx, tenant, connection_id, stream, kind, slice).await?;
        planned += 1;
    }
    Ok(planned)
}

/// Plans one run over a window.
pub async fn plan(
    tx: &Tx,
    tenant: &TenantId,
    connection_id: ConnectionId,
    stream: Stream,
    kind: RunKind,
    window: Window,
) -> Result<RunId, StoreError> {
    let row = tx
        .query_one(
            "INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state)
             VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, 'planned') RETURNING run_id",
            &[
                &tenant.as_str(),
                &connection_id.0,
                &stream.as_str(),
                &kind.as_str(),
                &kind.lane().as_str(),
                &window.from,
                &window.to,
            ],
        )
        .await?;
    Ok(RunId(row.try_get(0)?))
}

/// Plans the rolling walk of every stream whose walk is due; returns how many.
pub async fn plan_walks(tx: &Tx, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "WITH due AS (
             SELECT s.connection_id, s.stream, s.tenant_id, c.walk_interval_s,
                    coalesce(lower(s.covered), s.live_from - interval '1 day') AS oldest
             FROM streams s JOIN connections c USING (connection_id)
             WHERE s.walk_due_at <= now() AND c.disconnected_at IS NULL
             ORDER BY s.walk_due_at LIMIT $1 FOR UPDATE OF s SKIP LOCKED),
         moved AS (
             UPDATE streams s SET walk_due_at = now() + make_interval(secs => d.walk_interval_s * (0.9 + 0.2 * random()))
             FROM due d WHERE s.connection_id = d.connection_id AND s.stream = d.stream)
         INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state)
         SELECT gen_random_uuid(), tenant_id, connection_id, stream, 'walk', 'backfill', oldest, now(), 'planned'
         FROM due ON CONFLICT DO NOTHING",
        &[&limit],
    )
    .await
}

/// Plans follow-ups for records whose look is due, at most `records_max` a run; returns how many runs.
///
/// The look moves from the record to the run in this one transaction; a run that fails gives it back.
pub async fn plan_follow_ups(tx: &Tx, connections_max: i64, records_max: i64) -> Result<u64, StoreError> {
    let due = tx
        .query(
            // looks that are replayed have runs of their own, at every attempt: they spend another share of the day
            "SELECT DISTINCT k.connection_id, k.tenant_id, k.stream, coalesce(k.look_reason IN ('replayed', 'replay-failed'), false)
             FROM intake k JOIN connections c USING (connection_id)
             WHERE k.look_at <= now() AND c.disconnected_at IS NULL
               AND NOT EXISTS (SELECT FROM sync_runs r WHERE r.connection_id = k.connection_id AND r.stream = k.stream
                               AND r.replayed = coalesce(k.look_reason IN ('replayed', 'replay-failed'), false)
                               AND r.kind = 'follow-up' AND r.state IN ('planned', 'listing', 'parked'))
             LIMIT $1",
            &[&connections_max],
        )
        .await?;
    let mut planned = 0;
    for row in &due {
        let (connection, tenant): (uuid::Uuid, &str) = (row.try_get(0)?, row.try_get(1)?);
        let (stream, replayed): (&str, bool) = (row.try_get(2)?, row.try_get(3)?);
        planned += plan_follow_up(tx, connection, tenant, stream, replayed, records_max).await?;
    }
    Ok(planned)
}

async fn plan_follow_up(
    tx: &Tx,
    connection: uuid::Uuid,
    tenant: &str,
    stream: &str,
    replayed: bool,
    records_max: i64,
) -> Result<u64, StoreError> {
    tx.execute(
        // a second scheduler that planned the same run first makes the insert a no-op, and then nothing else happens
        "WITH run AS (
             INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, replayed)
             VALUES (gen_random_uuid(), $2, $1, $4, 'follow-up', 'live', now() - interval '1 second', now(), 'planned', $5)
             ON CONFLICT DO NOTHING RETURNING run_id),
         due AS (
             SELECT connection_id, vendor_key, coalesce(listed_hash, '\\x') AS hash FROM intake
             WHERE connection_id = $1 AND stream = $4 AND look_at <= now() AND EXISTS (SELECT FROM run)
               AND coalesce(look_reason IN ('replayed', 'replay-failed'), false) = $5
             ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED),
         taken AS (
             UPDATE intake k SET look_at = NULL, looks = looks + 1
             FROM due d WHERE k.connection_id = d.connection_id AND k.vendor_key = d.vendor_key)
         INSERT INTO run_items (run_id, vendor_key, tenant_id, connection_id, decision, version, hash)
         SELECT run_id, vendor_key, $2, $1, 'planned', 0, hash FROM due, run",
        &[&connection, &tenant, &records_max, &stream, &replayed],
    )
    .await
    .map(|items| u64::from(items > 0))
}

/// Starts planned runs whose turn it is, or parks them with what blocks them; returns how many were touched.
///
/// Live runs all start; of backfill slices at most two per connection are under way, newest first.
pub async fn start_planned(tx: &Tx, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        // two schedulers choose the same rows; the second waits for the first and finds them no longer planned
        "WITH queued AS (
             SELECT run_id, state, lane, planned_at,
                    count(*) FILTER (WHERE state = 'listing') OVER (PARTITION BY connection_id, lane)
                        + row_number() OVER (PARTITION BY connection_id, lane, state ORDER BY window_to DESC, run_id) AS place
             FROM sync_runs WHERE state IN ('planned', 'listing')),
         next AS MATERIALIZED (
             SELECT run_id FROM queued WHERE state = 'planned' AND (lane = 'live' OR place <= $2)
             ORDER BY lane DESC, planned_at LIMIT $1),
         chosen AS MATERIALIZED (
             SELECT n.run_id, b.cause
             FROM next n CROSS JOIN LATERAL (SELECT cause FROM run_blocks b WHERE b.run_id = n.run_id OFFSET 0) AS b)
         UPDATE sync_runs r
         SET state = CASE WHEN cause IS NULL THEN 'listing' ELSE 'parked' END,
             parked_cause = cause, step = step + 1, nudged_at = NULL, nudges = 0,
             window_to = CASE WHEN kind = 'periodic' AND started_at IS NULL AND cause IS NULL THEN now() ELSE window_to END,
             started_at = CASE WHEN cause IS NULL THEN coalesce(started_at, now()) ELSE started_at END
         -- by their ids: of how many are planned the planner knows nothing
         FROM chosen c WHERE r.run_id = c.run_id AND (r.state = 'planned') IS TRUE",
        &[&limit, &SLICES_LISTING_MAX],
    )
    .await
}

/// Releases parked runs that nobody blocks any more; returns how many. Level-triggered: the owners of the causes are read, no
/// event is needed. Released runs wait as planned, so that the rule about slices holds for them too. Of an account whose vendor is
/// coming back only as many are released at a time as may ask it.
pub async fn release_unblocked(tx: &Tx, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "WITH free AS MATERIALIZED (
             SELECT run_id FROM run_blocks WHERE state = 'parked' AND cause IS NULL ORDER BY planned_at LIMIT $1),
         placed AS MATERIALIZED (
             SELECT p.run_id, b.easing,
                    row_number() OVER (PARTITION BY c.vendor, c.vendor_account ORDER BY p.lane DESC, p.planned_at) AS place
             FROM free JOIN sync_runs p USING (run_id) JOIN connections c USING (connection_id)
             LEFT JOIN vendor_budgets b USING (vendor, vendor_account))
         UPDATE sync_runs SET state = 'planned', parked_cause = NULL, step = step + 1, next_attempt_at = NULL
         WHERE run_id IN (
             SELECT p.run_id FROM sync_runs p JOIN placed USING (run_id)
             WHERE place <= coalesce(easing::bigint, $1::bigint) AND (p.state = 'parked') IS TRUE FOR UPDATE OF p SKIP LOCKED)",
        &[&limit],
    )
    .await
}

/// Keeps the cause that parked runs show equal to what blocks them now; returns how many changed.
pub async fn refresh_park_causes(tx: &Tx) -> Result<u64, StoreError> {
    tx.execute(
        "WITH changed AS MATERIALIZED (
             SELECT run_id, cause FROM run_blocks WHERE state = 'parked' AND cause IS NOT NULL AND parked_cause <> cause)
         UPDATE sync_runs r SET parked_cause = c.cause
         FROM changed c WHERE r.run_id = c.run_id AND (r.state = 'parked') IS TRUE",
        &[],
    )
    .await
}

/// Takes the runs that want a nudge: listing, due, no live claim, and not nudged lately. Marks them as nudged; if the
/// message is then not sent, a later sweep sends another.
pub async fn take_nudges(tx: &Tx, again_after: Duration, limit: i64) -> Result<Vec<Nudge>, StoreError> {
    let rows = tx
        .query(
            "UPDATE sync_runs r SET nudged_at = now(), nudges = nudges + 1,
                 waiting_since = CASE WHEN nudged_at >= coalesce(next_attempt_at, '-infinity')
                                      THEN coalesce(waiting_since, now()) ELSE now() END
             FROM connections c
             WHERE c.connection_id = r.connection_id AND run_id IN (
                 SELECT run_id FROM sync_runs
                 WHERE state = 'listing'
                   AND coalesce(next_attempt_at, '-infinity') <= now()
                   AND coalesce(claim_expires_at, '-infinity') <= now()
                   AND (nudged_at IS NULL OR nudged_at < next_attempt_at
                        OR nudged_at < now() - make_interval(secs => least($1 * 2 ^ least(nudges, 10), $3)))
                 ORDER BY lane DESC, planned_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING r.run_id, r.step, r.tenant_id, r.connection_id, c.vendor, r.kind",
            &[&again_after.as_secs_f64(), &limit, &NUDGE_AGAIN_MAX_S],
        )
        .await?;
    rows.iter().map(nudge).collect()
}

pub(crate) fn nudge(row: &Row) -> Result<Nudge, StoreError> {
    Ok(Nudge {
        version: Nudge::VERSION,
        run_id: RunId(row.try_get(0)?),
        step: model::Step(row.try_get(1)?),
        tenant: TenantId::parse(row.try_get(2)?)?,
        connection_id: ConnectionId(row.try_get(3)?),
        vendor: row.try_get::<_, &str>(4)?.parse()?,
        kind: row.try_get::<_, &str>(5)?.parse()?,
    })
}

/// Plans the windows of failed slices again, each once; returns how many.
pub async fn replan_failed(tx: &Tx, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "WITH due AS (
             SELECT run_id FROM sync_runs WHERE replan_at <= now() ORDER BY replan_at LIMIT $1 FOR UPDATE SKIP LOCKED),
         done AS (
             UPDATE sync_runs r SET replan_at = NULL FROM due d WHERE r.run_id = d.run_id RETURNING r.*)
         INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, replans)
         SELECT gen_random_uuid(), tenant_id, connection_id, stream, kind, lane, window_from, window_to, 'planned', replans + 1
         FROM done",
        &[&limit],
    )
    .await
}

/// The database's clock.
pub async fn database_now(tx: &Tx) -> Result<Timestamp, StoreError> {
    Ok(tx.query_one("SELECT clock_timestamp()", &[]).await?.try_get(0)?)
}
