CREATE TABLE users (
    connection_id uuid NOT NULL REFERENCES connections,
    external_id text NOT NULL,
    tenant_id text NOT NULL REFERENCES tenants,
    name text,
    email text NOT NULL,
    email_key text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, external_id)
);
COMMENT ON TABLE users IS
    'The tenant''s own people, as a recorder knows them. One that is no longer listed stays: who was a colleague in a call remains one.';
COMMENT ON COLUMN users.external_id IS 'The vendor''s id of the user.';
COMMENT ON COLUMN users.email_key IS 'The address in normal form, by which attendees are matched.';
CREATE INDEX users_by_email ON users (tenant_id, email_key);
CALL guard_by_tenant('users');

COMMENT ON TABLE account_changes IS 'Changes of accounts and users whose conversations are still to be linked again; a row goes when that is under way.';
