//! What is left to do.

use jiff::Timestamp;
use model::TenantId;
use serde::Serialize;

use super::Count;
use crate::{StoreError, Tx};

/// What keeps a tenant, or everybody, from being idle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// Streams whose periodic run, walk or history is due and not planned, and failed slices due to be planned again.
    pub due: i64,
    /// Runs planned, listing or listed, and failed ones whose sums are not fixed.
    pub runs: i64,
    /// Records on their way to an outcome.
    pub records_under_way: i64,
    /// Looks that are due now.
    pub looks_due: i64,
    /// Changes of accounts not yet handed out in full, and records of a CRM that are gone without counting as gone yet.
    pub account_changes: i64,
    /// Batches of conversations that are to be linked again.
    pub batches_to_link: i64,
    /// Batches of conversations whose meetings are to be found.
    pub batches_to_match: i64,
    /// Replayed dead letters whose message is not worked off, and those that a running replay is about to send.
    pub replays_under_way: i64,
    /// Dead letters on their way to the steward.
    pub letters_unfiled: i64,
    /// Events not yet published.
    pub events: i64,
    /// Runs parked by what still blocks them, by cause: not counted as work left, but named.
    pub parked: Vec<Count>,
    /// Records whose details could not be had and are asked for again.
    pub records_retrying: i64,
    /// When the first of them is.
    pub next_retry_at: Option<Timestamp>,
    /// The same of connections that something blocks: not counted, but named.
    pub records_held: i64,
    /// Calls that wait for their transcript: not counted either.
    pub transcripts_pending: i64,
    /// Failed slices that are planned again at a later date: not counted either.
    pub slices_to_replan: i64,
}

impl Unfinished {
    /// Nothing is due, queued, running or retrying.
    pub fn is_idle(&self) -> bool {
        let relinking = self.account_changes + self.batches_to_link + self.batches_to_match;
        let letters = self.replays_under_way + self.letters_unfiled;
        let records = self.records_under_way + self.looks_due + self.records_retrying;
        self.due + self.runs + records + relinking + letters + self.events == 0
    }
}

const UNFINISHED: &str =
    "SELECT
     (SELECT count(*) FROM streams s JOIN connections c USING (connection_id)
      JOIN connection_blocks b USING (connection_id)
      WHERE c.disconnected_at IS NULL AND b.cause IS NULL AND ($1::text IS NULL OR s.tenant_id = $1)
        AND (s.due_at <= now() OR s.walk_due_at <= now() OR s.history_unplanned))
     + (SELECT count(*) FROM sync_runs WHERE replan_at <= now() AND ($1::text IS NULL OR tenant_id = $1)),
     -- a parked run that nothing blocks any more is about to be released
     (SELECT count(*) FROM sync_runs r LEFT JOIN run_blocks b USING (run_id)
      WHERE (r.state IN ('planned', 'listing', 'listed') OR r.state = 'failed' AND r.settle_look_at IS NOT NULL
             OR r.state = 'parked' AND b.cause IS NULL)
        AND ($1::text IS NULL OR r.tenant_id = $1)),
     -- what a parked run has published is on its way all the same
     (SELECT count(*) FROM run_item_outcomes o JOIN sync_runs r USING (run_id)
      WHERE (r.state <> 'parked' OR o.decision = 'published') AND o.outcome IS NULL
        AND ($1::text IS NULL OR r.tenant_id = $1)),
     (SELECT count(*) FROM intake k JOIN connection_blocks b USING (connection_id)
      WHERE k.look_at <= now() AND b.cause IS NULL AND ($1::text IS NULL OR k.tenant_id = $1)),
     (SELECT count(*) FROM account_changes WHERE $1::text IS NULL OR tenant_id = $1)
     + (SELECT count(*) FROM accounts WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
          AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = accounts.tenant_id AND s.stream = 'accounts' AND s.vanished_held > 0))
     + (SELECT count(*) FROM contacts WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
          AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = contacts.tenant_id AND s.stream = contacts.kind || 's' AND s.vanished_held > 0))
     + (SELECT count(*) FROM deals WHERE gone_at IS NOT NULL AND deleted_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)
          AND NOT EXISTS (SELECT FROM streams s WHERE s.tenant_id = deals.tenant_id AND s.stream = 'deals' AND s.vanished_held > 0)),
     (SELECT count(*) FROM outbox WHERE published_at IS NULL AND ($1::text IS NULL OR tenant_id = $1)),
     (SELECT count(*) FROM intake WHERE look_at > now() AND look_reason = 'transcript'
        AND ($1::text IS NULL OR tenant_id = $1)),
     (SELECT count(*) FROM resolve_batches WHERE relinks AND dead_letter_id IS NULL AND ($1::text IS NULL OR tenant_id = $1)),
     (SELECT count(*) FROM dead_letters
      WHERE state = 'replayed' AND replay_settled < replays AND ($1::text IS NULL OR tenant_id = $1))
     + (SELECT count(*) FROM replays r JOIN replay_letters l USING (replay_id) JOIN letter_prospects p USING (dead_letter_id)
        WHERE r.state = 'running' AND l.outcome IS NULL AND l.sent_at IS NULL AND p.prospect = 'write'
          AND ($1::text IS NULL OR l.tenant_id = $1)),
     (SELECT count(*) FROM expected_letters e
      WHERE ($1::text IS NULL OR tenant_id = $1)
        AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.dead_letter_id = e.dead_letter_id)),
     (SELECT count(*) FROM sync_runs WHERE replan_at > now() AND ($1::text IS NULL OR tenant_id = $1)),
     (SELECT count(*) FROM resolve_batches WHERE NOT relinks AND dead_letter_id IS NULL AND ($1::text IS NULL OR tenant_id = $1)),
     retries.going_on, retries.held, retries.next_at
 FROM (SELECT count(*) FILTER (WHERE k.look_at > now() AND b.cause IS NULL) AS going_on,
              count(*) FILTER (WHERE b.cause IS NOT NULL) AS held,
              min(k.look_at) FILTER (WHERE b.cause IS NULL) AS next_at
       FROM intake k JOIN connection_blocks b USING (connection_id)
       WHERE k.look_at IS NOT NULL AND k.look_reason IN ('detail-failed', 'replay-failed')
         AND ($1::text IS NULL OR k.tenant_id = $1)) AS retries";

/// Counts what is unfinished, of one tenant or of all the transaction speaks for. In one statement, and so at one moment: work that
/// passes from one count to the next is in exactly one of them.
pub async fn unfinished(tx: &Tx, tenant: Option<&TenantId>) -> Result<Unfinished, StoreError> {
    let tenant = tenant.map(TenantId::as_str);
    let row = tx.query_one(UNFINISHED, &[&tenant]).await?;
    let parked = tx
        .query(
            "SELECT cause, count(*) FROM run_blocks
             WHERE state = 'parked' AND cause IS NOT NULL AND ($1::text IS NULL OR tenant_id = $1) GROUP BY 1 ORDER BY 1",
            &[&tenant],
        )
        .await?;
    Ok(Unfinished {
        due: row.try_get(0)?,
        runs: row.try_get(1)?,
        records_under_way: row.try_get(2)?,
        looks_due: row.try_get(3)?,
        account_changes: row.try_get(4)?,
        events: row.try_get(5)?,
        transcripts_pending: row.try_get(6)?,
        batches_to_link: row.try_get(7)?,
        replays_under_way: row.try_get(8)?,
        letters_unfiled: row.try_get(9)?,
        slices_to_replan: row.try_get(10)?,
        batches_to_match: row.try_get(11)?,
        records_retrying: row.try_get(12)?,
        records_held: row.try_get(13)?,
        next_retry_at: row.try_get(14)?,
        parked: parked
            .iter()
            .map(|row| Ok::<_, StoreError>(Count { name: row.try_get(0)?, count: row.try_get(1)? }))
            .collect::<Result<_, _>>()?,
    })
}
