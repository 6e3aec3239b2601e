-- What must always hold is looked at every hour. Each look is cheap however much there is: an index holds nothing but runs that do not add
-- up, and a walk goes through the records a stretch at a time.

CREATE TABLE broken_invariants (
    invariant text NOT NULL,
    subject text NOT NULL,
    tenant_id text NOT NULL,
    connection_id uuid,
    vendor_key text,
    words text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (invariant, subject)
);
COMMENT ON TABLE broken_invariants IS 'What does not hold and should; a row goes when it holds again.';
COMMENT ON COLUMN broken_invariants.subject IS 'What it is about: a run, a record, a letter, a credential.';
COMMENT ON COLUMN broken_invariants.vendor_key IS 'Of a record: it is looked at every time until it is mended, wherever the walk is.';
COMMENT ON COLUMN broken_invariants.words IS 'What is wrong, for people.';
CALL guard_by_tenant('broken_invariants');

CREATE TABLE invariant_looks (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    looked_at timestamptz NOT NULL DEFAULT now() - interval '1 hour',
    after_connection uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    after_key text NOT NULL DEFAULT ''
);
COMMENT ON TABLE invariant_looks IS 'When the invariants were looked at last, and how far the walk through the records has come. Holds nothing of any tenant.';
INSERT INTO invariant_looks DEFAULT VALUES;

CREATE INDEX sync_runs_unbalanced ON sync_runs (run_id)
    WHERE state IN ('settled', 'failed') AND settle_look_at IS NULL AND listed <> stored + unchanged + skipped + pending + dead;
