-- A run's records are looked up, however many others there are: planned for any run, the join read all of the intake for the few of one.
CREATE OR REPLACE VIEW run_item_outcomes WITH (security_invoker = true) AS
SELECT i.run_id, i.vendor_key, i.version, i.hash, i.decision,
       CASE
           WHEN i.decision IN ('skipped', 'pending', 'dead') THEN i.decision
           WHEN i.decision = 'unchanged' THEN CASE WHEN k.awaits_transcript THEN 'pending' ELSE 'unchanged' END
           WHEN i.decision = 'planned' THEN NULL
           WHEN k.stored_version >= i.version AND k.stored_version >= coalesce(k.skipped_version, 0)
               THEN CASE WHEN k.awaits_transcript THEN 'pending'
                         WHEN k.changed_version >= i.version THEN 'stored'
                         ELSE 'unchanged' END
           WHEN k.skipped_version >= i.version THEN 'skipped'
           WHEN k.stored_version >= i.version THEN 'stored'
           WHEN k.dead_version >= i.version THEN 'dead'
       END AS outcome
FROM run_items i
-- OFFSET 0 keeps a subquery what it is
LEFT JOIN LATERAL (
    SELECT k.stored_version, k.changed_version, k.skipped_version, k.dead_version, k.awaits_transcript FROM intake k
    WHERE k.connection_id = i.connection_id AND k.vendor_key = i.vendor_key OFFSET 0) AS k ON true;
