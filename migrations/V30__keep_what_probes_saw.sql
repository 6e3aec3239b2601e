ALTER TABLE streams ADD COLUMN probe_saw_calls boolean;
COMMENT ON COLUMN streams.probe_saw_calls IS
    'Whether the credential saw any call of the last 90 days when it was connected last; null where that is not asked.';
COMMENT ON COLUMN streams.last_call_at IS 'When something new was listed last; what backfills list counts only while there is nothing else.';
