//! Streams: what a connection brings in, when it is due, and whether its silence is suspicious.

use std::time::Duration;

use jiff::Timestamp;
use model::{ConnectionId, Stream, TenantId};
use serde_json::json;

use crate::{StoreError, Tx, outbox};

/// A stream whose silence is suspicious.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Which stream.
    pub stream: Stream,
    /// Since when it has been suspicious.
    pub since: Timestamp,
    /// Why, in a sentence.
    pub reason: String,
}

/// A day of fewer calls may well be followed by one of none.
const CALLS_A_DAY_MIN: i64 = 3;

/// Makes the periodic run of a connection's streams due now; false when there is none.
pub async fn make_due(tx: &Tx, id: ConnectionId) -> Result<bool, StoreError> {
    Ok(tx.execute("UPDATE streams SET due_at = now() WHERE connection_id = $1", &[&id.0]).await? > 0)
}

/// Makes the rolling walk of a connection due now.
pub async fn make_walk_due(tx: &Tx, id: ConnectionId) -> Result<bool, StoreError> {
    Ok(tx.execute("UPDATE streams SET walk_due_at = now() WHERE connection_id = $1", &[&id.0]).await? > 0)
}

/// What a connection brings in.
pub async fn of_connection(tx: &Tx, id: ConnectionId) -> Result<Vec<Stream>, StoreError> {
    let sql = "SELECT stream FROM streams WHERE connection_id = $1 ORDER BY stream";
    let rows = tx.query(sql, &[&id.0]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, &str>(0)?.parse()?)).collect()
}

/// Notes whether the check of a connection saw any call of the last 90 days.
pub async fn note_probe(tx: &Tx, id: ConnectionId, saw_calls: bool) -> Result<(), StoreError> {
    let sql = "UPDATE streams SET probe_saw_calls = $2 WHERE connection_id = $1 AND stream = $3";
    tx.execute(sql, &[&id.0, &saw_calls, &Stream::Conversations.as_str()]).await?;
    Ok(())
}

/// Lists the suspicious silences the transaction may see.
pub async fn silences(tx: &Tx) -> Result<Vec<Silence>, StoreError> {
    let rows = tx
        .query(
            "SELECT connection_id, stream, silent_since, coalesce(silence_reason, '') FROM streams
             WHERE silent_since IS NOT NULL ORDER BY silent_since",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Silence {
                connection_id: ConnectionId(row.try_get(0)?),
                stream: row.try_get::<_, &str>(1)?.parse()?,
                since: row.try_get(2)?,
                reason: row.try_get(3)?,
            })
        })
        .collect()
}

/// Compares every stream with what it used to bring, marks and tells of what has gone quiet, clears what speaks again.
///
/// Quiet means: a finished bootstrap that listed nothing at all, whatever the check at connect saw; or nothing new for `quiet` although
/// there was something before; or nothing new for a day although each of the last four weeks had calls on that day. Streams that are not
/// running (disabled, paused, without a credential) are not judged.
pub async fn judge_silence(tx: &Tx, quiet: Duration) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE streams s SET silent_since = NULL, silence_reason = NULL
         WHERE silent_since IS NOT NULL AND last_call_at > silent_since",
        &[],
    )
    .await?;
    let rows = tx
        .query(
            "UPDATE streams s SET silent_since = now(), silence_reason = q.reason
             FROM (
                 SELECT s.connection_id, s.stream,
                     CASE WHEN s.last_call_at IS NULL THEN 'nothing was ever listed, ' || CASE s.probe_saw_calls
                              WHEN false THEN 'and when it was connected its credential saw no call of the last 90 days either: '
                                  || 'it may not be allowed to see any'
                              WHEN true THEN 'although its credential saw calls of the last 90 days when it was connected'
                              ELSE 'although ' || CASE WHEN s.bootstrapped_from > 'epoch'
                                  THEN 'all since ' || to_char(s.bootstrapped_from AT TIME ZONE 'UTC', 'YYYY-MM-DD') ELSE 'everything' END
                                  || ' was asked for' END
                          ELSE 'nothing new since ' || to_char(s.last_call_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                               || CASE WHEN s.last_call_at < now() - make_interval(secs => $1)
                                       THEN ' UTC, although calls came before'
                                       ELSE ' UTC, although each of the last four weeks had calls on this day' END
                     END AS reason
                 FROM streams s
                 JOIN connections c USING (connection_id)
                 CROSS JOIN LATERAL (SELECT cause FROM connection_blocks k WHERE k.connection_id = s.connection_id OFFSET 0) AS b
                 WHERE s.silent_since IS NULL AND b.cause IS NULL
                   -- most had a call just now: nothing else has to be looked up of them
                   AND (s.last_call_at IS NULL OR s.last_call_at < now() - least(interval '1 day', make_interval(secs => $1)))
                   AND NOT EXISTS (SELECT FROM sync_runs r WHERE r.connection_id = s.connection_id
                                   AND r.kind = 'bootstrap' AND r.state IN ('planned', 'listing', 'parked'))
                   AND EXISTS (SELECT FROM sync_runs r WHERE r.connection_id = s.connection_id AND r.state = 'settled')
                   -- a CRM may well stay as it is for a week, or have no deals; without any company something is wrong
                   AND s.stream IN ('conversations', 'accounts', 'contacts')
                   AND CASE WHEN s.last_call_at IS NULL THEN s.bootstrapped_from < s.live_from
                            WHEN s.stream <> 'conversations' THEN false
                            WHEN s.last_call_at < now() - make_interval(secs => $1)
                                 AND c.created_at < now() - make_interval(secs => $1) THEN true
                            WHEN s.last_call_at > now() - interval '1 day' THEN false
                            -- the same day of the last four weeks: weekends are quiet where they always are
                            ELSE (SELECT bool_and(day.calls >= $2) FROM generate_series(1, 4) AS week
                                  CROSS JOIN LATERAL (
                                      SELECT count(*) AS calls FROM conversations n
                                      WHERE n.tenant_id = s.tenant_id AND n.connection_id = s.connection_id
                                        AND n.started_at > now() - make_interval(days => 7 * week + 1)
                                        AND n.started_at <= now() - make_interval(days => 7 * week)) AS day) END
                 FOR UPDATE OF s SKIP LOCKED) AS q
             WHERE s.connection_id = q.connection_id AND s.stream = q.stream
             RETURNING s.tenant_id, s.connection_id, s.stream, s.silence_reason, s.silent_since",
            &[&quiet.as_secs_f64(), &CALLS_A_DAY_MIN],
        )
        .await?;
    for row in &rows {
        let tenant = TenantId::parse(row.try_get(0)?)?;
        let (connection, stream) = (ConnectionId(row.try_get(1)?), row.try_get::<_, &str>(2)?);
        let since: Timestamp = row.try_get(4)?;
        let body =
            json!({ "connection_id": connection, "stream": stream, "reason": row.try_get::<_, &str>(3)? });
        let about = format!("{connection}:{stream}:{since}");
        outbox::emit(tx, &tenant, "sync.suspicious_silence", &about, &body).await?;
    }
    Ok(rows.len() as u64)
}
