-- What kept connections from their work, and when no scheduler was there: who asks later why something did not run is answered from this.

CREATE TABLE connection_stops (
    connection_id uuid NOT NULL REFERENCES connections,
    since timestamptz NOT NULL,
    tenant_id text NOT NULL,
    reason text NOT NULL,
    until timestamptz,
    PRIMARY KEY (connection_id, since)
);
COMMENT ON TABLE connection_stops IS 'What kept a connection from its work, and when: noted by a duty of the scheduler, which compares it with what blocks the connection now.';
COMMENT ON COLUMN connection_stops.reason IS 'disconnected, disabled, paused, or a cause of parking.';
COMMENT ON COLUMN connection_stops.until IS 'When it had ended; null while it has not.';
CREATE UNIQUE INDEX connection_stops_now ON connection_stops (connection_id) WHERE until IS NULL;
CALL guard_by_tenant('connection_stops');

CREATE TABLE absences (
    role text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (role, since)
);
COMMENT ON TABLE absences IS 'When no process of a role was at work, noted by the first that came back. Holds nothing of any tenant.';
