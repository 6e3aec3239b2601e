-- A vendor's users are read once a day, and not only when its calls are walked.

ALTER TABLE streams ADD COLUMN users_read_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN streams.users_read_at IS 'When the vendor''s users were last asked for to the end, at the connect or with a run of this stream.';
