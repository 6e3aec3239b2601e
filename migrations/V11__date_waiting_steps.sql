ALTER TABLE sync_runs ADD COLUMN waiting_since timestamptz;
COMMENT ON COLUMN sync_runs.waiting_since IS 'When the first nudge for this step and attempt was sent; later copies of it do not move it. The age of the queue''s oldest nudge.';
