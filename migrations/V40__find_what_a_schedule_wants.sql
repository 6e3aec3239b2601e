-- A schedule asks every half second what is due. Each of these was found by reading every stream there is.
ALTER TABLE streams ADD COLUMN history_unplanned boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN streams.history_unplanned IS
    'Nobody has looked how much history is wanted since the connection was made or changed.';
CREATE INDEX streams_history_unplanned ON streams (connection_id) WHERE history_unplanned;
CREATE INDEX streams_walk_due ON streams (walk_due_at);
CREATE INDEX streams_silent ON streams (connection_id) WHERE silent_since IS NOT NULL;
CREATE INDEX streams_vanished_held ON streams (connection_id) WHERE vanished_held IS NOT NULL;

SET LOCAL switchboard.tenants = '*';
UPDATE streams s SET history_unplanned = false FROM connections c
WHERE c.connection_id = s.connection_id
  AND s.bootstrapped_from <= CASE s.stream WHEN 'conversations' THEN s.live_from - make_interval(days => c.backfill_days) ELSE 'epoch' END;
