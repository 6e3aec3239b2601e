ALTER TABLE credentials
    ALTER COLUMN key_id DROP NOT NULL,
    ALTER COLUMN sealed DROP NOT NULL,
    ADD COLUMN google_secret text,
    ADD COLUMN google_version bigint,
    ADD CONSTRAINT credentials_kept_in_one_place CHECK (
        num_nulls(key_id, sealed) IN (0, 2) AND num_nulls(google_secret, google_version) IN (0, 2)
        AND num_nonnulls(sealed, google_secret) = 1);
COMMENT ON TABLE credentials IS
    'Credentials: sealed under the master key, or the name of a secret that is kept at Google; a destroyed one has no row.';
COMMENT ON COLUMN credentials.google_secret IS 'The secret at Google''s Secret Manager, projects/PROJECT/secrets/NAME.';
COMMENT ON COLUMN credentials.google_version IS 'The number of its version. Read by number: what is latest is not the same everywhere at once.';
