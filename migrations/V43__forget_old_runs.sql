-- Runs that ended long ago are deleted, some connections at a time; who asks for that time is told so.

CREATE TABLE forgotten_runs (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    planned_before timestamptz,
    after_connection uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
COMMENT ON TABLE forgotten_runs IS 'Which runs may have been deleted, and how far the deletion has come. Holds nothing of any tenant.';
COMMENT ON COLUMN forgotten_runs.planned_before IS 'Runs that were planned before this may be gone; null while none is.';
COMMENT ON COLUMN forgotten_runs.after_connection IS 'The next connections are those after this one, by id.';
INSERT INTO forgotten_runs DEFAULT VALUES;

-- a run is kept as long as a letter names it that a person may still send again
CREATE INDEX dead_letters_of_run ON dead_letters (run_id) WHERE state <> 'closed' AND forgotten_at IS NULL;

-- a fifth of all runs, as the default has it, is three weeks of them
ALTER TABLE sync_runs SET (autovacuum_vacuum_scale_factor = 0.02);
