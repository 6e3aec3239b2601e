ALTER TABLE credentials ADD COLUMN held_until timestamptz;
COMMENT ON COLUMN credentials.held_until IS
    'Until then nobody asks with it: it was refused together with many others, which is taken for the vendor''s outage.';

CREATE OR REPLACE VIEW connection_blocks WITH (security_invoker = true) AS
SELECT c.connection_id,
       CASE
           WHEN NOT c.enabled OR c.paused_at IS NOT NULL OR c.disconnected_at IS NOT NULL THEN 'pause'
           WHEN c.credential_state <> 'valid' THEN 'credential'
           WHEN k.held_until > clock_timestamp() THEN 'vendor-down'
           WHEN c.vendor NOT IN ('hubspot', 'salesforce') AND t.gated AND t.gate_opened_at IS NULL THEN 'crm'
           WHEN b.closed_until > clock_timestamp() + interval '1 minute' THEN 'quota'
       END AS cause
FROM connections c
JOIN tenants t USING (tenant_id)
LEFT JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
LEFT JOIN vendor_budgets b USING (vendor, vendor_account);
