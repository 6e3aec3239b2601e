//! Conversations that older rules wrote, gone over once: without it a call of last year would never find the copies of its meeting,
//! nor the account that a rule of today gives it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::message::ResolveBatch;
use model::{ConversationId, TenantId};
use uuid::Uuid;

use crate::meeting::MeetingKeys;
use crate::{StoreError, Tx};

/// So many batches wait already: more would only lie in the way of what changes now.
const BATCHES_MAX: i64 = 100;

/// Between two passes: older programs have ended by then, and what was handed out is worked off.
const BETWEEN_PASSES: Duration = Duration::from_mins(10);

/// How a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// So many were handed out; there may be more.
    Goes(u64),
    /// It goes on later: somebody else is at it, much is waiting, or the next pass is not due.
    Rests,
    /// No conversation is older than the rules.
    Done,
}

/// Hands out the next page of conversations that rules before this version wrote.
pub async fn hand_out_older(tx: &Tx, rule_version: i32, page: i64) -> Result<Walk, StoreError> {
    tx.execute("INSERT INTO rule_walks (rule_version) VALUES ($1) ON CONFLICT DO NOTHING", &[&rule_version])
        .await?;
    let row = tx
        .query_opt(
            "SELECT done_at IS NOT NULL, next_at > now(), after_id,
                    (SELECT count(*) FROM (SELECT FROM resolve_batches LIMIT $2) AS waiting) >= $2
             FROM rule_walks WHERE rule_version = $1 FOR UPDATE SKIP LOCKED",
            &[&rule_version, &BATCHES_MAX],
        )
        .await?;
    let Some(row) = row else { return Ok(Walk::Rests) };
    if row.try_get(0)? {
        return Ok(Walk::Done);
    }
    if row.try_get(1)? || row.try_get(3)? {
        return Ok(Walk::Rests);
    }
    let after: Option<Uuid> = row.try_get(2)?;
    let rows = tx
        .query(
            "SELECT conversation_id, tenant_id, rules_applied < $1 FROM conversations
             WHERE $2::uuid IS NULL OR conversation_id > $2 ORDER BY conversation_id LIMIT $3",
            &[&rule_version, &after, &page],
        )
        .await?;
    let mut older: BTreeMap<TenantId, Vec<Uuid>> = BTreeMap::new();
    for row in &rows {
        if row.try_get(2)? {
            older.entry(TenantId::parse(row.try_get(1)?)?).or_default().push(row.try_get(0)?);
        }
    }
    let count: usize = older.values().map(Vec::len).sum();
    for (tenant, ids) in &older {
        add(tx, tenant, ids).await?;
    }
    let last = rows.last().map(|row| row.try_get(0)).transpose()?;
    let is_end = i64::try_from(rows.len()).unwrap_or(i64::MAX) < page;
    note(tx, rule_version, last.filter(|_| !is_end), count as u64).await
}

async fn add(tx: &Tx, tenant: &TenantId, ids: &[Uuid]) -> Result<(), StoreError> {
    for some in ids.chunks(ResolveBatch::CONVERSATIONS_MAX) {
        tx.execute(
            "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, goes_over)
             VALUES (gen_random_uuid(), $1, $2, now(), true)",
            &[&tenant.as_str(), &some],
        )
        .await?;
    }
    Ok(())
}

/// Notes how far the walk has come, without a place: to the end of its pass.
async fn note(tx: &Tx, rule_version: i32, at: Option<Uuid>, count: u64) -> Result<Walk, StoreError> {
    let found = i64::try_from(count).unwrap_or(i64::MAX);
    let row = tx
        .query_one(
            "UPDATE rule_walks SET after_id = $2, found = CASE WHEN $2::uuid IS NULL THEN 0 ELSE found + $3 END,
                 next_at = now() + CASE WHEN $2 IS NULL THEN make_interval(secs => $4) ELSE interval '0' END,
                 done_at = CASE WHEN $2 IS NULL AND found + $3 = 0 THEN now() END
             WHERE rule_version = $1 RETURNING done_at IS NOT NULL",
            &[&rule_version, &at, &found, &BETWEEN_PASSES.as_secs_f64()],
        )
        .await?;
    Ok(if row.try_get(0)? { Walk::Done } else { Walk::Goes(count) })
}

/// What a conversation of older rules is gone over by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older {
    /// Which one.
    pub id: ConversationId,
    /// The link people joined by.
    pub join_url: Option<String>,
    /// The vendor's id of the event in a calendar.
    pub calendar_event_id: Option<String>,
}

/// Those of some conversations that rules before this version wrote; nobody else writes them until the transaction ends.
pub async fn lock_older(
    tx: &Tx,
    ids: &[ConversationId],
    rule_version: i32,
) -> Result<Vec<Older>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = tx
        .query(
            "SELECT conversation_id, join_url, attributes ->> 'calendar_event_id' FROM conversations
             WHERE conversation_id = ANY ($1) AND rules_applied < $2 ORDER BY conversation_id FOR NO KEY UPDATE",
            &[&ids, &rule_version],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Older {
                id: ConversationId(row.try_get(0)?),
                join_url: row.try_get(1)?,
                calendar_event_id: row.try_get(2)?,
            })
        })
        .collect()
}

/// Writes what older rules left out: the keys by which the copies of a meeting are found, who met when, and who is a user
/// or a contact.
pub async fn go_over(
    tx: &Tx,
    older: &[(ConversationId, MeetingKeys)],
    rule_version: i32,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = older.iter().map(|(id, _)| id.0).collect();
    let rooms: Vec<Option<&str>> = older.iter().map(|(_, keys)| keys.join.as_deref()).collect();
    let events: Vec<Option<&str>> = older.iter().map(|(_, keys)| keys.calendar.as_deref()).collect();
    tx.execute_pipelined(&[
        (
            "UPDATE conversations c SET join_key = n.room, calendar_key = n.event, rules_applied = $4
             FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (id, room, event) WHERE c.conversation_id = n.id",
            &[&ids, &rooms, &events, &rule_version],
        ),
        (
            "UPDATE participants p SET started_at = c.started_at FROM conversations c
             WHERE c.conversation_id = ANY ($1) AND p.conversation_id = c.conversation_id
               AND p.started_at IS DISTINCT FROM c.started_at",
            &[&ids],
        ),
        (
            // what is kept of each party is in the order of the people
            "UPDATE participants p SET vendor_user_id = c.attributes -> 'parties' -> p.ordinal ->> 'user_id' FROM conversations c
             WHERE c.conversation_id = ANY ($1) AND c.vendor = 'gong' AND p.conversation_id = c.conversation_id
               AND p.vendor_user_id IS DISTINCT FROM c.attributes -> 'parties' -> p.ordinal ->> 'user_id'",
            &[&ids],
        ),
        (
            // contacts before leads, as in their alphabet
            "UPDATE participants p SET vendor_contact_id = n.id
             FROM (SELECT p.conversation_id, p.ordinal, (
                       SELECT btrim(record ->> 'id')
                       FROM jsonb_array_elements(c.attributes -> 'parties' -> p.ordinal -> 'crm') WITH ORDINALITY AS r (record, place)
                       WHERE lower(btrim(record ->> 'type')) IN ('contact', 'lead') AND btrim(record ->> 'id') <> ''
                       ORDER BY lower(btrim(record ->> 'type')), place LIMIT 1) AS id
                   FROM conversations c JOIN participants p USING (conversation_id)
                   WHERE c.conversation_id = ANY ($1) AND c.vendor = 'gong') AS n
             WHERE p.conversation_id = n.conversation_id AND p.ordinal = n.ordinal AND p.vendor_contact_id IS DISTINCT FROM n.id",
            &[&ids],
        ),
    ])
    .await?;
    Ok(())
}
