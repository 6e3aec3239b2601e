ALTER TABLE credentials
    ADD COLUMN refused_since timestamptz,
    ADD COLUMN refused_at timestamptz,
    ADD COLUMN answered_at timestamptz,
    ADD COLUMN probe_at timestamptz,
    ADD COLUMN probes integer NOT NULL DEFAULT 0,
    ADD COLUMN restored_at timestamptz;
COMMENT ON COLUMN credentials.refused_since IS 'First confirmed refusal after the last answer. Counted before the key is marked: many at once are the vendor''s outage.';
COMMENT ON COLUMN credentials.refused_at IS 'Last confirmed refusal after the last answer.';
COMMENT ON COLUMN credentials.answered_at IS 'When the vendor last answered it, to some seconds.';
COMMENT ON COLUMN credentials.probe_at IS 'When a key that was marked invalid is asked with next: the refusal may have been the vendor''s mistake.';
COMMENT ON COLUMN credentials.probes IS 'Probes so far, for growing intervals and an end.';
COMMENT ON COLUMN credentials.restored_at IS 'When a probe found that it is good after all.';
CREATE INDEX credentials_to_probe ON credentials (probe_at) WHERE probe_at IS NOT NULL;
