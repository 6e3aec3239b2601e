//! How a fetcher takes a run's step, keeps it, and gives it back.

use std::time::Duration;

use model::{
    ConnectionId, Lane, ParkCause, RunId, RunKind, Share, Step, Stream, TenantId, Vendor, VendorAccount,
    Window, message::Nudge,
};
use serde_json::json;

use crate::{StoreError, Tx, outbox};

/// A run's step, claimed by one worker, with what it needs to know of the connection.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run.
    pub id: RunId,
    /// The claimed step.
    pub step: Step,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// Where the vendor's API is.
    pub base_url: String,
    /// Plain HTTP is allowed.
    pub allow_http: bool,
    /// Private conversations are admitted.
    pub admit_private: bool,
    /// Fields of the organization's own that hold an account's domains.
    pub domain_fields: Vec<String>,
    /// What it brings in.
    pub stream: Stream,
    /// Why it exists.
    pub kind: RunKind,
    /// Its lane.
    pub lane: Lane,
    /// What it covers.
    pub window: Window,
    /// The page to fetch.
    pub page: u32,
    /// Where it begins, at vendors that page by cursor; `None` at the beginning of the list.
    pub cursor: Option<String>,
    /// How often the list was begun again because its cursor had grown too old.
    pub restarts: u32,
    /// The page was begun before: some of its records are this run's already.
    pub resumed: bool,
    /// How often the window was walked again.
    pub walks: u32,
    /// Failed attempts at this page so far.
    pub attempt: u32,
    /// Which part of the vendor account's day it spends.
    pub share: Share,
    /// What blocks the connection now, so that the step must not go on.
    pub blocked: Option<ParkCause>,
}

impl ClaimedRun {
    /// The nudge for another step of this run.
    pub fn nudge(&self, step: Step) -> Nudge {
        Nudge {
            version: Nudge::VERSION,
            run_id: self.id,
            step,
            tenant: self.tenant.clone(),
            connection_id: self.connection_id,
            vendor: self.vendor,
            kind: self.kind,
        }
    }
}

/// Claims a run's step for `lease`; `None` when the step has passed, is not due, or another worker has it.
pub async fn claim(
    tx: &Tx,
    run: RunId,
    step: Step,
    worker: &str,
    lease: Duration,
) -> Result<Option<ClaimedRun>, StoreError> {
    let row = tx
        .query_opt(
            "UPDATE sync_runs r SET claimed_by = $3, claim_expires_at = clock_timestamp() + make_interval(secs => $4)
             FROM connections c JOIN connection_blocks b USING (connection_id)
             WHERE r.run_id = $1 AND r.step = $2 AND r.state = 'listing' AND c.connection_id = r.connection_id
               AND coalesce(r.next_attempt_at, '-infinity') <= clock_timestamp()
               AND coalesce(r.claim_expires_at, '-infinity') <= clock_timestamp()
             RETURNING r.tenant_id, r.connection_id, c.vendor, c.vendor_account, c.base_url, c.allow_http,
                 c.admit_private, r.stream, r.kind, r.lane, r.window_from, r.window_to, r.page, r.attempt, b.cause, r.resumed,
                 r.walks, r.cursor, r.restarts, run_share(r.kind, r.replayed), c.domain_fields",
            &[&run.0, &step.0, &worker, &lease.as_secs_f64()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ClaimedRun {
        id: run,
        step,
        tenant: TenantId::parse(row.try_get(0)?)?,
        connection_id: ConnectionId(row.try_get(1)?),
        vendor: row.try_get::<_, &str>(2)?.parse()?,
        vendor_account: VendorAccount::of(row.try_get(3)?),
        base_url: row.try_get(4)?,
        allow_http: row.try_get(5)?,
        admit_private: row.try_get(6)?,
        domain_fields: row.try_get(20)?,
        stream: row.try_get::<_, &str>(7)?.parse()?,
        kind: row.try_get::<_, &str>(8)?.parse()?,
        lane: row.try_get::<_, &str>(9)?.parse()?,
        window: Window { from: row.try_get(10)?, to: row.try_get(11)? },
        page: u32::try_from(row.try_get::<_, i32>(12)?).unwrap_or(1),
        attempt: u32::try_from(row.try_get::<_, i32>(13)?).unwrap_or(0),
        resumed: row.try_get(15)?,
        walks: u32::try_from(row.try_get::<_, i32>(16)?).unwrap_or(0),
        cursor: row.try_get(17)?,
        restarts: u32::try_from(row.try_get::<_, i32>(18)?).unwrap_or(0),
        share: row.try_get::<_, &str>(19)?.parse()?,
        blocked: row.try_get::<_, Option<&str>>(14)?.map(str::parse).transpose()?,
    }))
}

/// Lengthens a claim; false when it was lost, and the work must stop.
pub async fn renew(tx: &Tx, run: &ClaimedRun, worker: &str, lease: Duration) -> Result<bool, StoreError> {
    let renewed = tx
        .execute(
            "UPDATE sync_runs SET claim_expires_at = clock_timestamp() + make_interval(secs => $4)
             WHERE run_id = $1 AND step = $2 AND claimed_by = $3 AND state = 'listing'",
            &[&run.id.0, &run.step.0, &worker, &lease.as_secs_f64()],
        )
        .await?;
    Ok(renewed == 1)
}

/// Why a step is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferral<'a> {
    /// It has to wait, which is nothing to tell of.
    Wait,
    /// It has to wait for what this says, and people should read it; no attempt is counted.
    Held(&'a str),
    /// It failed with this, which counts as an attempt.
    Failed(&'a str),
}

/// Gives a step back, to be taken up after `wait`.
pub async fn defer(tx: &Tx, run: &ClaimedRun, wait: Duration, why: Deferral<'_>) -> Result<bool, StoreError> {
    let (attempts, words) = match why {
        Deferral::Wait => (0, None),
        Deferral::Held(words) => (0, Some(words)),
        Deferral::Failed(words) => (1, Some(words)),
    };
    let deferred = tx
        .execute(
            "UPDATE sync_runs SET claimed_by = NULL, claim_expires_at = NULL,
                 next_attempt_at = clock_timestamp() + make_interval(secs => $3),
                 attempt = attempt + $4::int4, last_error = coalesce($5, last_error)
             WHERE run_id = $1 AND step = $2 AND state = 'listing'",
            &[&run.id.0, &run.step.0, &wait.as_secs_f64(), &attempts, &words],
        )
        .await?;
    Ok(deferred == 1)
}

/// Parks a run with its cause, and with the vendor's words if there are any; the release sweep reads the cause's owner again. What failed
/// just before a vendor was found to be away is not counted against the page.
pub async fn park(
    tx: &Tx,
    run: &ClaimedRun,
    cause: ParkCause,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let parked = tx
        .execute(
            "UPDATE sync_runs SET state = 'parked', parked_cause = $3, step = step + 1, claimed_by = NULL,
                 claim_expires_at = NULL, next_attempt_at = NULL, last_error = coalesce($4, last_error),
                 attempt = CASE $3 WHEN 'vendor-down' THEN 0 ELSE attempt END
             WHERE run_id = $1 AND step = $2 AND state = 'listing'",
            &[&run.id.0, &run.step.0, &cause.as_str(), &reason],
        )
        .await?;
    Ok(parked == 1)
}

/// Parks every open run of a connection with a cause: after its credential was found invalid.
pub async fn park_connection(tx: &Tx, connection: ConnectionId, cause: ParkCause) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE sync_runs SET state = 'parked', parked_cause = $2, step = step + 1, claimed_by = NULL,
             claim_expires_at = NULL, next_attempt_at = NULL
         WHERE connection_id = $1 AND state IN ('planned', 'listing')",
        &[&connection.0, &cause.as_str()],
    )
    .await
}

/// Fails a run whose attempts are used up. Its window is covered again: a slice is planned anew after `replan_after`, the periodic
/// schedule sees the gap, and records of a follow-up get their look back.
pub async fn fail(
    tx: &Tx,
    run: &ClaimedRun,
    reason: &str,
    replan_after: Duration,
) -> Result<bool, StoreError> {
    let failed = tx
        .execute(
            "UPDATE sync_runs SET state = 'failed', step = step + 1, failed_reason = $3, ended_at = clock_timestamp(),
                 claimed_by = NULL, claim_expires_at = NULL, next_attempt_at = NULL,
                 settle_look_at = clock_timestamp(),
                 replan_at = CASE WHEN kind IN ('bootstrap', 'backfill') THEN
                     clock_timestamp() + make_interval(secs => $4 * 2 ^ least(replans, 6)) END
             WHERE run_id = $1 AND step = $2 AND state = 'listing'",
            &[&run.id.0, &run.step.0, &reason, &replan_after.as_secs_f64()],
        )
        .await?;
    if failed == 0 {
        return Ok(false);
    }
    tx.execute(
        "WITH given_back AS (
             UPDATE intake k SET look_at = clock_timestamp() + make_interval(secs => $2)
             FROM run_items i
             WHERE i.run_id = $1 AND i.decision = 'planned' AND k.connection_id = i.connection_id
               AND k.vendor_key = i.vendor_key AND k.look_at IS NULL)
         UPDATE run_items SET decision = 'pending' WHERE run_id = $1 AND decision = 'planned'",
        &[&run.id.0, &replan_after.as_secs_f64()],
    )
    .await?;
    let body = json!({
        "run_id": run.id, "connection_id": run.connection_id, "kind": run.kind, "reason": reason,
        "window": run.window,
    });
    outbox::emit(tx, &run.tenant, "run.failed", &format!("{}:{}", run.id, run.step.0), &body).await?;
    Ok(true)
}
