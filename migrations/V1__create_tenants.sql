-- Who speaks: every transaction sets `switchboard.tenants` to a list of tenant ids, or to `*` for work across
-- tenants; a transaction that says nothing sees nothing.
CREATE FUNCTION tenants_spoken_for() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT string_to_array(current_setting('switchboard.tenants', true), ',') $$;
COMMENT ON FUNCTION tenants_spoken_for IS 'Tenants the current transaction speaks for; {*} means all.';

-- One policy for every table of tenants. The subselects make it two constants a query instead of two calls a row.
CREATE PROCEDURE guard_by_tenant(guarded regclass)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY spoken_for ON %s USING (
            tenant_id = ANY ((SELECT tenants_spoken_for())::text[])
            OR (SELECT tenants_spoken_for() = ARRAY[''*'']))', guarded);
END
$$;
COMMENT ON PROCEDURE guard_by_tenant IS 'Holds a table with a tenant_id to the tenants a transaction speaks for.';

CREATE TABLE tenants (
    tenant_id text PRIMARY KEY,
    name text NOT NULL,
    domains text[] NOT NULL DEFAULT '{}',
    gate_opened_at timestamptz,
    gated boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tenants IS 'The companies that use Switchboard.';
COMMENT ON COLUMN tenants.domains IS 'The tenant''s own mail domains, normal form; attendees of these are internal.';
COMMENT ON COLUMN tenants.gate_opened_at IS 'When accounts were first there; until then conversation runs are parked with cause crm.';
COMMENT ON COLUMN tenants.gated IS 'False lets conversations in before there are accounts.';
CALL guard_by_tenant('tenants');
