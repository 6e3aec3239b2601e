//! Where an invariant does not hold. Each of these reads what is wrong, or what is open, or a stretch: never all there is.

use model::{ConnectionId, EventId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Finding, Invariant, Width};
use crate::{StoreError, Tx};

/// Runs that have ended and do not add up, and runs that should have ended. The first are all that their index holds.
pub(super) async fn runs(tx: &Tx, width: Width) -> Result<Vec<Finding>, StoreError> {
    let unbalanced = tx
        .query(
            "SELECT run_id::text, tenant_id, NULL::uuid, NULL::text,
                 'run ' || run_id || ' has listed ' || listed || ' records, and ' || (stored + unchanged + skipped + pending + dead)
                 || ' of them have an outcome'
             FROM sync_runs
             WHERE state IN ('settled', 'failed') AND settle_look_at IS NULL AND listed <> stored + unchanged + skipped + pending + dead
             ORDER BY run_id LIMIT $1",
            &[&width.findings],
        )
        .await?;
    let unsettled = tx
        .query(
            "SELECT run_id::text, tenant_id, NULL::uuid, NULL::text,
                 'run ' || run_id || ' had listed all by ' || to_char(listed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') ||
                 CASE WHEN settle_look_at IS NULL THEN ' UTC, and nobody counts its outcomes' ELSE ' UTC, and records of it have no outcome' END
             FROM sync_runs
             WHERE state = 'listed' AND (settle_look_at IS NULL OR listed_at < now() - interval '1 day')
             ORDER BY run_id LIMIT $1",
            &[&width.findings],
        )
        .await?;
    let mut found = findings(&unbalanced, Invariant::Sums)?;
    found.extend(findings(&unsettled, Invariant::Settling)?);
    Ok(found)
}

/// Records that were listed and that nobody has in hand, and dead ones without a letter: of the next stretch of the walk, and of those
/// that are known. What was listed within the hour may be on its way from one hand to another.
pub(super) async fn records(
    tx: &Tx,
    after: (Uuid, String),
    width: Width,
) -> Result<Vec<Finding>, StoreError> {
    let last = tx
        .query_opt(
            "SELECT connection_id, vendor_key FROM intake WHERE (connection_id, vendor_key) > ($1, $2)
             ORDER BY connection_id, vendor_key OFFSET $3::bigint - 1 LIMIT 1",
            &[&after.0, &after.1, &width.records],
        )
        .await?;
    let suspects = tx
        .query(
            "SELECT connection_id, vendor_key FROM (
                 SELECT connection_id, vendor_key, standing FROM record_standings WHERE (connection_id, vendor_key) > ($1, $2)
                 ORDER BY connection_id, vendor_key LIMIT $3) AS stretch
             WHERE standing IN ('listed', 'dead')
             UNION
             SELECT connection_id, vendor_key FROM broken_invariants WHERE vendor_key IS NOT NULL",
            &[&after.0, &after.1, &width.records],
        )
        .await?;
    // behind the last record the walk begins again
    let (connection, key): (Uuid, String) = match last {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (Uuid::nil(), String::new()),
    };
    let sql = "UPDATE invariant_looks SET after_connection = $1, after_key = $2";
    tx.execute(sql, &[&connection, &key]).await?;
    let connections: Vec<Uuid> = suspects.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let keys: Vec<&str> = suspects.iter().map(|row| row.try_get(1)).collect::<Result<_, _>>()?;
    convict(tx, &connections, &keys, width).await
}

/// Which of these records are without an outcome that nobody has in hand, or dead without a letter.
async fn convict(
    tx: &Tx,
    connections: &[Uuid],
    keys: &[&str],
    width: Width,
) -> Result<Vec<Finding>, StoreError> {
    let rows = tx
        .query(
            // a run keeps its records until it is settled
            "WITH open AS (
                 SELECT run_id, connection_id FROM sync_runs WHERE state IN ('planned', 'listing', 'listed', 'parked')
                 UNION
                 SELECT run_id, connection_id FROM sync_runs WHERE settle_look_at IS NOT NULL)
             SELECT connection_id || ' ' || vendor_key, k.tenant_id, connection_id, vendor_key,
                 'record ' || vendor_key || ' of connection ' || connection_id || CASE s.standing
                     WHEN 'dead' THEN ' is dead, and its letter ' || coalesce(k.dead_letter_id::text || ' ', '') || 'is nowhere'
                     ELSE ' was listed by ' || to_char(k.listed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') ||
                          ' UTC, has no outcome, and nobody has it in hand' END,
                 s.standing = 'dead'
             FROM unnest($1::uuid[], $2::text[]) AS u (connection_id, vendor_key)
             JOIN intake k USING (connection_id, vendor_key)
             JOIN record_standings s USING (connection_id, vendor_key)
             WHERE CASE s.standing
                 WHEN 'listed' THEN k.listed_at < now() - interval '1 hour' AND NOT EXISTS (
                     SELECT FROM open o JOIN run_items i ON i.run_id = o.run_id
                     WHERE o.connection_id = u.connection_id AND i.vendor_key = u.vendor_key)
                 WHEN 'dead' THEN NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = k.dead_letter_id)
                 ELSE false END
             ORDER BY connection_id, vendor_key LIMIT $3",
            &[&connections, &keys, &width.findings],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let invariant = if row.try_get(5)? { Invariant::Letters } else { Invariant::Outcomes };
            finding(row, invariant)
        })
        .collect()
}

/// Letters that a fetcher has left on the broker, and that nobody has filed for an hour.
pub(super) async fn letters(tx: &Tx, width: Width) -> Result<Vec<Finding>, StoreError> {
    let rows = tx
        .query(
            "SELECT e.dead_letter_id::text, e.tenant_id, NULL::uuid, NULL::text,
                 'letter ' || e.dead_letter_id || ' was left in ' || e.origin_queue || '.dead at ' ||
                 to_char(e.left_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, and is not filed'
             FROM expected_letters e
             WHERE e.left_at < now() - interval '1 hour'
               AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = e.dead_letter_id)
             ORDER BY e.dead_letter_id LIMIT $1",
            &[&width.findings],
        )
        .await?;
    findings(&rows, Invariant::Letters)
}

/// Credentials that were found invalid, without the event that tells of it. There are as many as connections that wait for a new one.
pub(super) async fn events(tx: &Tx, width: Width) -> Result<Vec<Finding>, StoreError> {
    let invalid = tx
        .query(
            "SELECT connection_id, credential_generation, tenant_id FROM connections WHERE credential_state = 'invalid'
             ORDER BY connection_id LIMIT $1",
            &[&width.findings],
        )
        .await?;
    let mut expected = Vec::new();
    for row in &invalid {
        let (id, generation) = (ConnectionId(row.try_get(0)?), row.try_get::<_, i32>(1)?);
        let event = EventId::derive(&format!("credential.invalidated:{id}:{generation}"));
        let finding = Finding {
            invariant: Invariant::Events,
            subject: format!("{id}:{generation}"),
            tenant: row.try_get(2)?,
            record: None,
            words: format!("credential {generation} of connection {id} is invalid, and no event tells of it"),
        };
        expected.push((event.0, finding));
    }
    let ids: Vec<Uuid> = expected.iter().map(|(event, _)| *event).collect();
    let told = tx.query("SELECT event_id FROM outbox WHERE event_id = ANY ($1)", &[&ids]).await?;
    let told: Vec<Uuid> = told.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(expected.into_iter().filter(|(event, _)| !told.contains(event)).map(|(_, finding)| finding).collect())
}

fn findings(rows: &[Row], invariant: Invariant) -> Result<Vec<Finding>, StoreError> {
    rows.iter().map(|row| finding(row, invariant)).collect()
}

fn finding(row: &Row, invariant: Invariant) -> Result<Finding, StoreError> {
    let (connection, key): (Option<Uuid>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Finding {
        invariant,
        subject: row.try_get(0)?,
        tenant: row.try_get(1)?,
        record: connection.map(ConnectionId).zip(key),
        words: row.try_get(4)?,
    })
}
