//! Ids that meetings had before.

use model::TenantId;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Lets the ids that meetings no longer have lead to where their conversations went; each move is from one meeting to another.
pub(super) async fn follow(tx: &Tx, tenant: &TenantId, moves: &[(Uuid, Uuid)]) -> Result<(), StoreError> {
    let (from, to): (Vec<Uuid>, Vec<Uuid>) = moves.iter().copied().unzip();
    let older = format!(
        "{LEFT_BEHIND} UPDATE meeting_aliases a SET meeting_id = l.to_id FROM left_behind l
         WHERE a.tenant_id = $1 AND a.meeting_id = l.from_id"
    );
    let left = format!(
        "{LEFT_BEHIND} INSERT INTO meeting_aliases (tenant_id, alias_id, meeting_id) SELECT $1, from_id, to_id FROM left_behind
         ON CONFLICT (tenant_id, alias_id) DO UPDATE SET meeting_id = excluded.meeting_id"
    );
    let taken = "DELETE FROM meeting_aliases WHERE tenant_id = $1 AND alias_id = ANY ($2)";
    tx.execute_pipelined(&[
        (&older, &[&tenant.as_str(), &from, &to]),
        (&left, &[&tenant.as_str(), &from, &to]),
        (taken, &[&tenant.as_str(), &to]),
    ])
    .await?;
    Ok(())
}

/// Meetings that nobody is in any more. Where their conversations went to several, the id leads to one of them.
const LEFT_BEHIND: &str = "WITH left_behind AS (
         SELECT from_id, min(to_id::text)::uuid AS to_id FROM unnest($2::uuid[], $3::uuid[]) AS m (from_id, to_id)
         WHERE NOT EXISTS (SELECT FROM conversations c
                           WHERE c.tenant_id = $1 AND c.meeting_id = m.from_id AND c.withdrawn_at IS NULL)
         GROUP BY 1)";
