//! Dead letters: messages that need a person, as they were, with the reason.

mod decision;
mod search;

use jiff::Timestamp;
use model::{ConnectionId, DeadLetterId, RunId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::{StoreError, Tx};
pub use decision::{discard, edit, forget_discarded, restore};
pub(crate) use search::MATCHES;
pub use search::{LetterFilter, LetterGroup, count, groups, list, load, unknown};

/// A dead letter to file.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Derived from queue and body.
    pub id: DeadLetterId,
    /// Whose it is, if that could be read.
    pub tenant: Option<TenantId>,
    /// Queue it died in.
    pub origin_queue: String,
    /// Where it died: fetch, detail, normalize, resolve.
    pub stage: String,
    /// Its vendor, if that could be read.
    pub vendor: Option<String>,
    /// Its connection, if that could be read.
    pub connection_id: Option<ConnectionId>,
    /// Its run, if that could be read.
    pub run_id: Option<RunId>,
    /// Its record, if it is about one.
    pub vendor_key: Option<String>,
    /// Version of the record.
    pub version: Option<i64>,
    /// Short name of the cause.
    pub error_class: String,
    /// The cause in words.
    pub error: String,
    /// The error without ids, numbers and times.
    pub fingerprint: String,
    /// The message as it was.
    pub body: Vec<u8>,
    /// Its headers.
    pub headers: Value,
    /// Attempts made.
    pub attempts: i32,
    /// The process it died in.
    pub worker: Option<String>,
    /// Trace it belongs to.
    pub trace_id: Option<String>,
    /// When it failed first; the filing's time if unknown.
    pub first_failed_at: Option<Timestamp>,
    /// When it failed last; the filing's time if unknown.
    pub last_failed_at: Option<Timestamp>,
}

/// Class of a letter that nobody gave a reason: the next death that has one says more.
pub const UNEXPLAINED: &str = "unexplained";

/// Files a letter. The same death filed twice is filed once; a death after a replay opens the letter again: the message itself says how
/// often it was replayed, no clock is asked. So does a death with a reason after one without.
pub async fn file(tx: &Tx, letter: &Letter) -> Result<bool, StoreError> {
    let filed = tx
        .execute(
            "INSERT INTO dead_letters AS d (dead_letter_id, tenant_id, origin_queue, stage, vendor, connection_id, run_id,
                 vendor_key, version, error_class, error, fingerprint, body, headers, attempts, worker, trace_id,
                 first_failed_at, last_failed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                 coalesce($18, now()), coalesce($19, now()))
             ON CONFLICT (dead_letter_id) DO UPDATE SET
                 state = 'dead', deaths = d.deaths + 1, last_failed_at = excluded.last_failed_at,
                 error_class = excluded.error_class, error = excluded.error, fingerprint = excluded.fingerprint,
                 body = CASE WHEN d.forgotten_at IS NULL THEN d.body ELSE excluded.body END, forgotten_at = NULL,
                 headers = excluded.headers, attempts = excluded.attempts, worker = excluded.worker,
                 resolved_at = NULL, resolution = NULL
             WHERE coalesce((excluded.headers ->> 'replayed')::integer, 0)
                   >= d.replays + CASE d.state WHEN 'replayed' THEN 0 ELSE 1 END
                   OR d.error_class = $20 AND excluded.error_class <> $20",
            &[
                &letter.id.0,
                &letter.tenant.as_ref().map(TenantId::as_str),
                &letter.origin_queue,
                &letter.stage,
                &letter.vendor,
                &letter.connection_id.map(|id| id.0),
                &letter.run_id.map(|id| id.0),
                &letter.vendor_key,
                &letter.version,
                &letter.error_class,
                &letter.error,
                &letter.fingerprint,
                &letter.body,
                &letter.headers,
                &letter.attempts,
                &letter.worker,
                &letter.trace_id,
                &letter.first_failed_at,
                &letter.last_failed_at,
                &UNEXPLAINED,
            ],
        )
        .await?;
    Ok(filed == 1)
}

/// A filed letter.
#[derive(Debug, Clone)]
pub struct FiledLetter {
    /// What was filed; the body is left out of lists.
    pub letter: Letter,
    /// Its group.
    pub group: String,
    /// dead, replayed, discarded or closed.
    pub state: String,
    /// How often it died.
    pub deaths: i32,
    /// How often it was replayed.
    pub replays: i32,
    /// The last replay whose message was worked off.
    pub replay_settled: i32,
    /// What was decided.
    pub resolution: Option<String>,
    /// When its message was forgotten, some time after it was discarded.
    pub forgotten_at: Option<Timestamp>,
    /// What a person made of the message, which is sent instead of it; left out of lists like the body.
    pub edited_body: Option<Vec<u8>>,
}

impl FiledLetter {
    /// The number of its next replay.
    pub fn next_replay(&self) -> i32 {
        self.replays.max(self.replay_settled) + 1
    }
}

/// Notes that a fetcher left a letter on the broker, in the transaction of what it tells: until it is filed it is on its way.
pub async fn expect(
    tx: &Tx,
    tenant: &TenantId,
    letter: DeadLetterId,
    origin_queue: &str,
) -> Result<(), StoreError> {
    // its filing may have come first; then it is nothing but swept
    tx.execute(
        "INSERT INTO expected_letters (dead_letter_id, tenant_id, origin_queue) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &[&letter.0, &tenant.as_str(), &origin_queue],
    )
    .await?;
    Ok(())
}

/// Forgets the expectation of letters that are filed; returns how many.
pub async fn sweep_expected(tx: &Tx) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM expected_letters WHERE dead_letter_id IN (SELECT dead_letter_id FROM dead_letters)",
        &[],
    )
    .await
}

/// Marks a letter whose work begins again in the ledger, with the run, the record or the batch that does it; false when it died again,
/// or somebody else was faster. What becomes of it is told there.
pub async fn begun_again(tx: &Tx, filed: &FiledLetter, words: &str) -> Result<bool, StoreError> {
    let begun = tx
        .execute(
            "UPDATE dead_letters SET state = 'replayed', resolution = $3, resolved_at = now(), replays = $4, replay_settled = $4
             WHERE dead_letter_id = $1 AND deaths = $2 AND state IN ('dead', 'replayed', 'discarded')",
            &[&filed.letter.id.0, &filed.deaths, &words, &filed.next_replay()],
        )
        .await?;
    Ok(begun == 1)
}

/// Closes the letters of what was made good: of runs, because another has covered the window since, or the run itself went on (whoever
/// left the letter died before it could say so in the ledger); of records, because what the vendor said then or later is stored or
/// skipped. Returns how many.
pub async fn close_made_good(tx: &Tx) -> Result<u64, StoreError> {
    let of_runs = tx
        .execute(
            "UPDATE dead_letters d
             SET state = 'closed', resolved_at = now(),
                 resolution = CASE WHEN r.run_id = f.run_id THEN 'the run went on'
                                   ELSE 'run ' || r.run_id || ' covered the window' END
             FROM sync_runs f JOIN streams s USING (connection_id, stream)
             JOIN LATERAL (
                 SELECT r.run_id FROM sync_runs r
                 WHERE r.connection_id = f.connection_id AND r.stream = f.stream AND r.state IN ('listed', 'settled')
                   AND (r.run_id = f.run_id
                        OR f.state = 'failed' AND r.listed_at > f.ended_at AND r.kind IN ('bootstrap', 'periodic', 'backfill')
                           AND s.covered @> tstzrange(f.window_from, f.window_to)
                           AND tstzrange(r.window_from, r.window_to) && tstzrange(f.window_from, f.window_to))
                 ORDER BY r.listed_at LIMIT 1) r ON true
             WHERE d.state = 'dead' AND d.stage = 'fetch' AND d.run_id = f.run_id",
            &[],
        )
        .await?;
    let of_records = tx
        .execute(
            "UPDATE dead_letters d
             SET state = 'closed', resolved_at = now(), resolution =
                 'what was asked for then or later is ' ||
                 CASE WHEN k.document_version >= d.version THEN 'stored' ELSE 'skipped' END
             FROM intake k
             WHERE d.state = 'dead' AND d.stage IN ('detail', 'normalize')
               AND k.connection_id = d.connection_id AND k.vendor_key = d.vendor_key
               AND greatest(k.document_version, k.skipped_version) >= d.version",
            &[],
        )
        .await?;
    Ok(of_runs + of_records)
}

/// Marks a letter whose message was published again, with the number of its next replay in the headers; false when somebody else was
/// faster. It is under way until [`settle_replays`] says otherwise, or until it dies again.
pub async fn sent_again(tx: &Tx, filed: &FiledLetter) -> Result<bool, StoreError> {
    let sent = tx
        .execute(
            "UPDATE dead_letters SET state = 'replayed', resolution = 'sent again', resolved_at = now(), replays = $3
             WHERE dead_letter_id = $1 AND deaths = $2 AND state IN ('dead', 'replayed', 'discarded')",
            &[&filed.letter.id.0, &filed.deaths, &filed.next_replay()],
        )
        .await?;
    Ok(sent == 1)
}

/// Notes that the messages of these replays were worked off, whatever came of them.
pub async fn settle_replays(tx: &Tx, replays: &[(DeadLetterId, i32)]) -> Result<(), StoreError> {
    let (ids, numbers): (Vec<Uuid>, Vec<i32>) = replays.iter().map(|(id, number)| (id.0, *number)).unzip();
    tx.execute(
        "UPDATE dead_letters d SET replay_settled = n.number
         FROM (SELECT id, max(number) AS number FROM unnest($1::uuid[], $2::integer[]) AS u (id, number) GROUP BY id) AS n
         WHERE d.dead_letter_id = n.id AND d.replay_settled < n.number",
        &[&ids, &numbers],
    )
    .await?;
    Ok(())
}
