-- A vendor that is away must not use up the attempts of whatever is under way: after several failures in a row nobody asks it but a probe.
ALTER TABLE vendor_budgets
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN last_failure text,
    ADD COLUMN probe_at timestamptz,
    ADD COLUMN probes integer NOT NULL DEFAULT 0,
    ADD COLUMN away_since timestamptz,
    ADD COLUMN easing integer CHECK (easing > 0);
COMMENT ON COLUMN vendor_budgets.failures IS 'Requests in a row that no server answered, or with an error of its own; an answer begins anew.';
COMMENT ON COLUMN vendor_budgets.failing_since IS 'When the first of them failed.';
COMMENT ON COLUMN vendor_budgets.last_failure IS 'What became of the last of them.';
COMMENT ON COLUMN vendor_budgets.probe_at IS
    'The circuit is open: nobody asks but a probe, and none before this. A probe under way has moved it, should its worker crash.';
COMMENT ON COLUMN vendor_budgets.probes IS 'Probes in a row that failed, for growing waits; kept until the account is back in full.';
COMMENT ON COLUMN vendor_budgets.away_since IS 'A probe has failed as well: so long the vendor is away, and the work of the account is parked.';
COMMENT ON COLUMN vendor_budgets.easing IS
    'So many requests may be in flight while a vendor comes back, one more with each answer; null is as many as in_flight_max.';
CREATE INDEX vendor_budgets_probes ON vendor_budgets (probe_at) WHERE probe_at IS NOT NULL;

CREATE OR REPLACE VIEW connection_blocks WITH (security_invoker = true) AS
SELECT c.connection_id,
       CASE
           WHEN NOT c.enabled OR c.paused_at IS NOT NULL OR c.disconnected_at IS NOT NULL THEN 'pause'
           WHEN c.credential_state <> 'valid' THEN 'credential'
           WHEN k.held_until > clock_timestamp() OR b.away_since IS NOT NULL THEN 'vendor-down'
           WHEN c.vendor NOT IN ('hubspot', 'salesforce') AND t.gated AND t.gate_opened_at IS NULL THEN 'crm'
           WHEN b.closed_until > clock_timestamp() + interval '1 minute' THEN 'quota'
       END AS cause
FROM connections c
JOIN tenants t USING (tenant_id)
LEFT JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
LEFT JOIN vendor_budgets b USING (vendor, vendor_account);
