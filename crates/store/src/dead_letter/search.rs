//! Finding letters: by any of their fields, and by cause.

use jiff::Timestamp;
use model::{ConnectionId, DeadLetterId, RunId, TenantId};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{FiledLetter, Letter};
use crate::{StoreError, Tx};

/// Which letters are meant; every field that is set narrows it. Nothing set means all that are dead.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LetterFilter {
    /// These ids.
    pub ids: Option<Vec<DeadLetterId>>,
    /// Of this group.
    pub group: Option<String>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// That died at this stage.
    pub stage: Option<String>,
    /// Of this error class.
    pub class: Option<String>,
    /// Of this vendor.
    pub vendor: Option<String>,
    /// Of this connection.
    pub connection: Option<ConnectionId>,
    /// Of this run.
    pub run: Option<RunId>,
    /// About this record.
    pub record: Option<String>,
    /// That died in this queue.
    pub queue: Option<String>,
    /// That died in this process.
    pub worker: Option<String>,
    /// Of this trace.
    pub trace: Option<String>,
    /// With these words in the error, in whatever case, or exactly so in the message.
    pub text: Option<String>,
    /// That failed last at this time or later.
    pub since: Option<Timestamp>,
    /// That failed last before this time.
    pub until: Option<Timestamp>,
    /// In this state instead of dead.
    pub state: Option<String>,
    /// In any state.
    pub any_state: bool,
}

impl LetterFilter {
    /// Whether nothing narrows it: all that are dead.
    pub fn is_everything(&self) -> bool {
        self.as_json().as_object().is_some_and(serde_json::Map::is_empty)
    }

    /// What was set, for the statements here and for whoever reads later what was chosen.
    pub fn as_json(&self) -> Value {
        let mut all = serde_json::to_value(self).expect("a filter of texts and times is JSON");
        if let Some(fields) = all.as_object_mut() {
            fields.retain(|_, value| !value.is_null() && *value != Value::Bool(false));
        }
        all
    }
}

/// Compares letters `d` with the filter in `$1`.
pub(crate) const MATCHES: &str = "($1::jsonb -> 'ids' IS NULL
         OR d.dead_letter_id IN (SELECT id::uuid FROM jsonb_array_elements_text($1 -> 'ids') AS id))
    AND ($1 ->> 'group' IS NULL OR d.letter_group = $1 ->> 'group')
    AND ($1 ->> 'tenant' IS NULL OR d.tenant_id = $1 ->> 'tenant')
    AND ($1 ->> 'stage' IS NULL OR d.stage = $1 ->> 'stage')
    AND ($1 ->> 'class' IS NULL OR d.error_class = $1 ->> 'class')
    AND ($1 ->> 'vendor' IS NULL OR d.vendor = $1 ->> 'vendor')
    AND ($1 ->> 'connection' IS NULL OR d.connection_id = ($1 ->> 'connection')::uuid)
    AND ($1 ->> 'run' IS NULL OR d.run_id = ($1 ->> 'run')::uuid)
    AND ($1 ->> 'record' IS NULL OR d.vendor_key = $1 ->> 'record')
    AND ($1 ->> 'queue' IS NULL OR d.origin_queue = $1 ->> 'queue')
    AND ($1 ->> 'worker' IS NULL OR d.worker = $1 ->> 'worker')
    AND ($1 ->> 'trace' IS NULL OR position($1 ->> 'trace' IN d.trace_id) > 0)
    AND ($1 ->> 'since' IS NULL OR d.last_failed_at >= ($1 ->> 'since')::timestamptz)
    AND ($1 ->> 'until' IS NULL OR d.last_failed_at < ($1 ->> 'until')::timestamptz)
    AND ($1 ->> 'text' IS NULL OR position(lower($1 ->> 'text') IN lower(d.error)) > 0
         OR position(convert_to($1 ->> 'text', 'UTF8') IN d.body) > 0)
    AND ($1 ? 'any_state' OR d.state = coalesce($1 ->> 'state', 'dead'))";

/// Letters with one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterGroup {
    /// Short name of the group.
    pub group: String,
    /// Error class.
    pub class: String,
    /// Stage.
    pub stage: String,
    /// Vendor, if known.
    pub vendor: Option<String>,
    /// The error without ids, numbers and times.
    pub fingerprint: String,
    /// How many there are.
    pub letters: i64,
    /// How many of them failed within the last hour.
    pub last_hour: i64,
    /// How many in the hour before that.
    pub hour_before: i64,
    /// Tenants touched, by name.
    pub tenants: Vec<String>,
    /// First failure.
    pub first_failed_at: Timestamp,
    /// Last failure.
    pub last_failed_at: Timestamp,
    /// One error in full.
    pub example: String,
    /// The letter it is from.
    pub example_id: String,
    /// What people last wrote about the group.
    pub note: Option<String>,
}

/// Groups the letters that fit by cause, the largest first.
pub async fn groups(tx: &Tx, filter: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
    let sql = format!(
        "SELECT g.*, (SELECT a.words FROM desk_actions a WHERE a.action = 'note' AND a.chosen ->> 'group' = g.letter_group
                      ORDER BY a.action_id DESC LIMIT 1)
         FROM (SELECT letter_group, error_class, stage, vendor, fingerprint, count(*) AS letters,
                      count(*) FILTER (WHERE last_failed_at > now() - interval '1 hour'),
                      count(*) FILTER (WHERE last_failed_at > now() - interval '2 hours'
                                             AND last_failed_at <= now() - interval '1 hour'),
                      coalesce(array_agg(DISTINCT tenant_id) FILTER (WHERE tenant_id IS NOT NULL), '{{}}'),
                      min(first_failed_at), max(last_failed_at),
                      (array_agg(error ORDER BY last_failed_at DESC))[1],
                      (array_agg(dead_letter_id ORDER BY last_failed_at DESC))[1]::text
               FROM dead_letters d WHERE {MATCHES} GROUP BY 1, 2, 3, 4, 5) AS g
         ORDER BY g.letters DESC, g.letter_group"
    );
    let rows = tx.query(&sql, &[&filter.as_json()]).await?;
    rows.iter()
        .map(|row| {
            Ok(LetterGroup {
                group: row.try_get(0)?,
                class: row.try_get(1)?,
                stage: row.try_get(2)?,
                vendor: row.try_get(3)?,
                fingerprint: row.try_get(4)?,
                letters: row.try_get(5)?,
                last_hour: row.try_get(6)?,
                hour_before: row.try_get(7)?,
                tenants: row.try_get(8)?,
                first_failed_at: row.try_get(9)?,
                last_failed_at: row.try_get(10)?,
                example: row.try_get(11)?,
                example_id: row.try_get(12)?,
                note: row.try_get(13)?,
            })
        })
        .collect()
}

/// What [`filed`] reads, with the bodies or with something that stands for them.
fn columns(bodies: &str) -> String {
    format!(
        "dead_letter_id, tenant_id, origin_queue, stage, vendor, connection_id, run_id, vendor_key, version, error_class,
         error, fingerprint, headers, attempts, worker, trace_id, first_failed_at, last_failed_at, letter_group, state,
         deaths, replays, resolution, replay_settled, forgotten_at, {bodies}"
    )
}

/// Lists letters that fit, the last to fail first, without their bodies.
pub async fn list(tx: &Tx, filter: &LetterFilter, limit: i64) -> Result<Vec<FiledLetter>, StoreError> {
    let columns = columns("''::bytea, NULL::bytea");
    let sql = format!(
        "SELECT {columns} FROM dead_letters d WHERE {MATCHES} ORDER BY last_failed_at DESC, dead_letter_id LIMIT $2"
    );
    let rows = tx.query(&sql, &[&filter.as_json(), &limit]).await?;
    rows.iter().map(filed).collect()
}

/// Loads a letter with its body.
pub async fn load(tx: &Tx, id: DeadLetterId) -> Result<Option<FiledLetter>, StoreError> {
    let sql = format!("SELECT {} FROM dead_letters WHERE dead_letter_id = $1", columns("body, edited_body"));
    tx.query_opt(&sql, &[&id.0]).await?.as_ref().map(filed).transpose()
}

/// Counts the letters that fit.
pub async fn count(tx: &Tx, filter: &LetterFilter) -> Result<i64, StoreError> {
    let sql = format!("SELECT count(*) FROM dead_letters d WHERE {MATCHES}");
    Ok(tx.query_one(&sql, &[&filter.as_json()]).await?.try_get(0)?)
}

/// The ids among these that no letter has.
pub async fn unknown(tx: &Tx, ids: &[DeadLetterId]) -> Result<Vec<DeadLetterId>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = tx
        .query(
            "SELECT id FROM unnest($1::uuid[]) AS n (id)
             WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = n.id)",
            &[&ids],
        )
        .await?;
    rows.iter().map(|row| Ok(DeadLetterId(row.try_get(0)?))).collect()
}

fn filed(row: &Row) -> Result<FiledLetter, StoreError> {
    Ok(FiledLetter {
        letter: Letter {
            id: DeadLetterId(row.try_get(0)?),
            tenant: row.try_get::<_, Option<&str>>(1)?.map(TenantId::parse).transpose()?,
            origin_queue: row.try_get(2)?,
            stage: row.try_get(3)?,
            vendor: row.try_get(4)?,
            connection_id: row.try_get::<_, Option<Uuid>>(5)?.map(ConnectionId),
            run_id: row.try_get::<_, Option<Uuid>>(6)?.map(RunId),
            vendor_key: row.try_get(7)?,
            version: row.try_get(8)?,
            error_class: row.try_get(9)?,
            error: row.try_get(10)?,
            fingerprint: row.try_get(11)?,
            headers: row.try_get(12)?,
            attempts: row.try_get(13)?,
            worker: row.try_get(14)?,
            trace_id: row.try_get(15)?,
            first_failed_at: row.try_get(16)?,
            last_failed_at: row.try_get(17)?,
            body: row.try_get(25)?,
        },
        group: row.try_get(18)?,
        state: row.try_get(19)?,
        deaths: row.try_get(20)?,
        replays: row.try_get(21)?,
        resolution: row.try_get(22)?,
        replay_settled: row.try_get(23)?,
        forgotten_at: row.try_get(24)?,
        edited_body: row.try_get(26)?,
    })
}
