//! What could be a copy of what: everything that shares a room, an event or two people around the same time.

use std::time::Duration;

use model::{ConversationId, TenantId};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Of one room, event or person no more conversations are looked at on either side of one time: beyond it is no meeting but broken data.
const MOST: i64 = 50;

/// How far apart copies of a meeting may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// In one room, or of one event.
    pub by_key: Duration,
    /// By the people alone.
    pub by_people: Duration,
}

/// Two conversations that may be of one meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// The one that was asked about.
    pub of: ConversationId,
    /// The other.
    pub id: ConversationId,
    /// They are of one meeting as it is stored.
    pub is_together: bool,
}

/// Everything that may be of one meeting with any of these conversations: a few index probes for each room, event and person, however
/// many conversations there are. One that has nothing near and is not stored as being alone is near itself; of most there is nothing.
pub async fn near(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[ConversationId],
    reach: Reach,
) -> Result<Vec<Near>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let (by_key, by_people) = (reach.by_key.as_secs_f64(), reach.by_people.as_secs_f64());
    let rows = tx.query(&sql(), &[&tenant.as_str(), &ids, &by_key, &by_people, &MOST]).await?;
    rows.iter()
        .map(|row| {
            let (of, id) = (ConversationId(row.try_get(0)?), ConversationId(row.try_get(1)?));
            Ok(Near { of, id, is_together: row.try_get(2)? })
        })
        .collect()
}

/// Of a withdrawn conversation only those it was together with.
fn sql() -> String {
    let (by_room, by_event) =
        (nearest("conversations", "join_key"), nearest("conversations", "calendar_key"));
    let by_person = nearest("participants", "email_key");
    format!(
        "WITH asked AS MATERIALIZED (
             SELECT conversation_id, meeting_id, meeting_evidence, started_at, join_key, calendar_key, withdrawn_at
             FROM conversations WHERE conversation_id = ANY ($2) AND tenant_id = $1),
         shown AS (SELECT * FROM asked WHERE withdrawn_at IS NULL AND started_at IS NOT NULL),
         keyed AS (SELECT *, make_interval(secs => $3) AS reach FROM shown),
         met AS (
             SELECT a.conversation_id, a.started_at, p.email_key, make_interval(secs => $4) AS reach
             FROM shown a JOIN participants p ON p.conversation_id = a.conversation_id
             WHERE p.votes AND p.email_key IS NOT NULL
               -- copies of one recorder share a room or an event, or are none
               AND (SELECT count(DISTINCT (c.vendor, c.vendor_account)) FROM connections c JOIN streams s USING (connection_id)
                    WHERE c.tenant_id = $1 AND s.stream = 'conversations') > 1),
         found AS (
             SELECT a.conversation_id AS of, m.conversation_id AS id, true AS is_together
             FROM asked a JOIN conversations m ON m.tenant_id = $1 AND m.meeting_id = a.meeting_id
             UNION ALL
             SELECT a.conversation_id, m.conversation_id, false FROM keyed a CROSS JOIN LATERAL {by_room} AS m
             UNION ALL
             SELECT a.conversation_id, m.conversation_id, false FROM keyed a CROSS JOIN LATERAL {by_event} AS m
             UNION ALL
             -- one person in common proves nothing
             SELECT a.conversation_id, m.conversation_id, false FROM met a CROSS JOIN LATERAL {by_person} AS m
             GROUP BY 1, 2 HAVING count(DISTINCT a.email_key) > 1)
         SELECT of, id, bool_or(is_together) FROM found WHERE id <> of GROUP BY 1, 2
         UNION ALL
         SELECT conversation_id, conversation_id, true FROM asked
         WHERE meeting_id <> conversation_id OR meeting_evidence <> '[]'
         ORDER BY 1, 2"
    )
}

/// The nearest rows with the key of `a` on either side of its start, read in the order of their index, so that no more are read.
fn nearest(table: &str, key: &str) -> String {
    let same =
        format!("SELECT n.conversation_id FROM {table} n WHERE n.tenant_id = $1 AND n.{key} = a.{key}");
    format!(
        "(({same} AND n.started_at BETWEEN a.started_at AND a.started_at + a.reach ORDER BY n.started_at LIMIT $5)
          UNION ALL
          ({same} AND n.started_at >= a.started_at - a.reach AND n.started_at < a.started_at
           ORDER BY n.started_at DESC LIMIT $5))"
    )
}
