-- Where a record stands, and on what day it was: what never became a conversation has a day, too.

ALTER TABLE intake ADD COLUMN happened_at timestamptz;
COMMENT ON COLUMN intake.happened_at IS 'When the call took place, by its row in the vendor''s list; null where that does not say, and for records of a CRM.';

CREATE VIEW record_standings WITH (security_invoker = true) AS
SELECT k.connection_id, k.vendor_key, k.tenant_id, k.stream,
       CASE WHEN greatest(k.stored_version, k.skipped_version, k.dead_version, k.listed_version) IS NULL THEN 'unknown'
            WHEN k.stored_version >= coalesce(greatest(k.skipped_version, k.dead_version), 0)
                 AND (k.stored_version >= coalesce(k.listed_version, 0) OR k.stored_hash = k.listed_hash)
                 THEN CASE WHEN k.awaits_transcript THEN 'pending' ELSE 'stored' END
            WHEN k.skipped_version >= coalesce(k.listed_version, 0) OR k.skipped_hash = k.listed_hash THEN 'skipped'
            WHEN k.dead_version >= coalesce(k.listed_version, 0) OR k.dead_hash = k.listed_hash THEN 'dead'
            WHEN k.look_at IS NOT NULL THEN 'pending'
            ELSE 'listed' END AS standing
FROM intake k;
COMMENT ON VIEW record_standings IS
    'Where each record stands that a vendor ever listed: stored, pending, skipped, dead; listed is one that is on its way; unknown one that a follow-up brought.';

-- no run has more than a few of these, whatever the vendor's totals are worth
CREATE INDEX sync_runs_short ON sync_runs (connection_id, listed_at) WHERE gap;
