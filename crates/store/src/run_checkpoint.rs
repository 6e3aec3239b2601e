//! The one transaction that ends a page: what was listed, and how far the run has come.

use std::time::Duration;

use jiff::Timestamp;
use model::{ContentHash, DeadLetterId, ItemDecision, Lane, RunKind, Share, Step, VendorKey, Version};

use crate::run_claim::ClaimedRun;
use crate::{StoreError, Tx, dead_letter};

/// How often a window is walked again when fewer records were seen than the vendor's total.
const WALKS_AGAIN_MAX: i32 = 2;

/// A record that was seen in the vendor's list, or looked at by a follow-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The vendor's id.
    pub key: VendorKey,
    /// When the vendor was asked for what the decision rests on.
    pub version: Version,
    /// Hash of the list row.
    pub hash: ContentHash,
    /// What was decided.
    pub decision: ItemDecision,
    /// When it took place, if its row in the list says so.
    pub happened_at: Option<Timestamp>,
}

/// A record whose details could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDetail {
    /// The vendor's id.
    pub key: VendorKey,
    /// When the vendor was asked.
    pub version: Version,
    /// Hash of the list row.
    pub hash: ContentHash,
    /// Error class.
    pub class: String,
    /// What the vendor answered.
    pub reason: String,
    /// Attempts so far, with this one.
    pub attempts: i32,
    /// When to look again; `None` when it is given up.
    pub look_after: Option<Duration>,
    /// The letter that was left for it when it was given up, and where.
    pub letter: Option<(DeadLetterId, &'static str)>,
}

/// Where the run goes from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next page.
    Page(u32),
    /// The next page begins at this cursor.
    Cursor(String),
    /// The list is begun again after this wait: its cursor had grown too old.
    Restart(Duration),
    /// The same page once more: it was only partly done. After this wait, when the vendor asks for one.
    Continue(Duration),
    /// The vendor's list has ended; its own total, when it says one.
    End {
        /// Records in the window by the vendor's count.
        total: Option<i64>,
    },
}

/// Where a checkpoint left the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpointed {
    /// At this step; it wants a nudge after this wait.
    At(Step, Duration),
    /// The list has ended.
    Listed,
    /// The step had passed: another worker was faster, nothing was written.
    Passed,
}

/// Writes a page's records and moves the run one step on, if it is still at the claimed step.
pub async fn checkpoint(
    tx: &Tx,
    run: &ClaimedRun,
    listed: &[Listed],
    failed: &[FailedDetail],
    next: &Next,
) -> Result<Checkpointed, StoreError> {
    // the row lock first: a second worker with the same step waits here, and then finds it passed
    let mine = tx
        .query_opt(
            "SELECT FROM sync_runs WHERE run_id = $1 AND step = $2 AND state = 'listing' FOR UPDATE",
            &[&run.id.0, &run.step.0],
        )
        .await?;
    if mine.is_none() {
        return Ok(Checkpointed::Passed);
    }
    write_items(tx, run, listed).await?;
    write_intake(tx, run, listed).await?;
    write_failed(tx, run, failed).await?;
    match next {
        Next::Page(page) => advance(tx, run, Place::page(*page), Duration::ZERO).await,
        Next::Cursor(cursor) => {
            advance(tx, run, Place { cursor: Some(cursor), ..Place::page(run.page + 1) }, Duration::ZERO)
                .await
        }
        Next::Continue(wait) => {
            let place = Place { cursor: run.cursor.as_deref(), resumed: true, ..Place::page(run.page) };
            advance(tx, run, place, *wait).await
        }
        Next::Restart(wait) => {
            advance(tx, run, Place { resumed: true, restarted: true, ..Place::page(1) }, *wait).await
        }
        Next::End { total } => end(tx, run, *total).await,
    }
}

async fn write_items(tx: &Tx, run: &ClaimedRun, listed: &[Listed]) -> Result<(), StoreError> {
    let columns = Columns::of(listed);
    tx.execute(
        // seen again in the same run (a row moved to the next page): the later decision, unless it only repeats the hash
        "INSERT INTO run_items (run_id, vendor_key, tenant_id, connection_id, decision, version, hash)
         SELECT $1, key, $2, $3, decision, version, hash
         FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bytea[]) AS l (key, decision, version, hash)
         ORDER BY key
         ON CONFLICT (run_id, vendor_key) DO UPDATE
         SET decision = excluded.decision, version = excluded.version, hash = excluded.hash
         WHERE run_items.version < excluded.version
           AND (run_items.hash <> excluded.hash OR run_items.decision = 'planned')",
        &[
            &run.id.0,
            &run.tenant.as_str(),
            &run.connection_id.0,
            &columns.keys,
            &columns.decisions,
            &columns.versions,
            &columns.hashes,
        ],
    )
    .await?;
    Ok(())
}

async fn write_intake(tx: &Tx, run: &ClaimedRun, listed: &[Listed]) -> Result<(), StoreError> {
    // a follow-up asks for details by id: it says nothing about the list
    if run.kind == RunKind::FollowUp || listed.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(listed);
    tx.execute(
        // versions only grow; a sighting of what is stored raises the stored version, so that an older document that is
        // replayed later finds itself superseded
        "WITH written AS (
             INSERT INTO intake AS k (connection_id, vendor_key, tenant_id, stream, listed_version, listed_hash, listed_at,
                                      first_listed_at, happened_at)
             SELECT $1, key, $2, $6, version, hash, now(), now(), happened_at
             FROM unnest($3::text[], $4::bigint[], $5::bytea[], $8::timestamptz[]) AS l (key, version, hash, happened_at)
             ORDER BY key
             ON CONFLICT (connection_id, vendor_key) DO UPDATE SET
                 listed_hash = CASE WHEN excluded.listed_version > coalesce(k.listed_version, 0)
                                    THEN excluded.listed_hash ELSE k.listed_hash END,
                 listed_version = greatest(k.listed_version, excluded.listed_version),
                 listed_at = now(),
                 first_listed_at = coalesce(k.first_listed_at, now()),
                 happened_at = coalesce(excluded.happened_at, k.happened_at),
                 stored_version = CASE WHEN k.stored_hash = excluded.listed_hash
                                       THEN greatest(k.stored_version, excluded.listed_version)
                                       ELSE k.stored_version END,
                 missed_walks = 0
             RETURNING first_listed_at = now() AS fresh)
         -- history that is fetched later says nothing about what happens now
         UPDATE streams SET last_call_at = CASE WHEN $7 THEN coalesce(last_call_at, now()) ELSE now() END
         WHERE connection_id = $1 AND stream = $6 AND EXISTS (SELECT FROM written WHERE fresh)",
        &[
            &run.connection_id.0,
            &run.tenant.as_str(),
            &columns.keys,
            &columns.versions,
            &columns.hashes,
            &run.stream.as_str(),
            &(run.lane == Lane::Backfill),
            &columns.happened,
        ],
    )
    .await?;
    if run.kind == RunKind::Walk {
        look_at_pending_now(tx, run, listed).await?;
    }
    Ok(())
}

/// A walk only lists; what it finds changed is looked at by a follow-up.
async fn look_at_pending_now(tx: &Tx, run: &ClaimedRun, listed: &[Listed]) -> Result<(), StoreError> {
    let pending = listed.iter().filter(|item| item.decision == ItemDecision::Pending);
    let keys: Vec<_> = pending.map(|item| item.key.as_str()).collect();
    tx.execute(
        "UPDATE intake SET look_at = least(look_at, now()), look_reason = 'changed'
         WHERE connection_id = $1 AND vendor_key = ANY ($2) AND failed_hash IS DISTINCT FROM listed_hash",
        &[&run.connection_id.0, &keys],
    )
    .await?;
    Ok(())
}

async fn write_failed(tx: &Tx, run: &ClaimedRun, failed: &[FailedDetail]) -> Result<(), StoreError> {
    // what a replay began is a replay's to the end
    let look_reason = if run.share == Share::Replay { "replay-failed" } else { "detail-failed" };
    for detail in failed {
        tx.execute(
            "UPDATE intake SET failed_version = $3, failed_hash = $4, failed_attempts = $5, failed_class = $6,
                 failed_reason = $7, look_reason = $9,
                 look_at = CASE WHEN $8::float8 IS NULL THEN NULL
                                ELSE clock_timestamp() + make_interval(secs => $8) END
             WHERE connection_id = $1 AND vendor_key = $2 AND coalesce(failed_version, 0) < $3",
            &[
                &run.connection_id.0,
                &detail.key.as_str(),
                &detail.version.0,
                &detail.hash.as_bytes(),
                &detail.attempts,
                &detail.class,
                &detail.reason,
                &detail.look_after.map(|wait| wait.as_secs_f64()),
                &look_reason,
            ],
        )
        .await?;
        if let Some((letter, queue)) = detail.letter {
            dead_letter::expect(tx, &run.tenant, letter, queue).await?;
        }
    }
    Ok(())
}

/// Where in the list a run goes on.
#[derive(Clone, Copy)]
struct Place<'a> {
    page: u32,
    cursor: Option<&'a str>,
    resumed: bool,
    restarted: bool,
}

impl Place<'_> {
    fn page(page: u32) -> Self {
        Self { page, cursor: None, resumed: false, restarted: false }
    }
}

async fn advance(
    tx: &Tx,
    run: &ClaimedRun,
    place: Place<'_>,
    wait: Duration,
) -> Result<Checkpointed, StoreError> {
    let page = i32::try_from(place.page).unwrap_or(i32::MAX);
    let due = if wait.is_zero() { None } else { Some(wait.as_secs_f64()) };
    // nudged: the worker that makes this checkpoint sends the nudge itself; if it dies first, the sweep sends one
    let row = tx
        .query_one(
            "UPDATE sync_runs SET step = step + 1, page = $2, cursor = $5, resumed = $4, attempt = 0, last_error = NULL,
                 claimed_by = NULL, claim_expires_at = NULL, nudges = 0, nudged_at = clock_timestamp(), waiting_since = clock_timestamp(),
                 restarts = restarts + CASE WHEN $6 THEN 1 ELSE 0 END,
                 next_attempt_at = clock_timestamp() + make_interval(secs => $3)
             WHERE run_id = $1 RETURNING step",
            &[&run.id.0, &page, &due, &place.resumed, &place.cursor, &place.restarted],
        )
        .await?;
    Ok(Checkpointed::At(Step(row.try_get(0)?), wait))
}

async fn end(tx: &Tx, run: &ClaimedRun, total: Option<i64>) -> Result<Checkpointed, StoreError> {
    let seen: i64 =
        tx.query_one("SELECT count(*) FROM run_items WHERE run_id = $1", &[&run.id.0]).await?.try_get(0)?;
    let short = run.kind != RunKind::FollowUp && total.is_some_and(|total| seen < total);
    if short && walk_again(tx, run, total).await? {
        return advance(tx, run, Place::page(1), Duration::ZERO).await;
    }
    tx.execute(
        "UPDATE sync_runs SET state = 'listed', step = step + 1, attempt = 0, last_error = NULL, claimed_by = NULL,
             claim_expires_at = NULL, next_attempt_at = NULL, listed_at = clock_timestamp(),
             settle_look_at = clock_timestamp(), vendor_total = $2, gap = $3
         WHERE run_id = $1",
        &[&run.id.0, &total, &short],
    )
    .await?;
    if matches!(run.kind, RunKind::Bootstrap | RunKind::Periodic | RunKind::Backfill) {
        cover(tx, run).await?;
    }
    // a list that was cut short proves nothing about what it did not show
    if run.kind == RunKind::Walk && !short {
        count_missed(tx, run).await?;
    }
    Ok(Checkpointed::Listed)
}

async fn walk_again(tx: &Tx, run: &ClaimedRun, total: Option<i64>) -> Result<bool, StoreError> {
    let again = tx
        .execute(
            "UPDATE sync_runs SET walks = walks + 1, vendor_total = $2 WHERE run_id = $1 AND walks < $3",
            &[&run.id.0, &total, &WALKS_AGAIN_MAX],
        )
        .await?;
    Ok(again == 1)
}

/// Adds the window to what is covered.
async fn cover(tx: &Tx, run: &ClaimedRun) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE streams SET covered = covered + tstzmultirange(tstzrange($3, $4))
         WHERE connection_id = $1 AND stream = $2",
        &[&run.connection_id.0, &run.stream.as_str(), &run.window.from, &run.window.to],
    )
    .await?;
    Ok(())
}

/// Counts a complete walk against every stored record that it did not see.
async fn count_missed(tx: &Tx, run: &ClaimedRun) -> Result<(), StoreError> {
    if run.stream.is_listed_whole() {
        // who has left is one of the tenant's own people all the same
        return Ok(());
    }
    if run.stream.is_of_records() {
        tx.execute(
            "UPDATE intake k SET missed_walks = missed_walks + 1 FROM sync_runs r
             WHERE r.run_id = $1 AND k.connection_id = $2 AND k.stream = $3 AND k.listed_at < r.started_at
               AND k.content_hash IS NOT NULL",
            &[&run.id.0, &run.connection_id.0, &run.stream.as_str()],
        )
        .await?;
        return Ok(());
    }
    tx.execute(
        "UPDATE intake k SET missed_walks = missed_walks + 1
         FROM sync_runs r, conversations c
         WHERE r.run_id = $1 AND k.connection_id = $2 AND k.listed_at < r.started_at
           AND c.connection_id = k.connection_id AND c.external_id = k.vendor_key AND c.withdrawn_at IS NULL
           AND c.started_at >= r.window_from AND c.started_at < r.window_to",
        &[&run.id.0, &run.connection_id.0],
    )
    .await?;
    Ok(())
}

/// The rows of a page as columns, for UNNEST.
struct Columns<'a> {
    keys: Vec<&'a str>,
    decisions: Vec<&'static str>,
    versions: Vec<i64>,
    hashes: Vec<&'a [u8]>,
    happened: Vec<Option<Timestamp>>,
}

impl<'a> Columns<'a> {
    fn of(listed: &'a [Listed]) -> Self {
        Self {
            keys: listed.iter().map(|item| item.key.as_str()).collect(),
            decisions: listed.iter().map(|item| item.decision.as_str()).collect(),
            versions: listed.iter().map(|item| item.version.0).collect(),
            hashes: listed.iter().map(|item| item.hash.as_bytes()).collect(),
            happened: listed.iter().map(|item| item.happened_at).collect(),
        }
    }
}
