CREATE TABLE connections (
    connection_id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    vendor text NOT NULL,
    vendor_account text NOT NULL,
    base_url text NOT NULL,
    allow_http boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true,
    paused_at timestamptz,
    disconnected_at timestamptz,
    backfill_days integer NOT NULL DEFAULT 90 CHECK (backfill_days BETWEEN 0 AND 3650),
    interval_s integer NOT NULL DEFAULT 900 CHECK (interval_s BETWEEN 1 AND 86400),
    lookback_s integer NOT NULL DEFAULT 172800 CHECK (lookback_s > 0),
    walk_interval_s integer NOT NULL DEFAULT 604800 CHECK (walk_interval_s > 0),
    admit_private boolean NOT NULL DEFAULT false,
    credential_generation integer NOT NULL DEFAULT 0,
    credential_state text NOT NULL DEFAULT 'absent' CHECK (credential_state IN ('absent', 'valid', 'invalid')),
    created_at timestamptz NOT NULL DEFAULT now(),
    connected_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, vendor, vendor_account)
);
COMMENT ON TABLE connections IS 'A tenant''s connection to one account of a vendor.';
COMMENT ON COLUMN connections.connection_id IS 'Derived from tenant, vendor and vendor account: connecting again is a reconnect.';
COMMENT ON COLUMN connections.vendor_account IS 'The vendor''s own workspace, portal or organisation; budgets and ids hang on it.';
COMMENT ON COLUMN connections.paused_at IS 'A person''s pause; no machine clears it.';
COMMENT ON COLUMN connections.disconnected_at IS 'The secret was destroyed; the data is kept.';
COMMENT ON COLUMN connections.credential_generation IS 'Counts the credentials this connection has had; 401s about older ones mean nothing.';
CALL guard_by_tenant('connections');

CREATE TABLE credentials (
    connection_id uuid NOT NULL REFERENCES connections,
    generation integer NOT NULL,
    tenant_id text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    header_form text NOT NULL DEFAULT 'bearer',
    invalid_at timestamptz,
    invalid_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, generation)
);
COMMENT ON TABLE credentials IS 'Credentials, sealed under the master key; a destroyed one has no row.';
COMMENT ON COLUMN credentials.key_id IS 'Which master key seals it.';
COMMENT ON COLUMN credentials.header_form IS 'The form of the Authorization header that worked last: bearer or bare.';
CALL guard_by_tenant('credentials');
