//! Replays: dead letters that an operator ordered to be sent again. The set is frozen when it is ordered; stewards carry it out step by
//! step, whoever has the row's lock.

mod letters;
mod report;
mod wave;

use std::time::Duration;

use model::ReplayId;
use serde::Serialize;

use crate::dead_letter::{LetterFilter, MATCHES};
use crate::report::Count;
use crate::{StoreError, Tx};
pub use letters::{Sent, ToSend, decide, note_outcomes, rule_out, sendable, sent};
pub use report::{Replay, ReplayedLetter, letters, list, open};
pub use wave::Wave;

/// How a replay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Letters sent in a minute at most.
    pub per_minute: i32,
    /// More failures than this stop it.
    pub failures_max: i32,
}

/// Freezes the letters that fit into a replay; returns it with how many they are. Those of another replay that is not over are left to it.
pub async fn order(
    tx: &Tx,
    operator: &str,
    filter: &LetterFilter,
    pace: Pace,
) -> Result<(ReplayId, u64), StoreError> {
    let chosen = filter.as_json();
    let row = tx
        .query_one(
            "INSERT INTO replays (replay_id, tenant_id, chosen, operator, per_minute, failures_max)
             VALUES (gen_random_uuid(), $1::jsonb ->> 'tenant', $1, $2, $3, $4) RETURNING replay_id",
            &[&chosen, &operator, &pace.per_minute, &pace.failures_max],
        )
        .await?;
    let id = ReplayId(row.try_get(0)?);
    let freeze = format!(
        // of two orders at once the second waits for the first and finds its letters taken
        "INSERT INTO replay_letters (replay_id, place, tenant_id, dead_letter_id, deaths, letter_group)
         SELECT $2, row_number() OVER (ORDER BY d.last_failed_at, d.dead_letter_id) - 1, d.tenant_id, d.dead_letter_id,
                d.deaths, d.letter_group
         FROM dead_letters d
         WHERE {MATCHES} AND d.forgotten_at IS NULL AND NOT EXISTS (
             SELECT FROM replay_letters o WHERE o.dead_letter_id = d.dead_letter_id AND o.outcome IS NULL)
         ON CONFLICT DO NOTHING"
    );
    let letters = tx.execute(&freeze, &[&chosen, &id.0]).await?;
    Ok((id, letters))
}

/// A replay that is not over, and how many of the letters that somebody chose are left to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Which.
    pub replay: ReplayId,
    /// Whether it is running or stopped.
    pub state: String,
    /// How many.
    pub letters: i64,
}

/// Which replays hold letters that fit, beside this one.
pub async fn holders(tx: &Tx, filter: &LetterFilter, beside: ReplayId) -> Result<Vec<Holder>, StoreError> {
    let sql = format!(
        "SELECT r.replay_id, r.state, count(*) FROM dead_letters d
         JOIN replay_letters o ON o.dead_letter_id = d.dead_letter_id AND o.outcome IS NULL
         JOIN replays r ON r.replay_id = o.replay_id
         WHERE {MATCHES} AND r.replay_id <> $2 GROUP BY r.replay_id ORDER BY r.ordered_at"
    );
    let rows = tx.query(&sql, &[&filter.as_json(), &beside.0]).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder { replay: ReplayId(row.try_get(0)?), state: row.try_get(1)?, letters: row.try_get(2)? })
        })
        .collect()
}

/// What would become of the letters of a replay that are still to be sent, if they were sent now, each with how many.
pub async fn prospects(tx: &Tx, id: ReplayId) -> Result<Vec<Count>, StoreError> {
    let rows = tx
        .query(
            "SELECT prospect, count(*) FROM replay_letters JOIN letter_prospects USING (dead_letter_id)
             WHERE replay_id = $1 AND outcome IS NULL AND sent_at IS NULL GROUP BY 1 ORDER BY 1",
            &[&id.0],
        )
        .await?;
    rows.iter().map(|row| Ok(Count { name: row.try_get(0)?, count: row.try_get(1)? })).collect()
}

/// The replays that are running.
pub async fn running(tx: &Tx) -> Result<Vec<ReplayId>, StoreError> {
    let rows =
        tx.query("SELECT replay_id FROM replays WHERE state = 'running' ORDER BY ordered_at", &[]).await?;
    rows.iter().map(|row| Ok(ReplayId(row.try_get(0)?))).collect()
}

/// Where a replay stands for whoever takes its next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The first letter without an outcome; `None` when there is none left.
    pub first_open: Option<i32>,
    /// Letters that failed again, or cannot be sent, beyond those accepted.
    pub failures: i64,
    /// The words of the last failure.
    pub last_failure: Option<String>,
    /// How it goes.
    pub pace: Pace,
    /// Whether the rate allows a letter now.
    pub may_send: bool,
}

const FAILED: &str = "outcome IN ('failed-same', 'failed-other', 'impossible')";

/// Takes the next step of a replay: nobody else has it until this transaction ends. `None` when somebody has it, or it is not running.
pub async fn take_turn(tx: &Tx, id: ReplayId) -> Result<Option<Turn>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT per_minute, failures_max, failures_accepted, next_send_at <= now() FROM replays
             WHERE replay_id = $1 AND state = 'running' FOR NO KEY UPDATE SKIP LOCKED",
            &[&id.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let pace = Pace { per_minute: row.try_get(0)?, failures_max: row.try_get(1)? };
    let (accepted, may_send): (i32, bool) = (row.try_get(2)?, row.try_get(3)?);
    let sql = format!(
        "SELECT min(place) FILTER (WHERE outcome IS NULL), count(*) FILTER (WHERE {FAILED}),
                (array_agg(words ORDER BY decided_at DESC) FILTER (WHERE {FAILED}))[1]
         FROM replay_letters WHERE replay_id = $1"
    );
    let row = tx.query_one(&sql, &[&id.0]).await?;
    let failures = row.try_get::<_, i64>(1)? - i64::from(accepted);
    Ok(Some(Turn { first_open: row.try_get(0)?, failures, last_failure: row.try_get(2)?, pace, may_send }))
}

/// Notes that so many letters were sent: the rate allows the next only when their time is over.
pub async fn pause_after(tx: &Tx, id: ReplayId, letters: u64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE replays SET next_send_at = greatest(next_send_at, now() + make_interval(secs => 60.0 * $2::bigint / per_minute))
         WHERE replay_id = $1",
        &[&id.0, &i64::try_from(letters).unwrap_or(i64::MAX)],
    )
    .await?;
    Ok(())
}

/// Stops a running replay where it is; false when it is not running.
pub async fn stop(tx: &Tx, id: ReplayId, because: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE replays SET state = 'stopped', stopped_because = $2 WHERE replay_id = $1 AND state = 'running'";
    Ok(tx.execute(sql, &[&id.0, &because]).await? == 1)
}

/// Lets a stopped replay go on, with the failures so far accepted; false when it is not stopped.
pub async fn resume(tx: &Tx, id: ReplayId) -> Result<bool, StoreError> {
    let sql = format!(
        "UPDATE replays r SET state = 'running', stopped_because = NULL, failures_accepted =
             (SELECT count(*) FROM replay_letters l WHERE l.replay_id = r.replay_id AND {FAILED})
         WHERE replay_id = $1 AND state = 'stopped'"
    );
    Ok(tx.execute(&sql, &[&id.0]).await? == 1)
}

/// Ends a replay whose letters all have an outcome.
pub async fn finish(tx: &Tx, id: ReplayId) -> Result<bool, StoreError> {
    let sql = "UPDATE replays SET state = 'done', ended_at = now() WHERE replay_id = $1 AND state = 'running'
               AND NOT EXISTS (SELECT FROM replay_letters l WHERE l.replay_id = $1 AND l.outcome IS NULL)";
    Ok(tx.execute(sql, &[&id.0]).await? == 1)
}

/// Ends a replay early: what was not sent is left as it was, and what was sent goes on. Returns how many are left; `None` when it is over.
pub async fn cancel(tx: &Tx, id: ReplayId) -> Result<Option<u64>, StoreError> {
    // waits for a step under way, and so no letter is sent that is left here
    let sql = "UPDATE replays SET state = 'cancelled', stopped_because = NULL, ended_at = now()
               WHERE replay_id = $1 AND state IN ('running', 'stopped')";
    if tx.execute(sql, &[&id.0]).await? == 0 {
        return Ok(None);
    }
    let left = tx
        .execute(
            "UPDATE replay_letters SET outcome = 'left', words = 'the replay was cancelled', decided_at = now()
             WHERE replay_id = $1 AND outcome IS NULL AND sent_at IS NULL",
            &[&id.0],
        )
        .await?;
    Ok(Some(left))
}

/// Forgets replays that ended so long ago, with what became of each letter; returns how many. What operators did stays written down.
pub async fn sweep(tx: &Tx, age: Duration) -> Result<u64, StoreError> {
    tx.execute(
        // of a cancelled one something may still be under way
        "WITH old AS (
             SELECT replay_id FROM replays r
             WHERE state IN ('done', 'cancelled') AND ended_at < now() - make_interval(secs => $1)
               AND NOT EXISTS (SELECT FROM replay_letters l WHERE l.replay_id = r.replay_id AND l.outcome IS NULL)),
         letters AS (DELETE FROM replay_letters l USING old WHERE l.replay_id = old.replay_id)
         DELETE FROM replays r USING old WHERE r.replay_id = old.replay_id",
        &[&age.as_secs_f64()],
    )
    .await
}
