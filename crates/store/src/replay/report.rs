//! Replays as people see them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{DeadLetterId, ReplayId};
use serde::Serialize;
use serde_json::Value;

use super::Wave;
use crate::{StoreError, Tx};

/// A replay, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// Who ordered it.
    pub operator: String,
    /// When.
    pub ordered_at: Timestamp,
    /// Which letters were meant.
    pub chosen: Value,
    /// Letters sent in a minute at most.
    pub per_minute: i32,
    /// More failures than this stop it.
    pub failures_max: i32,
    /// running, stopped, cancelled or done.
    pub state: String,
    /// Why it stopped.
    pub stopped_because: Option<String>,
    /// How many letters were frozen.
    pub letters: i64,
    /// Sent, and without an outcome.
    pub under_way: i64,
    /// Not sent, and without an outcome.
    pub unsent: i64,
    /// Which wave it is at, from 1; `None` when every letter has an outcome.
    pub wave: Option<i32>,
    /// How many by outcome.
    pub outcomes: BTreeMap<String, i64>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A letter of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedLetter {
    /// The letter.
    pub id: DeadLetterId,
    /// The record it is about, if it is about one.
    pub record: Option<String>,
    /// How it was sent; `None` when it was not.
    pub sent_as: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What became of it; `None` while that is open.
    pub outcome: Option<String>,
    /// More about the outcome.
    pub words: Option<String>,
}

/// Lists replays, or one, the latest first.
pub async fn list(tx: &Tx, id: Option<ReplayId>, limit: i64) -> Result<Vec<Replay>, StoreError> {
    listed(tx, id, false, limit).await
}

/// Lists the replays that are not over: running, or stopped.
pub async fn open(tx: &Tx) -> Result<Vec<Replay>, StoreError> {
    listed(tx, None, true, i64::MAX).await
}

async fn listed(
    tx: &Tx,
    id: Option<ReplayId>,
    open_only: bool,
    limit: i64,
) -> Result<Vec<Replay>, StoreError> {
    let rows = tx
        .query(
            "SELECT r.replay_id, r.operator, r.ordered_at, r.chosen, r.per_minute, r.failures_max, r.state,
                    r.stopped_because, r.ended_at, l.letters, l.under_way, l.unsent, l.outcomes,
                    l.first_open
             FROM replays r
             CROSS JOIN LATERAL (
                 SELECT coalesce(sum(n), 0)::bigint AS letters,
                        coalesce(sum(n) FILTER (WHERE outcome IS NULL AND sent), 0)::bigint AS under_way,
                        coalesce(sum(n) FILTER (WHERE outcome IS NULL AND NOT sent), 0)::bigint AS unsent,
                        min(first) FILTER (WHERE outcome IS NULL) AS first_open,
                        coalesce(jsonb_object_agg(outcome, n) FILTER (WHERE outcome IS NOT NULL), '{}') AS outcomes
                 FROM (SELECT outcome, outcome IS NULL AND sent_at IS NOT NULL AS sent, count(*) AS n, min(place) AS first FROM replay_letters
                       WHERE replay_id = r.replay_id GROUP BY 1, 2) AS counted) AS l
             WHERE ($1::uuid IS NULL OR r.replay_id = $1) AND (NOT $3 OR r.state IN ('running', 'stopped'))
             ORDER BY r.ordered_at DESC LIMIT $2",
            &[&id.map(|id| id.0), &limit, &open_only],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let outcomes = serde_json::from_value(row.try_get(12)?);
            Ok(Replay {
                id: ReplayId(row.try_get(0)?),
                operator: row.try_get(1)?,
                ordered_at: row.try_get(2)?,
                chosen: row.try_get(3)?,
                per_minute: row.try_get(4)?,
                failures_max: row.try_get(5)?,
                state: row.try_get(6)?,
                stopped_because: row.try_get(7)?,
                ended_at: row.try_get(8)?,
                letters: row.try_get(9)?,
                under_way: row.try_get(10)?,
                unsent: row.try_get(11)?,
                wave: row.try_get::<_, Option<i32>>(13)?.map(|place| Wave::of(place).number),
                outcomes: outcomes.map_err(|error| StoreError::Row(error.to_string()))?,
            })
        })
        .collect()
}

/// Lists the letters of a replay, in their turn.
pub async fn letters(tx: &Tx, id: ReplayId) -> Result<Vec<ReplayedLetter>, StoreError> {
    let rows = tx
        .query(
            "SELECT l.dead_letter_id, d.vendor_key, l.sent_as, l.sent_at, l.outcome, l.words
             FROM replay_letters l JOIN dead_letters d USING (dead_letter_id) WHERE l.replay_id = $1 ORDER BY l.place",
            &[&id.0],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ReplayedLetter {
                id: DeadLetterId(row.try_get(0)?),
                record: row.try_get(1)?,
                sent_as: row.try_get(2)?,
                sent_at: row.try_get(3)?,
                outcome: row.try_get(4)?,
                words: row.try_get(5)?,
            })
        })
        .collect()
}
