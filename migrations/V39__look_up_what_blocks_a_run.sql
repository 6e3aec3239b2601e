-- What blocks a run is looked up, connection by connection. Joined, the planner took whatever it believed of how many runs are open, which
-- its statistics know nothing of: with a thousand planned runs it read every connection a thousand times.
CREATE OR REPLACE VIEW run_blocks WITH (security_invoker = true) AS
SELECT r.run_id, coalesce(b.cause, q.cause) AS cause, r.tenant_id, r.state, r.parked_cause, r.planned_at
FROM sync_runs r
-- OFFSET 0 keeps a subquery what it is
CROSS JOIN LATERAL (SELECT k.cause FROM connection_blocks k WHERE k.connection_id = r.connection_id OFFSET 0) AS b
LEFT JOIN LATERAL (
    SELECT 'quota' AS cause FROM connections c JOIN vendor_shares s USING (vendor, vendor_account)
    WHERE c.connection_id = r.connection_id AND s.share = run_share(r.kind, r.replayed) AND s.left_over = 0 OFFSET 0) AS q ON true
WHERE r.state IN ('planned', 'listing', 'parked');
