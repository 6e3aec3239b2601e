ALTER TABLE sync_runs
    ADD COLUMN cursor text,
    ADD COLUMN restarts integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN sync_runs.cursor IS 'Where the vendor''s list goes on, at vendors that page by cursor; null at the beginning. Worth nothing after a while: then the list is begun again.';
COMMENT ON COLUMN sync_runs.restarts IS 'How often the list was begun again because its cursor had grown too old.';
