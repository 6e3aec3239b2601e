CREATE TABLE credential_refreshes (
    connection_id uuid PRIMARY KEY REFERENCES connections,
    tenant_id text NOT NULL,
    generation integer NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE credential_refreshes IS
    'Who is refreshing a credential: written before the vendor is asked, gone when the answer is stored. A refresh token is spent by asking, so nobody else may ask meanwhile.';
COMMENT ON COLUMN credential_refreshes.generation IS 'The credential that is being refreshed.';
COMMENT ON COLUMN credential_refreshes.attempts IS 'After one that was interrupted there is one more: it may find the token spent.';
COMMENT ON COLUMN credential_refreshes.expires_at IS 'Later than any answer: then whoever asked has died.';
CALL guard_by_tenant('credential_refreshes');
