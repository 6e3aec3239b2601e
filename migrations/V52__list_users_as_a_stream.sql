-- A vendor's users are a stream as any other: with runs, sums, and a place in every report. Every run lists all there is.

ALTER TABLE streams ADD COLUMN interval_min_s integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN streams.interval_min_s IS 'Seconds between its periodic runs at least, whatever the connection''s interval.';
COMMENT ON COLUMN streams.users_read_at IS 'Of programs from before users were a stream; nothing reads it any more.';

-- a queue or a machine is a user without an address
ALTER TABLE users ALTER COLUMN email DROP NOT NULL, ALTER COLUMN email_key DROP NOT NULL;

SET LOCAL switchboard.tenants = '*';
-- Where some were read a permission is there; they were read within the last day, and are again within the next. Not within the hour, for
-- programs from before know nothing of such a stream.
INSERT INTO streams (connection_id, stream, tenant_id, live_from, due_at, walk_due_at, bootstrapped_from, history_unplanned,
                     interval_min_s, covered)
SELECT c.connection_id, 'users', c.tenant_id, now(), now() + interval '1 hour' + random() * interval '22 hours',
       now() + make_interval(secs => c.walk_interval_s), 'epoch', false, 86400, tstzmultirange(tstzrange('epoch', now()))
FROM connections c
WHERE c.disconnected_at IS NULL AND EXISTS (SELECT FROM users u WHERE u.connection_id = c.connection_id);
