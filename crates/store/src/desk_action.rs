//! What operators did about dead letters: who, when, what, how many.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{StoreError, Tx};

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Action {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub operator: String,
    /// What.
    pub action: String,
    /// Which letters were meant.
    pub chosen: Value,
    /// How many it changed.
    pub letters: i64,
    /// The reason, or the note.
    pub words: Option<String>,
}

/// Writes down what an operator does to the letters chosen by a filter, in the transaction that does it.
pub async fn record(
    tx: &Tx,
    operator: &str,
    action: &str,
    chosen: &Value,
    letters: u64,
    words: Option<&str>,
) -> Result<(), StoreError> {
    let letters = i64::try_from(letters).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO desk_actions (tenant_id, operator, action, chosen, letters, words)
         VALUES ($3::jsonb ->> 'tenant', $1, $2, $3, $4, $5)",
        &[&operator, &action, &chosen, &letters, &words],
    )
    .await?;
    Ok(())
}

/// Lists what was done, the latest first; of a group, what named it.
pub async fn list(tx: &Tx, group: Option<&str>, limit: i64) -> Result<Vec<Action>, StoreError> {
    let rows = tx
        .query(
            "SELECT acted_at, operator, action, chosen, letters, words FROM desk_actions
             WHERE $1::text IS NULL OR chosen ->> 'group' = $1 ORDER BY action_id DESC LIMIT $2",
            &[&group, &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Action {
                at: row.try_get(0)?,
                operator: row.try_get(1)?,
                action: row.try_get(2)?,
                chosen: row.try_get(3)?,
                letters: row.try_get(4)?,
                words: row.try_get(5)?,
            })
        })
        .collect()
}
