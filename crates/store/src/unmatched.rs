//! Conversations that found no account, by what would give them one.

use jiff::Timestamp;
use model::{ConversationId, TenantId};
use serde::Serialize;

use crate::{StoreError, Tx};

/// People named of one group.
const PEOPLE_MAX: i64 = 5;

/// Conversations that one domain would give an account, if an account owned it. Each stands in one group: in that of the domain that
/// would free the most. Copies of one meeting are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    /// The mail domain of the people from outside; none where nobody of them writes from a domain of a company's own.
    pub domain: Option<String>,
    /// Conversations of this group.
    pub conversations: i64,
    /// All that the domain would free, those of other groups too.
    pub frees: i64,
    /// Some of the people, by their addresses.
    pub people: Vec<String>,
    /// When the newest of them began.
    pub latest: Option<Timestamp>,
    /// The newest of them.
    pub example: ConversationId,
}

/// A tenant's conversations with people from outside, but without an account; the group that frees the most first.
pub async fn unmatched(tx: &Tx, tenant: &TenantId, limit: i64) -> Result<Vec<Unmatched>, StoreError> {
    let rows = tx
        .query(
            "WITH waiting AS (
                 SELECT c.conversation_id, c.meeting_id, c.started_at
                 FROM conversations c JOIN meeting_links l USING (conversation_id)
                 WHERE c.tenant_id = $1 AND c.account_id IS NULL AND c.withdrawn_at IS NULL AND NOT c.internal
                   -- no other copy of its meeting has one
                   AND l.account_id IS NULL AND l.link_rule <> 'person'),
             people AS (
                 SELECT w.meeting_id, p.domain, coalesce(p.email_key, p.email) AS email
                 FROM waiting w JOIN participants p USING (conversation_id)
                 WHERE p.side = 'external' AND p.votes),
             weights AS (
                 SELECT domain, count(DISTINCT meeting_id) AS frees FROM people WHERE domain IS NOT NULL GROUP BY domain),
             placed AS (
                 SELECT DISTINCT ON (w.meeting_id) w.meeting_id, w.conversation_id, w.started_at, d.domain, d.frees
                 FROM waiting w LEFT JOIN people p USING (meeting_id) LEFT JOIN weights d ON d.domain = p.domain
                 ORDER BY w.meeting_id, d.frees DESC NULLS LAST, d.domain, w.started_at, w.conversation_id)
             SELECT g.domain, count(*), coalesce(max(g.frees), 0), max(g.started_at),
                    (array_agg(g.conversation_id ORDER BY g.started_at DESC NULLS LAST, g.conversation_id))[1],
                    ARRAY (SELECT p.email FROM people p JOIN placed o USING (meeting_id)
                           WHERE o.domain IS NOT DISTINCT FROM g.domain AND p.domain IS NOT DISTINCT FROM g.domain
                             AND p.email IS NOT NULL
                           GROUP BY p.email ORDER BY count(DISTINCT meeting_id) DESC, p.email LIMIT $2)
             FROM placed g GROUP BY g.domain
             ORDER BY g.domain IS NULL, 3 DESC, 2 DESC, g.domain LIMIT $3",
            &[&tenant.as_str(), &PEOPLE_MAX, &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Unmatched {
                domain: row.try_get(0)?,
                conversations: row.try_get(1)?,
                frees: row.try_get(2)?,
                latest: row.try_get(3)?,
                example: ConversationId(row.try_get(4)?),
                people: row.try_get(5)?,
            })
        })
        .collect()
}
