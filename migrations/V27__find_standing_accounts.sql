-- Row-level security lets an index be asked only by what cannot leak what it compares: a coalesce is not believed, a CASE is. Every
-- look-up of an account read all accounts of its tenant.
CREATE OR REPLACE VIEW standing_accounts WITH (security_invoker = true) AS
SELECT l.tenant_id, l.account_id AS found_id, a.account_id, a.source, a.external_id, a.name, a.created_at
FROM accounts l
JOIN accounts a ON a.tenant_id = l.tenant_id
    AND a.account_id = CASE WHEN l.merged_into IS NULL THEN l.account_id ELSE l.merged_into END
WHERE a.deleted_at IS NULL AND a.merged_into IS NULL;
